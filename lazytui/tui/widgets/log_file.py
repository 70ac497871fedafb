"""The file behind a log view: its lines, its end while they are not all known, its matches."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lazytui.core.lines import LineIndex
from lazytui.core.matches import MatchIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lazytui.core.search import Query

PIECE = 8 * 1024 * 1024  # bytes read by one visit to a thread, about 5 ms
TAIL = 96 * 1024  # bytes of a file's end that are shown while its index is not there yet


class LogFile:
    """One open file; read on with :meth:`extend` until it says that there is no more.

    Args:
        path: the file.
        raw: every carriage return ends a line.
        breaks: where in the file something else begins, on a line of its own.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, *, raw: bool, breaks: Sequence[int] = ()) -> None:
        self.path = path
        self.raw = raw
        self.whole = LineIndex(path, returns_end_lines=raw, breaks=breaks)
        self.tail: LineIndex | None = None  # shown instead, while the whole is not indexed
        self.matches: MatchIndex | None = None
        self.searched = True  # everything that is there

    @property
    def shown(self) -> LineIndex:
        """The lines to show."""
        return self.tail or self.whole

    def find(self, query: Query | None) -> None:
        """Look for something else from now on, or for nothing."""
        self.matches = None if query is None else MatchIndex(self.whole, query)
        self.searched = query is None

    def breaks_at(self, offsets: Sequence[int]) -> bool:
        """Begin a line at each of the offsets; False if that takes to read the file anew."""
        indexes = [self.whole, *([self.tail] if self.tail else [])]
        return all(index.break_at(offset) for index in indexes for offset in offsets)

    async def extend(self, wants_tail: Callable[[], bool]) -> bool:
        """Read the next piece; True if there is more.

        Args:
            wants_tail: asked, when there is more than a piece, whether to show the end at once.

        Raises:
            OSError: the file cannot be read.
        """
        more = await asyncio.to_thread(self.whole.extend, PIECE)
        if more and self.tail is None and wants_tail():
            self.tail = LineIndex(
                self.path,
                last_bytes=TAIL,
                returns_end_lines=self.raw,
                breaks=self.whole.breaks,
            )
        if self.tail is not None:
            await asyncio.to_thread(self.tail.extend, PIECE)
        matches = self.matches
        if matches is not None:
            unsearched = await asyncio.to_thread(matches.extend, PIECE)
            if matches is self.matches:
                self.searched = not (more or unsearched)
        return more or not self.searched

    @property
    def is_indexed(self) -> bool:
        """True if the whole file can be scrolled through, as far as it was known."""
        return self.tail is None or self.whole.end >= self.tail.end

    def leave_tail(self) -> int | None:
        """Show the whole from now on. Gives where the end that was shown began, if it was."""
        tail, self.tail = self.tail, None
        if tail is None:
            return None
        tail.close()
        return tail.start

    def close(self) -> None:
        """Let go of the file."""
        self.whole.close()
        if self.tail is not None:
            self.tail.close()
