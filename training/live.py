"""The stream behind a run's page: server-sent events, one per region that changed.

The database is looked at every second, so a state change is seen even without Redis; batch progress
comes from Redis in between. A stream ends when the run is over, and within `LOOK_SECONDS` of its
reader signing out or losing the right; after `LIFETIME_SECONDS` at the latest it ends too, and the
browser reconnects.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections, connection
from django.http import HttpRequest

from digitsite.accounts.models import User
from digitsite.accounts.open_streams import OpenStreams
from digitsite.accounts.roles import Capability
from digitsite.accounts.sessions import user_of_session
from training import progress, run_page
from training.models import TrainingRun

LOOK_SECONDS = 1.0
HEARTBEAT_SECONDS = 10.0
LIFETIME_SECONDS = 300.0
RETRY_REDIS_SECONDS = 5.0
_open_streams = OpenStreams()


def is_full(user_id: int) -> bool:
    """Whether this person, or everybody together, has as many streams open as may be.

    Browsers open at most six connections to a host over HTTP/1.1; pages beyond the cap poll.
    """
    return (
        _open_streams.of(user_id) >= settings.STREAMS_PER_PERSON
        or _open_streams.total >= settings.STREAMS_TOTAL
    )


def message(event: str, data: str) -> str:
    """One server-sent event; every line of the data gets its own field, as the format wants."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {event}\n{lines}\n"


async def stream(request: HttpRequest, run_id: int) -> AsyncIterator[str]:
    """Events named after the regions of `run_page`, then `end` when the run is over."""
    user = await request.auser()
    if is_full(user.pk):  # others opened since the view looked; the page polls until the next try
        yield "retry: 30000\n\n"
        return
    with _open_streams.one_more(user.pk):
        async with contextlib.aclosing(_events(request, user, run_id)) as events:
            async for told in events:
                yield told


async def _events(request: HttpRequest, user: User, run_id: int) -> AsyncIterator[str]:
    session_key = request.session.session_key
    newest = _Newest()
    listener = asyncio.create_task(newest.follow(run_id))
    sent: dict[str, str] = {}
    started = spoken = asked = time.monotonic()
    try:
        yield "retry: 2000\n\n"
        while (now := time.monotonic()) - started < LIFETIME_SECONDS:
            if now - asked >= LOOK_SECONDS:
                asked = now
                reader = await sync_to_async(_reader)(session_key, user)
                if reader is None:
                    return  # the page tries again, and is led to the sign-in page
                user = reader
            regions, over = await sync_to_async(_look)(request, user, run_id, newest.payload)
            changed = {name: html for name, html in regions.items() if sent.get(name) != html}
            for name, html in changed.items():
                yield message(name, html)
            sent |= changed
            if over:
                yield message("end", "over")
                return
            if changed:
                spoken = now
            elif now - spoken > HEARTBEAT_SECONDS:
                yield message("beat", "")
                spoken = now
            await newest.wait(LOOK_SECONDS)
    finally:
        listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listener


class _Newest:
    """The last progress message of a run; older ones are dropped."""

    def __init__(self) -> None:
        self.payload: dict[str, Any] = {}
        self._arrived = asyncio.Event()

    async def follow(self, run_id: int) -> None:
        """Listen for as long as the stream lives; Redis may come and go."""
        while True:
            with contextlib.suppress(progress.ProgressUnavailable):
                async for payload in progress.subscribe(run_id):
                    if payload["kind"] == "batch":
                        self.payload = payload
                    elif payload["kind"] == "state":  # a resumed run starts anew further back
                        self.payload = {}
                    self._arrived.set()
            await asyncio.sleep(RETRY_REDIS_SECONDS)

    async def wait(self, seconds: float) -> None:
        """Until the next message, or so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), seconds)
        self._arrived.clear()


def _reader(session_key: str, before: User) -> User | None:
    """Who reads the stream, as they are now; None if they may not any more."""
    try:
        user = user_of_session(session_key)
    finally:
        if not connection.in_atomic_block:
            connection.close()
    if user is None or user.pk != before.pk or not user.can(Capability.BROWSE):
        return None
    return user


def _look(request: HttpRequest, user, run_id: int, newest: dict) -> tuple[dict[str, str], bool]:
    """(region -> HTML, whether nothing will change any more).

    The connection is given back each time: an open page must not hold one for minutes.
    """
    close_old_connections()
    try:
        run = run_page.get_run(run_id)
        shown = run_page.context(user, run, newest)
        return run_page.render(request, shown), is_over(run)
    finally:
        if not connection.in_atomic_block:
            connection.close()


def is_over(run: TrainingRun) -> bool:
    """The run has ended and no evaluation of it is under way."""
    pending = run.evaluations.model.Status.PENDING
    return run.is_final and not run.evaluations.filter(status=pending).exists()
