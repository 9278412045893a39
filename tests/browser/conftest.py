"""A real Chromium, one for all browser tests."""

import os
import shutil
from collections.abc import Callable, Iterator
from urllib.parse import urljoin

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from digitsite.accounts.models import User

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
