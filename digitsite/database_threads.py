"""Database work for asynchronous code outside Django's own request cycle.

Django makes a thread, and so a database connection, for each asynchronous request. The gate and
the studio answer many small requests a second, so they share a few threads that keep theirs.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections

P = ParamSpec("P")
R = TypeVar("R")

THREADS = 4

_executor: ThreadPoolExecutor | None = None
_lock = threading.Lock()


def _start() -> ThreadPoolExecutor:
    global _executor
    with _lock:
        if _executor is None:
            _executor = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
        return _executor


async def in_database_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `work` in one of the threads; what it raises is raised here."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_start(), partial(_run, work, *args, **kwargs))


def _run(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    close_old_connections()
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()


def close_database_threads() -> None:
    """End the threads and close their connections. The next call starts new ones."""
    global _executor
    with _lock:
        executor, _executor = _executor, None
    if executor is None:
        return
    # Every thread has to close its own connection, so all must be at work at the same time.
    everybody = threading.Barrier(THREADS)

    def close() -> None:
        everybody.wait(timeout=30)
        connections.close_all()

    for future in [executor.submit(close) for _ in range(THREADS)]:
        future.result()
    executor.shutdown()
