"""setup.sh makes the environment from locked requirements, and says in a sentence why it cannot."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = pytest.mark.processes

METADATA = "Metadata-Version: 2.1\nName: tiny-package\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _make_wheel(folder: Path) -> str:
    """A wheel of a package `tiny_package`: its SHA-256."""
    folder.mkdir()
    file = folder / "tiny_package-1.0-py3-none-any.whl"
    info = "tiny_package-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("tiny_package.py", "")
        wheel.writestr(f"{info}/METADATA", METADATA)
        wheel.writestr(f"{info}/WHEEL", WHEEL)
        wheel.writestr(f"{info}/RECORD", f"tiny_package.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    return hashlib.sha256(file.read_bytes()).hexdigest()


class Checkout:
    """A copy of setup.sh with requirements of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.links = folder / "links"
        self.digest = _make_wheel(self.links)
        (folder / "requirements").mkdir()
        shutil.copy(Path(settings.BASE_DIR) / "setup.sh", folder)

    def require(self, digest: str) -> None:
        (self.folder / "requirements" / "base.txt").write_text(
            f"tiny-package==1.0 \\\n    --hash=sha256:{digest}\n"
        )

    def set_up(self, **environment: str) -> subprocess.CompletedProcess:
        inherited = {name: value for name, value in os.environ.items() if "PIP_" not in name}
        return subprocess.run(
            ["/bin/sh", "setup.sh", "base"],
            cwd=self.folder,
            env=inherited
            | {
                "PYTHON": sys.executable,
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(self.links),
            }
            | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("checkout"))


def test_without_a_fitting_python_it_names_the_ones_that_fit(tmp_path):
    result = Checkout(tmp_path).set_up(PYTHON="/bin/false")
    assert result.returncode == 1
    assert "Digitsite needs Python 3.11, 3.12 or 3.13" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_file_with_another_digest_is_refused(checkout):
    checkout.require("0" * 64)
    result = checkout.set_up()
    assert result.returncode == 1
    assert "other files than the ones locked" in result.stderr


def test_an_index_that_does_not_answer_is_named(checkout):
    checkout.require(checkout.digest)
    result = checkout.set_up(PIP_FIND_LINKS="")
    assert result.returncode == 1
    assert "The package index does not answer" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_second_time_nothing_is_installed_until_the_lock_changes(checkout):
    checkout.require(checkout.digest)
    first = checkout.set_up()
    assert (first.returncode, first.stderr) == (0, "")
    assert "Installed in" in first.stdout
    python = checkout.folder / ".venv" / "bin" / "python"
    subprocess.run([python, "-c", "import tiny_package"], check=True)

    second = checkout.set_up()
    assert (second.returncode, second.stdout) == (0, "")

    with (checkout.folder / "requirements" / "base.txt").open("a") as lock:
        lock.write("# changed\n")
    assert "Installed in" in checkout.set_up().stdout
