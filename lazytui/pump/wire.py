"""What passes between a client and the engine: frames of a kind, a length and bytes.

A frame is one byte for the kind, four for the length (big-endian), then the payload. Bytes of a
terminal pass as they are, also when they are no UTF-8.
"""

from __future__ import annotations

from struct import Struct

TYPE_CHECKING = False  # typing takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterator

# From the client.
HELLO = b"H"  # JSON, see lazytui.door.hello
DATA = b"D"  # of the keyboard, or of stdin; empty: stdin has ended
SIZE = b"Z"  # four bytes, columns and rows; also after the terminal was away
SIGNAL = b"S"  # "INT" and the like

# From the engine.
WELCOME = b"W"  # JSON: version, pid
REFUSED = b"R"  # JSON: why (version, config, kind, garbage, ending), message, version, pid
STDOUT = b"O"
STDERR = b"E"
READ = b"I"  # stdin may be read and sent from now on (a screen's client does so anyway)
ECHO = b"N"  # "0": what is typed for a command line is not to be seen; "1": it is again
STOP = b"P"  # stop as by Ctrl-Z: the shell has the terminal until `fg`
EXIT = b"X"  # one byte of exit status, then the message for stderr in UTF-8

MAX_PAYLOAD = 1 << 20
PIECE = 1 << 16  # what is longer is sent in several frames

_HEAD = Struct(">cI")
_SIZE = Struct(">HH")
_MAX_SIZE = 0xFFFF


class WireError(Exception):
    """What came in cannot be frames of lazytui."""


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """Give the bytes of one frame."""
    return _HEAD.pack(kind, len(payload)) + payload


def frames(kind: bytes, data: bytes) -> Iterator[bytes]:
    """Give the frames that carry data of any length."""
    view = memoryview(data)
    for start in range(0, len(data), PIECE):
        yield frame(kind, bytes(view[start : start + PIECE]))


def size_frame(columns: int, rows: int) -> bytes:
    """Give the frame that tells a terminal's size."""
    return frame(SIZE, _SIZE.pack(min(columns, _MAX_SIZE), min(rows, _MAX_SIZE)))


def read_size(payload: bytes) -> tuple[int, int]:
    """Give columns and rows out of a frame.

    Raises:
        WireError: it has another length.
    """
    if len(payload) != _SIZE.size:
        raise WireError("a size of a wrong length")
    columns, rows = _SIZE.unpack(payload)
    return columns, rows


def exit_frame(status: int, message: str = "") -> bytes:
    """Give the frame that ends a client."""
    return frame(EXIT, bytes([status & 0xFF]) + message.encode(errors="replace")[: PIECE - 1])


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Take what came in; gives the frames that are whole now, as kind and payload.

        Raises:
            WireError: a frame is too long to be one; the stream cannot be read any further.
        """
        rest = self._rest
        rest += data
        found = []
        start = 0
        while len(rest) - start >= _HEAD.size:
            kind, length = _HEAD.unpack_from(rest, start)
            if length > MAX_PAYLOAD:
                raise WireError(f"a frame of {length} bytes")
            end = start + _HEAD.size + length
            if len(rest) < end:
                break
            found.append((kind, bytes(rest[start + _HEAD.size : end])))
            start = end
        del rest[:start]
        return found
