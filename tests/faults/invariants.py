"""What must hold after every fault, read from the database, the disk and the process table."""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.faults.case import EPOCHS, Case
from tests.faults.site import InVain, Site, parent_of, wait_for

MOVES = {
    ("queued", "running"),
    ("queued", "cancelled"),
    ("queued", "failed"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("running", "queued"),
    ("cancelled", "queued"),
    ("failed", "queued"),
}
SETTLE_SECONDS = 30.0
EVALUATION_SECONDS = 60.0
CANCEL_SECONDS = 2.0


def violations(case: Case, reference: str) -> list[str]:
    """Sentences about what does not hold; none if all is well.

    reference: digest of the weights of a run that nothing disturbed.
    """
    row = case.row
    found = [*_outcome(case, row, reference), *_moves(case), *_epochs(case, row)]
    found += _registered(case, row)
    for look in (_files, _workspaces, _strangers):
        found += _settled(partial(look, case))
    return found


def unfinished_evaluations(site: Site) -> list[str]:
    """Evaluations that nobody does, although the keeper had the time to ask again."""
    return _settled(partial(_evaluations_left, site), EVALUATION_SECONDS)


def _settled(look: Callable[[], list[str]], seconds: float | None = None) -> list[str]:
    """What `look` still finds after the time in which remains are cleared away."""
    try:
        wait_for("rest", lambda: not look(), SETTLE_SECONDS if seconds is None else seconds)
    except InVain:
        return look()
    return []


def _outcome(case: Case, row: dict[str, Any], reference: str) -> list[str]:
    found = []
    if row["status"] not in case.expected:
        found.append(f"{row['status']} ({row['error']}), expected {' or '.join(case.expected)}")
    if row["status"] == "succeeded" and reference and row["weights_digest"] != reference:
        found.append(f"weights {row['weights_digest'][:12]}, undisturbed {reference[:12]}")
    if row["lease_until"] is not None:
        found.append(f"a lease until {row['lease_until']} although {row['status']}")
    if case.trained_after_cancel > CANCEL_SECONDS:
        found.append(f"trained for {case.trained_after_cancel:.1f} s after cancel")
    return found


def _moves(case: Case) -> list[str]:
    found = []
    moves = case.site.database.rows(
        "SELECT * FROM fault_moves WHERE run_id = ? ORDER BY id", case.run_id
    )
    for move in moves:
        old, new = move["old_status"], move["status"]
        claimed = (old, new) == ("queued", "running")
        if old != new and (old, new) not in MOVES:
            found.append(f"moved from {old} to {new}")
        if move["fence"] != move["old_fence"] + claimed:
            found.append(f"fence {move['old_fence']} to {move['fence']} while {old} to {new}")
        stepped = move["epochs"] - move["old_epochs"]
        if stepped not in (0, 1) and not case.may_go_back:
            found.append(f"epochs {move['old_epochs']} to {move['epochs']}")
    for before, after in pairwise(moves):
        if (before["status"], before["fence"]) != (after["old_status"], after["old_fence"]):
            found.append(f"two histories: {before} then {after}")
    if sum(move["status"] == "succeeded" != move["old_status"] for move in moves) > 1:
        found.append("succeeded twice")
    return found


def _epochs(case: Case, row: dict[str, Any]) -> list[str]:
    found = []
    written = case.site.database.rows(
        "SELECT * FROM fault_epochs WHERE run_id = ? ORDER BY id", case.run_id
    )
    for epoch in written:
        if epoch["fence"] != epoch["run_fence"] or epoch["run_status"] != "running":
            found.append(f"a stale trainer wrote an epoch: {epoch}")
    order = [epoch["epoch"] for epoch in written]
    if order != list(range(len(order))) and not case.may_go_back:
        found.append(f"epochs were recorded in the order {order}")
    kept = case.site.database.rows(
        "SELECT epoch, fence FROM training_epochmetric WHERE run_id = ? ORDER BY epoch", case.run_id
    )
    if [epoch["epoch"] for epoch in kept] != list(range(row["epochs_done"])):
        found.append(f"{row['epochs_done']} epochs done, rows {kept}")
    if row["status"] == "succeeded" and row["epochs_done"] != EPOCHS:
        found.append(f"succeeded after {row['epochs_done']} epochs")
    fences = [epoch["fence"] for epoch in kept]
    if fences != sorted(fences):
        found.append(f"a lower fence after a higher: {fences}")
    return found


def _registered(case: Case, row: dict[str, Any]) -> list[str]:
    expected = int(row["status"] == "succeeded")
    found = []
    for table in ("inference_modelversion", "training_evaluation"):
        count = len(
            case.site.database.rows(f"SELECT id FROM {table} WHERE run_id = ?", case.run_id)
        )
        if count != expected:
            found.append(f"{count} rows in {table} of a run that has {row['status']}")
    return found


def _files(case: Case) -> list[str]:
    """What is wrong with the run's folder in the storage."""
    row = case.row
    found = []
    files = case.site.home / "files"
    folder = files / "runs" / str(case.run_id)
    artifacts = row["artifacts"]
    artifacts = json.loads(artifacts) if isinstance(artifacts, str) else artifacts
    for artifact in artifacts.values():
        if _sha256(files / artifact["name"]) != artifact["sha256"]:
            found.append(f"{artifact['name']} does not have its digest")
    named = {files / artifact["name"] for artifact in artifacts.values()}
    checkpoints = list((folder / "checkpoints").glob("epoch-*.ckpt"))
    if row["checkpoint"] and files / row["checkpoint"] not in checkpoints:
        found.append(f"{row['checkpoint']} is not there")
    if row["status"] == "succeeded" and len(checkpoints) > 2:
        found.append(f"{len(checkpoints)} checkpoints kept")
    for path in folder.rglob("*"):
        if path.is_file() and path not in named and path not in checkpoints:
            found.append(f"left over: {path.relative_to(files)}")
    return found


def _workspaces(case: Case) -> list[str]:
    return [f"left over: {path}" for path in (case.site.home / "work").glob("*")]


def _strangers(case: Case) -> list[str]:
    """Processes of the site that are neither the supervised ones nor a worker's one child."""
    site = case.site
    known = {process.pid: name for name, process in site.processes.items()}
    children: dict[int, list[int]] = {}
    found = []
    for pid in site.pids():
        if pid in known:
            continue
        try:
            parent = parent_of(pid)
        except FileNotFoundError:
            continue
        if known.get(parent, "").startswith("worker"):
            children.setdefault(parent, []).append(pid)
        else:
            found.append(f"process {pid} belongs to nobody")
    for parent, pids in children.items():
        if len(pids) > 1:
            found.append(f"{known[parent]} has {len(pids)} children")
    return found


def _evaluations_left(site: Site) -> list[str]:
    rows = site.database.rows(
        "SELECT run_id, status, error FROM training_evaluation WHERE status <> 'done'"
    )
    return [f"evaluation of run {row['run_id']}: {row['status']} {row['error']}" for row in rows]


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return "missing"
