"""`manage.py doctor` finds what ails a site, and says what to do."""

import pytest
from django.core.management import call_command

from digitsite import bootstrap, diagnosis
from digitsite.file_storage import storage_for
from tests import factories
from tests.conftest import free_port
from tests.object_store import KEYS

pytestmark = pytest.mark.django_db


def _findings() -> dict[str, diagnosis.Finding]:
    return {finding.subject: finding for finding in diagnosis.diagnose()}


def test_an_empty_site_lacks_what_the_bootstrap_makes(redis_url):
    found = _findings()
    assert found["Database"].well
    assert found["Migrations"].well
    assert found["Redis"].well
    for subject in ("Workers", "Administrator", "MNIST", "Model"):
        assert not found[subject].well, subject


def test_a_complete_site_is_well(redis_url):
    from training import worker_liveness

    bootstrap.first_admin()
    run = factories.make_succeeded_run(evaluated=True, dataset=factories.make_dataset(kind="mnist"))
    bootstrap.promote(run.model_version, by=None, reason="for the test")
    worker_liveness.report_alive()
    assert [finding for finding in diagnosis.diagnose() if not finding.well] == []
    call_command("doctor")


def test_a_missing_model_file_is_found(redis_url):
    from django.core.files.storage import default_storage

    run = factories.make_succeeded_run(evaluated=True)
    bootstrap.promote(run.model_version, by=None, reason="for the test")
    default_storage.delete(run.artifacts["onnx"]["name"])
    assert "missing" in _findings()["Model"].state


def test_a_redis_that_is_away_is_named_without_its_password(settings):
    settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"
    found = _findings()
    assert not found["Redis"].well
    assert "secret" not in found["Redis"].state
    assert not found["Workers"].well


def test_a_home_that_cannot_be_written_is_found(settings, tmp_path):
    (tmp_path / "file").touch()
    settings.HOME = tmp_path / "file" / "home"
    assert "DIGITSITE_HOME" in _findings()["Home"].advice


def test_a_full_disk_is_found(monkeypatch):
    monkeypatch.setattr(diagnosis, "ENOUGH_FREE_BYTES", 10**18)
    assert "Free at least" in _findings()["Disk"].advice


def test_a_file_storage_that_is_away_is_found_and_nothing_is_looked_for_in_it(
    settings, monkeypatch
):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    nobody = storage_for(f"s3://digits?endpoint=http://127.0.0.1:{free_port()}&region=x")
    settings.STORAGES = settings.STORAGES | {"default": nobody}
    found = _findings()
    assert "bucket digits" in found["Files"].state
    assert "does not answer" in found["Files"].state
    assert "DIGITSITE_FILES_URL" in found["Files"].advice
    assert "Model" not in found


def test_the_probe_of_the_files_is_removed(settings):
    from django.core.files.storage import default_storage

    assert _findings()["Files"].well
    assert default_storage.listdir("doctor") == ([], [])


def test_a_database_that_is_away_is_found_and_nothing_is_asked_of_it(monkeypatch):
    from django.db import OperationalError, connection

    def refuse():
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    found = _findings()
    assert "connection refused" in found["Database"].state
    assert "Model" not in found


def test_anything_ill_makes_the_command_fail(capsys):
    with pytest.raises(SystemExit, match="1"):
        call_command("doctor")
    assert "NO  Model" in capsys.readouterr().out
