"""Every route that Gradio brings to the studio."""

import re
from collections.abc import Iterator


def gradio_routes() -> set[tuple[str, str]]:
    """(method, path below the prefix) of each route; a path's parameters are filled with x."""
    from digitsite.asgi import STUDIO_PREFIX, application

    site = application.app.app  # behind the short way to predictions and the gate
    (studio,) = (route.app for route in site.routes if getattr(route, "path", "") == STUDIO_PREFIX)
    found = set(_walk(studio.routes))
    assert len(found) > 60, "Gradio's routes were not found"
    return found


def _walk(routes) -> Iterator[tuple[str, str]]:
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from _walk(router.routes)
        else:
            path = re.sub(r"\{[^}]*\}", "x", route.path)
            yield from ((method, path) for method in route.methods)
