"""The short way to a live reading: the studio's page asks many times a second.

Gradio's own machinery around an endpoint takes several times as long as the reading. So the gate
asks here first. Whatever is not plainly a call of `predict` that succeeds (more fields than `data`,
a drawing of thousands of points, any error) is left to Gradio, which answers as it always does.
"""

import logging
import time

import orjson

from inference.studio.endpoints import predict

PATHS = ("/gradio_api/run/predict", "/gradio_api/run/predict/")

INLINE_BYTES = 32 * 1024
"""More points than that take milliseconds to redraw, in which the loop could answer others."""

logger = logging.getLogger(__name__)


async def quick_reading(body: bytes) -> bytes | None:
    """Gradio's answer as JSON to the `body` of a call of `predict`, or None to let it answer."""
    if len(body) > INLINE_BYTES:
        return None
    began = time.perf_counter()
    try:
        given = orjson.loads(body)
        if given.keys() != {"data"}:
            return None
        (strokes,) = given["data"]
        answer = await predict(strokes)
    except Exception as error:  # Gradio fails in the same way, and says it as it should
        logger.debug("left to Gradio: %r", error)
        return None
    seconds = time.perf_counter() - began
    return orjson.dumps(
        {
            "data": [answer],
            "is_generating": False,
            "duration": seconds,
            "average_duration": seconds,
            "render_config": None,
            "changed_state_ids": [],
            "used_cache": None,
        }
    )
