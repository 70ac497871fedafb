"""Which lines of a growing file match, without holding them.

The file is looked through in pieces. Of each piece with matches three numbers are kept; the
lines in it are found again when they are asked for. So gigabytes in which every line matches
cost no more than the line index.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lazytui.core.lines import LineIndex
    from lazytui.core.search import Query

BLOCK = 256 * 1024  # bytes looked at by one call, which holds the interpreter for 0.2 ms
_KEPT_BLOCKS = 4


class MatchIndex:
    """The lines of a :class:`LineIndex` that a query finds, numbered from 0.

    One thread may run :meth:`extend` while another reads. Of a line longer than :data:`BLOCK`
    each piece is looked at for itself.

    Args:
        index: the lines; matches are found as far as it is indexed.
        query: what to find.
    """

    def __init__(self, index: LineIndex, query: Query) -> None:
        self.index = index
        self.query = query
        # Of each block with matches: where it begins and ends, the matches up to its end. The
        # last one is appended last, so that who reads meanwhile sees a block whole or not at all.
        self._starts, self._ends, self._upto = array("Q"), array("Q"), array("Q")
        self._open = False  # the line without its end matches
        self._line_start = self._position = index.start
        self._kept: OrderedDict[int, list[int]] = OrderedDict()

    @property
    def end(self) -> int:
        """The byte offset up to which was searched."""
        return self._position

    @property
    def count(self) -> int:
        """How many lines match, as far as was searched."""
        return self._before(len(self._upto)) + self._open

    def extend(self, max_bytes: int) -> bool:
        """Search the next piece; blocks, so it is for a thread.

        Returns:
            True if there was more than ``max_bytes`` to search.

        Raises:
            OSError: the file cannot be read.
        """
        with self.index.held() as file:
            if file is None:
                return False
            end = self.index.end
            stop = min(end, self._position + max_bytes)
            while self._position < stop and self._search_block(file, end):
                pass
            return stop < end

    def line(self, number: int) -> int:
        """The number of the line in the file that is match ``number``."""
        block = bisect_right(self._upto, number)
        if block == len(self._upto):
            return self.index.line_at(self._line_start)
        first = self.index.line_at(self._starts[block])
        return first + self._lines_in(block)[number - self._before(block)]

    def rank(self, line: int) -> int:
        """How many matches there are in the lines before ``line``."""
        offset = self.index.start_of(line)
        if offset > self._line_start:
            return self.count
        block = bisect_right(self._starts, offset, 0, len(self._upto)) - 1
        if block < 0:
            return 0
        inside = line - self.index.line_at(self._starts[block])
        return self._before(block) + bisect_left(self._lines_in(block), inside)

    def _before(self, block: int) -> int:
        return self._upto[block - 1] if block else 0

    def _search_block(self, file: int, end: int) -> bool:
        """Search up to a line's end, or a piece of a long line; False at what has no end yet."""
        place = self.index.next_break(self._position)
        limit = end if place is None else min(place, end)
        data = os.pread(file, min(BLOCK, limit - self._position), self._position)
        is_long = self._position > self._line_start
        cut = self._first_end(data) if is_long else self._last_end(data)
        if limit == place and self._position + len(data) == limit and (cut == 0 or not is_long):
            cut = len(data)  # the line ends here, without a line end
        if cut == 0:
            self._open = (is_long and self._open) or self._count(data) > 0
            if len(data) < BLOCK:
                return False
            self._position += len(data)
            return True
        count = self._count(data[:cut])
        if is_long:
            count = int(self._open or count > 0)
        self._open = False
        self._add(self._position + cut, count)
        return True

    def _add(self, end: int, count: int) -> None:
        if count:
            self._starts.append(self._line_start)
            self._ends.append(end)
            self._upto.append(self._before(len(self._upto)) + count)
        self._line_start = self._position = end

    def _lines_in(self, block: int) -> list[int]:
        """Which lines of a block match, counted from its first."""
        lines = self._kept.get(block)
        if lines is None:
            lines = self._kept[block] = self._find_lines(block)
            if len(self._kept) > _KEPT_BLOCKS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(block)
        return lines

    def _find_lines(self, block: int) -> list[int]:
        start, size = self._starts[block], self._ends[block] - self._starts[block]
        count = self._upto[block] - self._before(block)
        with self.index.held() as file:
            if file is None or size > BLOCK:  # one long line
                return [0] * count
            data = os.pread(file, size, start)
        lines = self.query.lines(data, returns_end_lines=self.index.returns_end_lines)
        return lines if len(lines) == count else [*lines, *[0] * count][:count]  # truncated since

    def _count(self, data: bytes) -> int:
        return self.query.count(data, returns_end_lines=self.index.returns_end_lines)

    def _last_end(self, data: bytes) -> int:
        """Behind the last line end in ``data``; 0 if there is none."""
        newline = data.rfind(b"\n")
        if self.index.returns_end_lines:
            # What follows a return at the very end is not known: it may be half a line end.
            newline = max(newline, data.rfind(b"\r", 0, max(0, len(data) - 1)))
        return newline + 1

    def _first_end(self, data: bytes) -> int:
        newline = data.find(b"\n")
        if self.index.returns_end_lines:
            found = data.find(b"\r", 0, max(0, len(data) - 1))
            if found >= 0 and (newline < 0 or found < newline):
                return found + 1 + (data[found + 1 : found + 2] == b"\n")
        return newline + 1
