"""A second process that asks a web server, over HTTP/1.1 connections that are kept.

Written on asyncio's streams: a larger client would use up the processor that the server needs.
"""

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field


@dataclass
class Load:
    """`clients` people; each asks again when answered, or `per_second` times, come what may."""

    port: int
    path: str
    tokens: list[str]
    body: str
    clients: int
    seconds: float
    per_second: float = 0
    took: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


async def ask(reader, writer, request: bytes) -> tuple[int, bytes]:
    """The status and body of one answer."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return status, await reader.readexactly(int(line[15:]))
    raise ValueError(f"an answer without its length: {head[:200]!r}")


def request_of(load: Load, token: str) -> bytes:
    body = load.body.encode()
    head = (
        f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1:{load.port}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def person(load: Load, number: int, began: float) -> None:
    """Time counts from when the person meant to ask: a late start is the server's delay too."""
    request = request_of(load, load.tokens[number % len(load.tokens)])
    reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
    period = 1 / load.per_second if load.per_second else 0
    due = began + random.Random(number).random() * period
    while due < began + load.seconds:
        await asyncio.sleep(max(0, due - time.perf_counter()))
        start = due if period else time.perf_counter()
        try:
            status, content = await ask(reader, writer, request)
        except (OSError, EOFError, ValueError) as error:
            load.errors.append(repr(error))
            break
        if status != 200:
            load.errors.append(f"{status} {content[:200]!r}")
        load.took.append(time.perf_counter() - start)
        due = due + period if period else time.perf_counter()
    writer.close()


async def run(load: Load) -> dict:
    began = time.perf_counter()
    await asyncio.gather(*(person(load, number, began) for number in range(load.clients)))
    return {
        "seconds": load.took,
        "span": time.perf_counter() - began,
        "errors": load.errors,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(Load(**json.load(sys.stdin))))), flush=True)
