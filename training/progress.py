"""Batch-level progress through Redis pub/sub: fast, and allowed to be lost.

Payloads are JSON objects with a `kind`: "batch" (epoch, epochs, batch, batches, loss, accuracy,
fraction), "epoch" (epoch), "state" (status) and "log" (message). Everything that matters is in the
database as well, so whoever listens falls back to reading rows when Redis is away.
"""

import json
import logging
import time
from collections.abc import AsyncIterator
from functools import lru_cache

import redis
import redis.asyncio
from django.conf import settings

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.5
SILENCE_SECONDS = 5.0  # after a failure nothing is tried for so long
_silent_until = 0.0


class ProgressUnavailable(ConnectionError):
    """Redis does not answer; read the database instead."""


def channel(run_id: int) -> str:
    return f"{settings.REDIS_KEY_PREFIX}run:{run_id}"


@lru_cache(maxsize=4)
def client_of(url: str) -> redis.Redis:
    """A client that gives up quickly. Connections are made anew after a fork."""
    return redis.Redis.from_url(
        url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )


def client() -> redis.Redis:
    return client_of(settings.REDIS_URL)


def publish(run_id: int, payload: dict) -> bool:
    """Tell whoever listens; False if Redis did not take it. Never raises, blocks 0.5 s at most."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return False
    try:
        client().publish(channel(run_id), json.dumps(payload))
    except (redis.RedisError, OSError) as error:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        logger.warning("run=%d event=progress-not-published reason=%s", run_id, error)
        return False
    _silent_until = 0.0
    return True


async def subscribe(run_id: int) -> AsyncIterator[dict]:
    """Payloads of a run from now on, without an end.

    Raises ProgressUnavailable when Redis does not answer, at the start or later.
    """
    connection = redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=5, health_check_interval=5
    )
    pubsub = connection.pubsub(ignore_subscribe_messages=True)
    try:
        await pubsub.subscribe(channel(run_id))
        while True:
            message = await pubsub.get_message(timeout=1.0)
            if message is not None:
                yield json.loads(message["data"])
            else:
                await pubsub.check_health()
    except (redis.RedisError, OSError) as error:
        raise ProgressUnavailable("Redis does not answer") from error
    finally:
        await pubsub.aclose()
        await connection.aclose()
