"""Bodies of answers as asynchronous streams: the web process serves other people meanwhile.

Django reads a plain iterator to its end before it sends anything when it serves asynchronously, so
every body that is more than a few kilobytes goes through here.
"""

from collections.abc import AsyncIterator, Iterator
from typing import IO

from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.db import connections

CHUNK_BYTES = 256 * 1024


async def stored_chunks(name: str) -> AsyncIterator[bytes]:
    """A file of the storage. Opened only when somebody reads: a client that left before leaves no
    open file."""
    file = await sync_to_async(default_storage.open, thread_sensitive=False)(name)
    try:
        async for chunk in file_chunks(file):
            yield chunk
    finally:
        file.close()


async def file_chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    """The rest of an open file, which whoever opened it closes."""
    read = sync_to_async(file.read, thread_sensitive=False)
    while chunk := await read(CHUNK_BYTES):
        yield chunk


async def made_in_threads(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """What a plain generator makes, in chunks of about CHUNK_BYTES, each made in some thread.

    The generator may ask the database, but must not keep a query open from one part to the next.
    """
    gather = sync_to_async(_gather, thread_sensitive=False)
    while chunk := await gather(parts):
        yield chunk


def _gather(parts: Iterator[bytes]) -> bytes:
    """The next parts, joined; empty at the end."""
    gathered = bytearray()
    try:
        for part in parts:
            gathered += part
            if len(gathered) >= CHUNK_BYTES:
                break
    finally:
        connections.close_all()  # of this thread, which nobody else would close
    return bytes(gathered)
