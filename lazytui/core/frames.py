"""The frames between manager and agent: a length, a line of JSON, raw bytes.

``4 bytes big-endian length | JSON header | newline | payload``. The same layout is written once
more in ``lazytui/remote/``, which cannot import anything from here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# A piece of output is at most 64 KiB; answers stay well below. More is not our agent speaking.
MAX_FRAME = 1 << 20

Header = dict[str, Any]


class FrameError(Exception):
    """What came is not a frame."""


def encode(header: Header, payload: bytes = b"") -> bytes:
    """Make one frame."""
    line = json.dumps(header, separators=(",", ":")).encode("ascii")
    size = len(line) + 1 + len(payload)
    return b"".join((size.to_bytes(4, "big"), line, b"\n", payload))


class FrameReader:
    """Cuts a stream of bytes into frames; ignores everything before the marker.

    Args:
        marker: what the agent writes first. Login scripts may print before it.
    """

    def __init__(self, marker: bytes) -> None:
        self._marker: bytes | None = marker
        self._chunks: list[bytes] = []
        self._size = 0
        self._needed = len(marker)
        self.noise = b""  # the end of what came before the marker, for error messages

    def feed(self, data: bytes) -> Iterator[tuple[Header, bytes]]:
        """Take bytes, give the frames that are complete now.

        Raises:
            FrameError: the stream is not one of frames.
        """
        self._chunks.append(data)
        self._size += len(data)
        # Chunks are joined only when a frame is complete: a 64 KiB piece comes in several.
        while self._size >= self._needed:
            buffer = b"".join(self._chunks)
            if self._marker is not None:
                buffer = self._skip_noise(buffer)
                if self._marker is not None:
                    self._chunks, self._size, self._needed = [buffer], len(buffer), len(buffer) + 1
                    return
            position = 0
            total = len(buffer)
            self._needed = 4
            while total - position >= 4:
                size = int.from_bytes(buffer[position : position + 4], "big")
                if size > MAX_FRAME:
                    raise FrameError(f"a frame of {size} bytes")
                if total - position - 4 < size:
                    self._needed = size + 4
                    break
                yield _parse(buffer[position + 4 : position + 4 + size])
                position += 4 + size
            rest = buffer[position:]
            self._chunks, self._size = ([rest] if rest else []), len(rest)

    def _skip_noise(self, buffer: bytes) -> bytes:
        assert self._marker is not None
        at = buffer.find(self._marker)
        if at < 0:
            keep = len(self._marker) - 1
            self.noise = (self.noise + buffer[:-keep])[-4096:]
            return buffer[-keep:]
        self.noise = (self.noise + buffer[:at])[-4096:]
        rest = buffer[at + len(self._marker) :]
        self._marker = None
        return rest


def _parse(frame: bytes) -> tuple[Header, bytes]:
    end = frame.find(b"\n")
    if end < 0:
        raise FrameError("a frame without a header")
    try:
        header = json.loads(frame[:end])
    except (ValueError, RecursionError) as error:  # thousands of nested lists are no header
        raise FrameError("a header that is not JSON") from error
    if not isinstance(header, dict):
        raise FrameError("a header that is not an object")
    return header, frame[end + 1 :]
