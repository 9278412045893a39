"""Redis as a messenger: fast when it is there, no harm when it is not."""

import asyncio
import os
import signal

import pytest
import redis

from tests.conftest import redis_server
from training import progress, wakeups, worker_liveness


@pytest.fixture(autouse=True)
def _not_silent():
    progress._silent_until = 0.0
    progress.client_of.cache_clear()
    yield
    progress._silent_until = 0.0


async def first_message(run_id: int, payload: dict) -> dict:
    """What a listener gets when `payload` is published again and again until it listens."""

    async def listen() -> dict:
        async for message in progress.subscribe(run_id):
            return message
        raise AssertionError("the stream ended")

    listener = asyncio.create_task(listen())
    while not listener.done():
        await asyncio.to_thread(progress.publish, run_id + 1, {"kind": "not for you"})
        await asyncio.to_thread(progress.publish, run_id, payload)
        await asyncio.sleep(0.02)
    return listener.result()


def test_a_listener_gets_what_is_published_for_its_run(redis_url):
    payload = {"kind": "batch", "loss": 0.25}

    assert asyncio.run(asyncio.wait_for(first_message(7, payload), 20)) == payload


def test_without_redis_publishing_is_given_up_quietly(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert progress.publish(7, {"kind": "batch"}) is False
    assert progress._silent_until > 0


def test_without_redis_listening_says_so(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    async def listen() -> None:
        async for _ in progress.subscribe(7):
            pass

    with pytest.raises(progress.ProgressUnavailable):
        asyncio.run(asyncio.wait_for(listen(), 20))


@pytest.mark.processes
def test_a_redis_that_dies_ends_the_listening(tmp_path, settings):
    async def die_while_listening() -> None:
        with redis_server(tmp_path) as (url, process):
            settings.REDIS_URL = url
            listener = asyncio.create_task(anext(progress.subscribe(7)))
            with redis.Redis.from_url(url) as client:
                while not client.pubsub_numsub(progress.channel(7))[0][1]:
                    await asyncio.sleep(0.02)
            process.kill()
            await listener

    with pytest.raises(progress.ProgressUnavailable):
        asyncio.run(asyncio.wait_for(die_while_listening(), 30))


@pytest.mark.processes
def test_a_redis_that_hangs_delays_nobody_for_long(tmp_path, settings):
    with redis_server(tmp_path) as (url, process):
        settings.REDIS_URL = url
        assert progress.publish(7, {"kind": "batch"})
        os.kill(process.pid, signal.SIGSTOP)
        try:
            assert progress.publish(7, {"kind": "batch"}) is False
            assert worker_liveness.live_train_workers() is None
            assert wakeups.waiting("train") is None
        finally:
            os.kill(process.pid, signal.SIGCONT)


def test_workers_are_counted_while_they_report(redis_url):
    assert worker_liveness.live_train_workers() == 0
    worker_liveness.report_alive()
    assert worker_liveness.live_train_workers() == 1
    worker_liveness.report_gone()
    assert worker_liveness.live_train_workers() == 0


def test_a_worker_that_fell_silent_is_not_counted(redis_url, monkeypatch):
    worker_liveness.report_alive()
    monkeypatch.setattr(worker_liveness, "ALIVE_SECONDS", -1.0)

    assert worker_liveness.live_train_workers() == 0


def test_without_redis_the_number_of_workers_is_unknown(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    worker_liveness.report_alive()

    assert worker_liveness.live_train_workers() is None


def test_wake_ups_wait_in_their_queues(redis_url):
    assert wakeups.wake_trainer()
    assert wakeups.wake_trainer()
    assert wakeups.wake_evaluator(3)

    assert wakeups.waiting(wakeups.TRAIN_QUEUE) == 2
    assert wakeups.waiting(wakeups.DEFAULT_QUEUE) == 1
