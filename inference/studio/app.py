"""Builds the studio's Gradio app and mounts it."""

from collections.abc import Callable
from pathlib import Path

import gradio as gr
from django.conf import settings
from django.templatetags.static import static
from fastapi import FastAPI, Request

from inference.studio.endpoints import ENDPOINTS

PAGE = Path(__file__).with_name("page.html")
MAX_FILE_SIZE = "8mb"

# Gradio's own fonts come from another host; these are the ones every system has.
THEME = gr.themes.Base(
    font=["ui-sans-serif", "system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)


class Canvas(gr.HTML):
    """The sheet to draw on, with everything around it. Its value is the strokes.

    The script is an ES module of the site's static files; Gradio only starts it.
    """

    def __init__(self) -> None:
        module = static("inference/studio/studio.js")
        super().__init__(
            value=[],
            html_template=PAGE.read_text(encoding="utf-8"),
            js_on_load=(
                f'import("{module}").then((studio) => studio.start({{ element, props, trigger }}));'
            ),
            apply_default_css=False,
            elem_id="studio",
            container=False,
        )

    def api_info(self) -> dict:
        point = {"type": "array", "items": {"type": "number"}}
        return {"type": "array", "items": {"type": "array", "items": point}}


def build_studio() -> gr.Blocks:
    """The Blocks: one canvas and the named endpoints. No `gr.State`: a process is one of several.

    No endpoint is queued: an answer takes a millisecond, a place in the queue several.
    """
    with gr.Blocks(title="Studio · Digitsite", analytics_enabled=False, fill_width=True) as studio:
        Canvas()
        for name, endpoint in ENDPOINTS.items():
            gr.api(endpoint, api_name=name, queue=False, concurrency_limit=None)
    return studio


def head() -> str:
    """The site's own theme and stylesheet, so that the studio looks like the page around it."""
    return "\n".join(
        (
            f'<script src="{static("digitsite/theme.js")}"></script>',
            f'<link rel="stylesheet" href="{static("digitsite/site.css")}">',
            f'<link rel="stylesheet" href="{static("inference/studio/studio.css")}">',
            f'<link rel="stylesheet" href="{static("inference/studio/insight.css")}">',
            f'<link rel="icon" href="{static("digitsite/logo.svg")}" type="image/svg+xml">',
        )
    )


def mount_studio(
    site: FastAPI, prefix: str, *, username_of: Callable[[Request], str | None]
) -> None:
    """Mount at `prefix`. The gate in front decides who passes; `username_of` tells Gradio who."""
    gr.mount_gradio_app(
        site,
        build_studio(),
        path=prefix,
        auth_dependency=username_of,
        footer_links=["api"],  # for its API page, see openApiPage in studio.js
        run_history=False,
        allowed_paths=[],
        blocked_paths=[str(settings.HOME), str(settings.BASE_DIR)],
        max_file_size=MAX_FILE_SIZE,
        enable_monitoring=False,
        show_error=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        theme=THEME,
        head=head(),
    )
