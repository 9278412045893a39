"""A stand-in for the network's training."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from tests.factories import block_reader_onnx
from training import storage
from training.ml.export import ExportedFile, ExportProof
from training.ml.fit import BatchProgress, EpochResult, FitResult
from training.ml.initial import InitialWeights

TEMPERATURE = 1.25


def _result(first: int, *, completed: bool) -> FitResult:
    return FitResult(
        model=SimpleNamespace(),
        weights_sha256="d" * 64,
        temperature=TEMPERATURE,
        epochs=[],
        completed=completed,
        resumed_from_epoch=first or None,
        notes=["a note"] if completed else [],
    )


@dataclass
class FakeTraining:
    """Plays `fit` and `export`: epochs of a file each; `before_epoch` may do anything first."""

    before_epoch: dict = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    export_error: Exception | None = None
    waits_for_stop: bool = False
    threads: int | None = None
    initial: InitialWeights | None = None

    def fit(
        self, hyperparameters, digits, *, checkpoint_dir: Path, monitor, threads, initial
    ) -> FitResult:
        self.threads = threads
        self.initial = initial
        self.found = sorted(path.name for path in checkpoint_dir.glob("*"))
        first = max((int(name[6:11]) for name in self.found), default=0)
        for epoch in range(first, hyperparameters.epochs):
            self.before_epoch.get(epoch, lambda: None)()
            while self.waits_for_stop and not monitor.should_stop():
                time.sleep(0.01)
            if monitor.should_stop():
                return _result(first, completed=False)
            monitor.on_batch(BatchProgress(epoch, hyperparameters.epochs, 6, 6, 0.5, 0.9))
            checkpoint_dir.mkdir(exist_ok=True)
            path = checkpoint_dir / f"epoch-{epoch + 1:05d}.ckpt"
            path.write_text(f"state after {epoch + 1}")
            monitor.on_epoch(EpochResult(epoch, 0.5, 0.9, 0.6, 0.8, 1e-3, 2.0), path)
        return _result(first, completed=True)

    def export(self, model, digits, directory: Path) -> SimpleNamespace:
        if self.export_error:
            raise self.export_error
        directory.mkdir()
        files = {}
        for kind in ("keras", "h5", "onnx"):
            path = directory / f"model.{kind}"
            path.write_bytes(block_reader_onnx())
            files[kind] = ExportedFile(path, storage.sha256_of(path), path.stat().st_size)
        return SimpleNamespace(files=files, proof=ExportProof(64, 1, 0, 1, 0, 1, 1e-7))
