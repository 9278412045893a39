"""Which training workers are alive: a sorted set in Redis, worker name -> time of its last word."""

import os
import time

import redis
from django.conf import settings

from training import progress

ALIVE_SECONDS = 10.0  # workers report every 2 s
FORGOTTEN_SECONDS = 60.0


def report_alive() -> None:
    """Say that this worker lives: one short round trip; it is no matter if Redis is away."""
    now = time.time()
    try:
        with progress.client().pipeline(transaction=False) as pipe:
            pipe.zadd(_key(), {_name(): now})
            pipe.zremrangebyscore(_key(), 0, now - FORGOTTEN_SECONDS)
            pipe.execute()
    except (redis.RedisError, OSError):
        return


def report_gone() -> None:
    try:
        progress.client().zrem(_key(), _name())
    except (redis.RedisError, OSError):
        return


def live_train_workers() -> int | None:
    """How many training workers reported lately; None if Redis does not answer."""
    try:
        return progress.client().zcount(_key(), time.time() - ALIVE_SECONDS, "+inf")
    except (redis.RedisError, OSError):
        return None


def _key() -> str:
    return f"{settings.REDIS_KEY_PREFIX}train-workers"


def _name() -> str:
    return f"{os.uname().nodename}:{os.getpid()}"
