"""Every fault: what is done to the site around one run. Times and places come from the seed."""

from tests.faults import of_processes, of_surroundings  # noqa: F401  each adds its own
from tests.faults.registry import FAULTS

ONLY_ON_POSTGRES = {"database-restarted"}


def faults_for(kind: str) -> list[str]:
    """Names of the faults that this kind of database can have."""
    real = [name for name in FAULTS if name != "none"]
    return [name for name in real if kind == "postgresql" or name not in ONLY_ON_POSTGRES]
