"""Every example of docs/api.md runs as it stands, against a real web process."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from PIL import Image

from digitsite.accounts.roles import Role
from digitsite.accounts.tokens import create_token
from inference.models import Drawing
from inference.services.promotion import promote
from tests.factories import make_user
from tests.inference.rows import make_version
from tests.web_server import web_server

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

PAGE = Path(settings.BASE_DIR) / "docs" / "api.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = shutil.which("sh") or "/bin/sh"
RUN = {"sh": [SHELL, "-euc"], "python": [sys.executable, "-W", "error::SyntaxWarning", "-c"]}


def run(language: str, code: str, folder: Path, environment: dict[str, str]) -> str:
    """What the example prints; one that fails, or says nothing, fails the test."""
    done = subprocess.run(
        [*RUN[language], code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    assert done.stdout.strip(), f"says nothing:\n{code}"
    return done.stdout


def test_every_example_of_the_page_works(child_environment, tmp_path, redis_url):
    version = make_version()
    promote(version, by=None, reason="for the test")
    ada = make_user(Role.DRAWER, "ada")
    _, key = create_token(ada, "examples")
    paper = np.full((90, 60), 255, np.uint8)
    paper[20:70, 27:33] = 0
    Image.fromarray(paper).save(tmp_path / "digit.png")

    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert {language for language, _ in blocks} == set(RUN)
    with web_server(child_environment | {"REDIS_URL": redis_url}, tmp_path) as address:
        environment = os.environ | {
            "DIGITSITE_URL": address,
            "DIGITSITE_TOKEN": key,
            "GRADIO_ANALYTICS_ENABLED": "False",
        }
        said = [run(language, code, tmp_path, environment) for language, code in blocks]

    of_curl = [
        json.loads(text) for (name, _), text in zip(blocks, said, strict=True) if name == "sh"
    ]
    assert [answer["model"] for answer in of_curl] == [str(version)] * 2
    assert [len(answer["predictions"]) for answer in of_curl] == [1, 1]
    of_python = "".join(
        text for (name, _), text in zip(blocks, said, strict=True) if name == "python"
    )
    assert "the model saw 28 rows of pixels" in of_python
    assert "422 drawing_empty batch.1.strokes\n" in of_python
    # One drawing through REST, one through the studio, both Ada's.
    assert list(Drawing.objects.values_list("author__username", "label")) == [("ada", 1)] * 2


def test_the_page_names_only_codes_that_the_api_has():
    """The codes of the table are words of the source; a renamed one is noticed here."""
    table = PAGE.read_text(encoding="utf-8").partition("| status |")[2]
    codes = set(re.findall(r"`([a-z_]+)`", table)) - {"maximum"}
    assert len(codes) > 15
    root = Path(settings.BASE_DIR)
    files = [
        *root.glob("digitsite/**/*.py"),
        *root.glob("training/**/*.py"),
        *root.glob("inference/**/*.py"),
    ]
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    unknown = {code for code in codes if f'"{code.removeprefix("drawing_")}"' not in source}
    assert unknown == set()
