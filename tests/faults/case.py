"""One run under attack, and the words in which faults are told."""

import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.faults.site import WORKERS, Refused, Site, parent_of, wait_for

EPOCHS = 6
# Everything that a checkpoint has to carry: dropout, augmentation, averaged weights, Adam.
HYPERPARAMETERS: dict[str, Any] = {
    "filters": 4,
    "dense_units": 16,
    "epochs": EPOCHS,
    "batch_size": 8,
    "precision": "float32",
    "dropout": 0.2,
    "ema": 0.9,
    "rotation": 10,
    "shift": 1,
    "validation_share": 0.25,
    "seed": 7,
}
FINAL = ("succeeded", "failed", "cancelled")


@dataclass
class Case:
    """A seeded attack. The fault submits the run itself, at the moment that suits it."""

    site: Site
    random: random.Random
    run_id: int = 0
    expected: tuple[str, ...] = ("succeeded",)
    may_go_back: bool = False  # a checkpoint was damaged: epochs may be trained twice
    cancel_seconds: float | None = None
    trained_after_cancel: float = 0.0
    threads: list[threading.Thread] = field(default_factory=list)

    def submit(self) -> None:
        self.run_id = self.site.submit(HYPERPARAMETERS)

    @property
    def row(self) -> dict[str, Any]:
        return self.site.run(self.run_id)

    def some_moment(self) -> None:
        """Wait until a random point in the training: start-up, any epoch, near the end."""
        self.wait_for_epochs(self.random.randrange(EPOCHS))
        time.sleep(self.random.uniform(0, 0.5))

    def wait_for_epochs(self, count: int) -> dict[str, Any]:
        """... while it runs; a run that is over is there as well."""

        def there() -> dict[str, Any] | None:
            row = self.row
            trains = row["status"] == "running" and row["epochs_done"] >= count
            return row if trains or row["status"] in FINAL else None

        return wait_for(f"epoch {count} of run {self.run_id}", there)

    def trainer(self) -> int | None:
        """The process that trains; None if nobody does."""
        row = self.row
        if row["status"] != "running":
            return None
        return int(row["worker"].rpartition(":")[2])

    def worker(self) -> str:
        """The name of the worker whose child trains; any, if nobody does."""
        pid = self.trainer()
        if pid is not None:
            try:
                parent = parent_of(pid)
            except FileNotFoundError:
                parent = 0
            for name in WORKERS:
                if self.site.processes[name].pid == parent:
                    return name
        return self.random.choice(WORKERS)

    def order(self, place: str, what: str = "kill") -> None:
        """The next process that gets to this crash point does that."""
        part = self.site.folder / "order"
        part.write_text(what)
        part.rename(self.site.orders / place)

    def obeyed(self, place: str) -> bool:
        return any(self.site.orders.glob(f"{place}.taken-by-*"))

    def withdraw_orders(self) -> None:
        for path in self.site.orders.iterdir():
            path.unlink()

    def meanwhile(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        thread.start()
        self.threads.append(thread)

    def finish(self) -> dict[str, Any]:
        """Wait until the run is over; its row."""
        for thread in self.threads:
            thread.join()

        wait_for(f"the end of run {self.run_id}", lambda: self.over)
        return self.row

    @property
    def over(self) -> bool:
        return self.row["status"] in FINAL

    def cancel(self, *, wait: bool = True) -> bool:
        """Ask for it, and measure how long it takes. False if the run was over before."""
        try:
            self.site.request("POST", f"runs/{self.run_id}/cancel")
        except Refused as refused:
            if refused.args[0] != HTTPStatus.CONFLICT:
                raise
            return False
        if wait:
            self._watch_cancel()
        return self.row["status"] == "cancelled"

    def _watch_cancel(self) -> None:
        """How long it takes, and how much the trainer still computes: one thread, so that its
        processor time is the time it trained, however busy the machine is."""
        asked = time.monotonic()
        row = self.row
        pid = self.trainer() if "epoch" in row["progress"] else None  # else it only starts up
        first = last = processor_seconds(pid)

        def over() -> bool:
            nonlocal last
            last = max(last, processor_seconds(pid))
            return self.over

        wait_for("the cancelled run", over)
        self.cancel_seconds = time.monotonic() - asked
        self.trained_after_cancel = last - first

    def resume(self) -> None:
        self.site.request("POST", f"runs/{self.run_id}/resume")

    def checkpoint(self) -> Path:
        return self.site.home / "files" / self.row["checkpoint"]


def processor_seconds(pid: int | None) -> float:
    """Used by a process so far, all its threads together; 0 if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
