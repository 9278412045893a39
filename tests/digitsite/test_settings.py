"""Settings fail loudly on what they do not understand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.digitsite.settings_names import names_read_by_settings


def _import_settings(**environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", "import digitsite.settings as s; print(s.DEBUG, s.HTTPS)"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "digitsite.settings", **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DIGITSITE_DEBUG", "maybe"),
        ("DIGITSITE_HTTPS", "2"),
        ("RUN_LEASE_SECONDS", "soon"),
        ("RUN_LEASE_SECONDS", "0"),
        ("RUN_MAX_ATTEMPTS", "1.5"),
        ("REVIEWS_REQUIRED", "99"),
        ("DATABASE_URL", "mysterious://here"),
    ],
)
def test_a_value_that_is_not_understood_stops_the_start_and_is_named(name, value):
    result = _import_settings(**{name: value})
    assert result.returncode != 0
    assert value.split(":")[0] in result.stderr.splitlines()[-1]


def test_settings_of_the_tests_load_as_they_are():
    assert _import_settings().stdout.split() == ["False", "False"]


def test_docs_name_every_variable_that_the_settings_read_and_no_other():
    text = (Path(settings.BASE_DIR) / "docs" / "settings.md").read_text()
    documented = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert documented == names_read_by_settings()
