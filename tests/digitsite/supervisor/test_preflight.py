"""A start that cannot succeed is refused in one sentence that says what to do."""

import os
import socket
import subprocess
import sys

import pytest

from digitsite.supervisor import preflight
from digitsite.supervisor.preflight import CannotStart
from tests.conftest import free_port


def test_a_home_is_made_and_left_empty(tmp_path):
    preflight.ensure_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_home_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match=r"file/home cannot be written .* DIGITSITE_HOME"):
        preflight.ensure_writable(tmp_path / "file" / "home")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_of_somebody_else_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(CannotStart, match="cannot be written"):
        preflight.ensure_writable(tmp_path)


def test_a_taken_port_is_refused_and_another_is_offered():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} is taken .* PORT={port + 1}"):
            preflight.ensure_port_free("127.0.0.1", port)
        assert preflight.somebody_listens("127.0.0.1", port)


def test_a_free_port_is_accepted():
    port = free_port()
    preflight.ensure_port_free("127.0.0.1", port)
    assert not preflight.somebody_listens("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(CannotStart, match="DIGITSITE_BIND"):
        preflight.ensure_port_free("192.0.2.1", free_port())


def test_a_home_serves_one_site_at_a_time(tmp_path):
    lock = preflight.take_lock(tmp_path)
    with pytest.raises(CannotStart, match=f"already runs .*process {os.getpid()}"):
        preflight.take_lock(tmp_path)
    os.close(lock)
    os.close(preflight.take_lock(tmp_path))


def test_a_lock_whose_holder_was_killed_is_waited_for(tmp_path):
    """The warden of a killed supervisor keeps the lock until the last process has ended."""
    script = """
import os, subprocess, sys
from pathlib import Path
from digitsite.supervisor import preflight
lock = preflight.take_lock(Path(sys.argv[1]))
subprocess.Popen(["sleep", "1"], pass_fds=(lock,))
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    said: list[str] = []
    with pytest.raises(CannotStart):
        preflight.take_lock(tmp_path, patience_seconds=0)
    os.close(preflight.take_lock(tmp_path, say=said.append))
    assert said == ["The former site was killed and its processes are still ending: waiting."]
