"""Which of Gradio's routes the gate lets through: for people, and fewer for a link's visitors."""

import re

Routes = tuple[tuple[frozenset[str], re.Pattern[str]], ...]

_NAME = r"[A-Za-z0-9_-]+"

_PAGE = (
    ("GET HEAD", r"/"),
    ("GET", r"/theme\.css"),
    ("GET", r"/assets/[A-Za-z0-9_./@-]+"),
    ("GET", r"/static/[A-Za-z0-9_./@-]+"),
)

_PROGRAMS = (
    ("GET", r"/config/?"),
    ("GET", r"/gradio_api/theme\.css"),
    ("GET", r"/gradio_api/startup-events"),
    ("GET", r"/gradio_api/info/?"),
    ("GET", rf"/gradio_api/heartbeat/{_NAME}"),
    ("POST", rf"/gradio_api/(?:run|api)/{_NAME}/?"),
    ("POST", r"/gradio_api/queue/join"),
    ("GET", r"/gradio_api/queue/data"),
    ("POST", rf"/gradio_api/call/(?:v2/)?{_NAME}/?"),
    ("GET", rf"/gradio_api/call/(?:v2/)?{_NAME}/{_NAME}"),
)

VISITOR_ENDPOINTS = ("status", "predict", "replay", "explain", "submit")
"""Reading and handing in what is drawn. Pictures are not for visitors: a link is for hands, and to
decode files of strangers is a risk that a link needs not take."""

_VISITOR = (("POST", rf"/gradio_api/run/(?:{'|'.join(VISITOR_ENDPOINTS)})"),)


def _routes(*table: tuple[str, str]) -> Routes:
    return tuple((frozenset(methods.split()), re.compile(path)) for methods, path in table)


ALLOWED_ROUTES = _routes(*_PAGE, *_PROGRAMS)
"""All that the studio's page, its API page and `gradio_client` ask for; the path is whole."""

VISITOR_ROUTES = _routes(*_PAGE, *_VISITOR)
"""All that the page of a share link asks for."""

_STREAM = re.compile(r"/gradio_api/(?:heartbeat|queue/data|call)(?:/.*)?")
_ENDPOINT = re.compile(rf"/gradio_api/(?:run|api|call|call/v2)/({_NAME})/?")


def is_allowed(method: str, path: str, routes: Routes = ALLOWED_ROUTES) -> bool:
    """Whether the list has this route; `path` is what follows the studio's prefix."""
    if ".." in path:
        return False
    return any(method in methods and pattern.fullmatch(path) for methods, pattern in routes)


def is_stream(method: str, path: str) -> bool:
    """Whether the answer may stay open for long."""
    return method == "GET" and _STREAM.fullmatch(path) is not None


def endpoint_of(path: str) -> str:
    """The named endpoint that a call is for; nothing for other routes and for the queue."""
    found = _ENDPOINT.fullmatch(path)
    return found.group(1) if found else ""
