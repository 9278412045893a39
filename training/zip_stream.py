"""A zip file made while it is sent: nothing is kept but the table of its members.

The same members in the same order give the same bytes: every member has the same date and rights.
"""

import zipfile
from collections.abc import Iterable, Iterator

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip file knows
_LARGE = 1 << 30


class ZipStream:
    """Members go in, bytes come out: `drain` gives what is ready, `close` the end."""

    def __init__(self, comment: str = "") -> None:
        """comment: about the whole file, for whoever looks; programs that read members skip it."""
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED)
        self._zip.comment = comment.encode()[: zipfile.ZIP_MAX_COMMENT]

    def add(self, name: str, content: bytes) -> bytes:
        """A whole member; returns what is ready to be sent."""
        self._zip.writestr(_member(name), content)
        return self._sink.drain()

    def add_parts(self, name: str, parts: Iterable[bytes], *, size: int) -> Iterator[bytes]:
        """A member that is made bit by bit, of about `size` bytes."""
        with self._zip.open(_member(name), "w", force_zip64=size > _LARGE) as member:
            for part in parts:
                member.write(part)
                yield self._sink.drain()
        yield self._sink.drain()

    def close(self) -> bytes:
        """The table of members, which ends the file."""
        self._zip.close()
        return self._sink.drain()


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, LONG_AGO)
    info.create_system = 3  # Unix, whatever this machine is
    info.external_attr = 0o644 << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


class _Sink:
    """A file that only takes; zipfile then never goes back to fill in a size."""

    def __init__(self) -> None:
        self._ready = bytearray()

    def write(self, data: bytes) -> int:
        self._ready += data
        return len(data)

    def flush(self) -> None:
        """Nothing to do: `drain` takes what is there."""

    def drain(self) -> bytes:
        ready = bytes(self._ready)
        self._ready.clear()
        return ready
