"""A real Chromium, one for all browser tests."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urljoin

import pytest
import uvicorn
from django.conf import settings as django_settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from digitsite.accounts.models import User
from inference.services.promotion import promote
from tests.conftest import free_port
from tests.inference.rows import make_version

# A busy machine is slow, not wrong.
expect.set_options(timeout=20_000)

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """DIGITSITE_TEST_CHROMIUM, else the first Chromium on PATH, else Playwright's own."""
    program = os.environ.get("DIGITSITE_TEST_CHROMIUM") or next(
        filter(None, map(shutil.which, NAMES)), None
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """`open_page(url, person)`: a page of that person's, in its own context."""
    contexts = []

    def open_page(url: str, person: User | None = None, **options) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        if person is not None:
            client = Client()
            client.force_login(person)
            name = django_settings.SESSION_COOKIE_NAME
            context.add_cookies(
                [{"name": name, "value": client.cookies[name].value, "url": urljoin(url, "/")}]
            )
        page = context.new_page()
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def site() -> Iterator[str]:
    """The address of the whole web application behind uvicorn, in a thread of this process."""
    from digitsite.asgi import application
    from inference.predictor import predictor

    predictor.forget()
    static = ASGIStaticFilesHandler(get_asgi_application())

    async def site_with_static_files(scope, receive, send):
        is_static = scope["type"] == "http" and scope["path"].startswith("/static/")
        await (static if is_static else application)(scope, receive, send)

    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            site_with_static_files,
            port=port,
            log_level="warning",
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "uvicorn did not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()
    predictor.forget()


@pytest.fixture
def production():
    version = make_version()
    promote(version, by=None, reason="first")
    return version
