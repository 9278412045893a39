"""The web process: Gradio's studio behind its gate, a short way to predictions, and Django for
everything else."""

import asyncio
import os
from contextlib import asynccontextmanager

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "digitsite.settings")
django_application = get_asgi_application()

# Only after Django is set up:
from fastapi import FastAPI  # noqa: E402
from fastapi.middleware.cors import CORSMiddleware  # noqa: E402

from digitsite.body_cap import BodyCap  # noqa: E402
from digitsite.database_threads import close_database_threads  # noqa: E402
from digitsite.gate import CALLER_KEY, Gate  # noqa: E402
from digitsite.quick_predict import QuickPredict  # noqa: E402
from inference.predictor import predictor  # noqa: E402
from inference.studio.app import mount_studio  # noqa: E402

STUDIO_PREFIX = "/studio"


@asynccontextmanager
async def lifespan(_app: FastAPI):
    predictor.start_following()
    try:
        yield
    finally:
        predictor.stop_following()
        close_database_threads()


def build() -> QuickPredict:
    """The whole site as one ASGI application."""
    site = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    # No origin is allowed; its being here keeps Gradio from adding CORS headers of its own.
    site.add_middleware(CORSMiddleware, allow_origins=[])
    mount_studio(
        site,
        STUDIO_PREFIX,
        username_of=lambda request: request.scope[CALLER_KEY].name,
    )
    site.mount("/", BodyCap(django_application))
    return QuickPredict(Gate(site, prefix=STUDIO_PREFIX))


async def _build() -> QuickPredict:
    return build()


def _application() -> QuickPredict:
    """Built inside an event loop: without one, Gradio makes several and leaves them open."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_build())
    return build()


application = _application()
