"""Makes the pictures in docs/images from a running site.

    python docs/make_screenshots.py http://127.0.0.1:8000 admin PASSWORD [--run 2] [--all FOLDER]

It draws a digit in the studio but hands nothing in. With --all it takes every page instead, wide
and 390 px, light and dark, into FOLDER, for looking at a change.
"""

import argparse
import re
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
SEVEN = [(0.28, 0.25), (0.5, 0.23), (0.74, 0.25), (0.62, 0.5), (0.52, 0.68), (0.46, 0.86)]
SIZES = {"wide": (1280, 860), "phone": (390, 844)}
PAGES = (
    "/dashboard/",
    "/draw/",
    "/drawings/",
    "/review/",
    "/datasets/",
    "/datasets/1/",
    "/runs/",
    "/runs/new/",
    "/runs/1/",
    "/evaluations/1/",
    "/models/",
    "/models/1/",
    "/models/compare/",
    "/rounds/",
    "/account/",
)
README_PAGES = {"draw": "/draw/", "run": "/runs/{run}/", "evaluation": "/evaluations/{run}/"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site")
    parser.add_argument("username")
    parser.add_argument("password")
    parser.add_argument("--run", type=int, default=1, help="the run in the README's pictures")
    parser.add_argument("--all", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        if options.all:
            every_page(browser, options)
        else:
            readme_pages(browser, options)
        browser.close()


def readme_pages(browser: Browser, options: argparse.Namespace) -> None:
    page = sign_in(browser, options, "wide", "light")
    for name, path in README_PAGES.items():
        show(page, options.site + path.format(run=options.run))
        page.screenshot(path=IMAGES / f"{name}.png")


def every_page(browser: Browser, options: argparse.Namespace) -> None:
    options.all.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        for scheme in ("light", "dark"):
            page = sign_in(browser, options, size, scheme)
            for path in PAGES:
                show(page, options.site + path)
                name = re.sub("[^a-z0-9]+", "-", path.strip("/"))
                page.screenshot(path=options.all / f"{name}-{size}-{scheme}.png", full_page=True)
            page.context.close()


def sign_in(browser: Browser, options: argparse.Namespace, size: str, scheme: str) -> Page:
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(options.site + "/sign-in/")
    page.fill("[name=username]", options.username)
    page.fill("[name=password]", options.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/dashboard/")
    return page


def show(page: Page, address: str) -> None:
    page.goto(address)
    if address.endswith("/draw/"):
        draw_seven(page)
    page.wait_for_timeout(1500)  # charts draw, pictures load
    # Pictures further down load when they come into view.
    page.evaluate(
        "document.querySelectorAll('img[loading=lazy]').forEach(i => i.loading = 'eager')"
    )
    page.wait_for_timeout(500)


def draw_seven(page: Page) -> None:
    canvas = page.frame_locator("iframe").locator("canvas.studio__canvas")
    canvas.wait_for()
    page.wait_for_timeout(1000)
    box = canvas.bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN]
    page.mouse.move(*points[0])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(x, y, steps=8)
    page.mouse.up()


if __name__ == "__main__":
    main()
