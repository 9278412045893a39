"""Private folders on the trainer's own disk: `work/run-7-fence-2-x1y2/`, one for each claim."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from training.services.claims import Claim

_NAME = re.compile(r"run-(\d+)-fence-(\d+)-.*")


@contextmanager
def workspace(claim: Claim) -> Iterator[Path]:
    """A folder that is gone afterwards."""
    parent = _parent()
    parent.mkdir(parents=True, exist_ok=True)
    prefix = f"run-{claim.run_id}-fence-{claim.fence}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True) as path:
        yield Path(path)


def sweep() -> None:
    """Remove the folders whose claims are over: their trainers died without a chance to."""
    for folder in _parent().glob("run-*"):
        match = _NAME.fullmatch(folder.name)
        if match and not Claim(int(match[1]), int(match[2])).rows.exists():
            shutil.rmtree(folder, ignore_errors=True)


def _parent() -> Path:
    return settings.HOME / "work"
