"""Bodies that are streamed: nothing is read to its end first, and Django has nothing to warn of."""

import asyncio
import threading

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import AsyncClient

from digitsite import streaming
from digitsite.static_files import StaticFilesMiddleware


@pytest.fixture
def static_file(tmp_path, settings):
    """A file of 3 chunks and a bit, and the middleware that serves it."""
    settings.STATIC_ROOT = str(tmp_path / "static")
    content = bytes(range(256)) * (3 * streaming.CHUNK_BYTES // 256) + b"end"
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "large.bin").write_bytes(content)
    return content


def served(method: str = "get", **headers):
    """What the site's own ASGI handler answers for that file: (response, body). A warning fails."""

    async def ask():
        address = f"/{settings.STATIC_URL.strip('/')}/large.bin"
        response = await getattr(AsyncClient(), method)(address, headers=headers)
        body = b"".join([part async for part in response]) if response.streaming else None
        return response, response.content if body is None else body

    return async_to_sync(ask)()


def test_a_static_file_is_an_asynchronous_stream(static_file):
    response, body = served()
    assert response.streaming
    assert response.is_async
    assert body == static_file
    assert int(response["Content-Length"]) == len(static_file)


def test_a_range_of_a_static_file(static_file):
    response, body = served(Range="bytes=5-14")
    assert response.status_code == 206
    assert body == static_file[5:15]


def test_a_static_file_that_the_browser_has_or_asks_about_has_no_body(static_file):
    response, body = served("head")
    assert (response.status_code, body) == (200, b"")
    assert int(response["Content-Length"]) == len(static_file)
    response, body = served(**{"If-Modified-Since": response["Last-Modified"]})
    assert (response.status_code, body) == (304, b"")


def test_the_file_is_closed_though_nobody_reads_it(static_file, rf):
    middleware = StaticFilesMiddleware(lambda request: None)
    response = middleware(rf.get(f"/{settings.STATIC_URL.strip('/')}/large.bin"))
    file = response._resource_closers[-1].__self__
    response.close()
    assert file.closed


def test_what_a_generator_makes_comes_in_chunks_while_it_goes_on():
    made = []

    def parts():
        for number in range(5):
            made.append(number)
            yield bytes([number]) * (streaming.CHUNK_BYTES // 2)

    async def read():
        stream = streaming.made_in_threads(parts())
        first = await anext(stream)
        so_far = list(made)
        return so_far, first + b"".join([chunk async for chunk in stream])

    so_far, body = asyncio.run(read())
    assert so_far == [0, 1]
    assert body == b"".join(bytes([n]) * (streaming.CHUNK_BYTES // 2) for n in range(5))


def test_the_event_loop_is_free_while_a_generator_works():
    released = threading.Event()

    def parts():
        assert released.wait(30)
        yield b"done"

    async def read():
        reading = asyncio.ensure_future(anext(streaming.made_in_threads(parts())))
        await asyncio.sleep(0.01)
        released.set()  # never reached if the generator had the loop's thread
        return await reading

    assert asyncio.run(read()) == b"done"
