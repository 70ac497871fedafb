"""Output as a file of the user's own: as it came, or as a screen shows it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from lazytui.ansi import render_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from lazytui.core.search import Query

_BLOCK = 256 * 1024
_LONGEST_LINE = 1024 * 1024  # what is longer is cut into lines of this size
_PLAIN = bytes(range(0x20, 0x7F)) + b"\n"


def save_output(spool: Path, target: Path, *, plain: bool, query: Query | None = None) -> int:
    """Write the output of a run to a file; blocks, so it is for a thread.

    The file appears when it is complete. One that is there already is replaced.

    Args:
        spool: the output.
        target: the file to write.
        plain: as text without colours and with one state of each progress bar; else raw.
        query: only the lines with a match.

    Returns:
        The size of the file in bytes.

    Raises:
        OSError: the spool cannot be read, or the file cannot be written.
    """
    partial = target.with_name(f".{target.name[:200]}.{os.getpid()}.partial")
    try:
        with spool.open("rb") as source, partial.open("xb") as file:
            for block in _blocks(source):
                chosen = _only(block, query) if query else block
                file.write(_as_text(chosen) if plain else chosen)
            size = file.tell()
        partial.replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
        raise
    return size


def write_text(target: Path, text: str) -> None:
    """Write a text to a file, for a thread; it appears when it is complete.

    Raises:
        OSError: it cannot be written.
    """
    partial = target.with_name(f".{target.name[:200]}.{os.getpid()}.partial")
    try:
        with partial.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text)
        partial.replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
        raise


def _blocks(source: BinaryIO) -> Iterator[bytes]:
    """Give the file in pieces of whole lines, as far as it went at the beginning."""
    left = os.fstat(source.fileno()).st_size
    while left > 0:
        block = source.read(min(_BLOCK, left))
        if not block:
            return
        if not block.endswith(b"\n"):
            block += source.readline(min(_LONGEST_LINE, left - len(block)))
        left -= len(block)
        yield block


def _only(block: bytes, query: Query) -> bytes:
    lines = _split(block)
    return b"".join(lines[number] for number in query.lines(block))


def _split(block: bytes) -> list[bytes]:
    """Split at newlines only: a carriage return ends no line here."""
    return [line + b"\n" for line in block.removesuffix(b"\n").split(b"\n")]


def _as_text(block: bytes) -> bytes:
    if not block.translate(None, _PLAIN):
        return block
    return "".join(f"{render_line(line)}\n" for line in _split(block)).encode() if block else b""
