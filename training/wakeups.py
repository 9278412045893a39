"""Wake-ups for workers. The database row is the job, so a lost message costs seconds, no more:
the keeper sends another. Publishing therefore never fails the one who asked."""

import logging

from celery import current_app
from django.conf import settings
from kombu.exceptions import KombuError

from training import progress

logger = logging.getLogger(__name__)

TRAIN_QUEUE = "train"
DEFAULT_QUEUE = "default"
# A person waits for the answer to Launch: give up quickly, even on a Redis that hangs.
_TRANSPORT_OPTIONS = {"socket_timeout": 2, "socket_connect_timeout": 2, "max_retries": 1}


def wake_trainer() -> bool:
    """Ask any training worker to look into the queue. False if Redis did not take the message."""
    return _send("training.tasks.wake_trainer", TRAIN_QUEUE)


def wake_evaluator(evaluation_id: int) -> bool:
    """Ask any default worker to do one evaluation."""
    return _send("training.tasks.evaluate", DEFAULT_QUEUE, evaluation_id)


def wake_default(task: str, *args: int) -> bool:
    """Ask any default worker to run a task, given by its name, of whatever app."""
    return _send(task, DEFAULT_QUEUE, *args)


def wake_analyst(analysis_id: int) -> bool:
    """Ask any default worker to do one analysis."""
    return _send("training.tasks.analyse", DEFAULT_QUEUE, analysis_id)


def waiting(queue: str) -> int | None:
    """Messages in a queue that no worker has taken; None if Redis does not answer."""
    try:
        return progress.client().llen(f"{settings.REDIS_KEY_PREFIX}{queue}")
    except (OSError, progress.redis.RedisError):
        return None


def _send(task: str, queue: str, *args: int) -> bool:
    try:
        with current_app.connection_for_write(transport_options=_TRANSPORT_OPTIONS) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
            current_app.send_task(task, args=args, queue=queue, connection=connection, retry=False)
    except (OSError, KombuError, progress.redis.RedisError) as error:
        logger.warning("event=wake-up-not-published queue=%s reason=%s", queue, error)
        return False
    return True
