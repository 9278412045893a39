"""How Digitsite opens SQLite."""

import sqlite3

# Releases that carry the fix of the WAL-reset bug (https://sqlite.org/wal.html), by branch.
_WAL_RESET_FIXED = {(3, 44): 6, (3, 50): 7, (3, 51): 3}


def wal_is_safe(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite release cannot corrupt a database when a WAL file is reset."""
    major, minor, patch = version
    if (major, minor) > (3, 51):
        return True
    fixed_in = _WAL_RESET_FIXED.get((major, minor))
    return fixed_in is not None and patch >= fixed_in


def sqlite_options() -> dict[str, object]:
    """Django database OPTIONS: writers queue at BEGIN, every commit reaches the disk."""
    journal = "WAL" if wal_is_safe() else "TRUNCATE"
    return {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": f"PRAGMA journal_mode={journal}; PRAGMA synchronous=FULL;",
    }
