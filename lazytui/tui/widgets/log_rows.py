"""Which line is in which row of a log view: all lines or the matching ones, and marks between."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.lines import RawLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.lines import LineIndex
    from lazytui.core.matches import MatchIndex
    from lazytui.core.run_steps import RunStep


@dataclass(frozen=True, slots=True)
class Mark:
    """A line that the user drew under the output: in this view only.

    Args:
        offset: how much output there was, in bytes.
        at: when, in seconds since the epoch.
    """

    offset: int
    at: float


@dataclass(frozen=True, slots=True)
class Heading:
    """The row above the output of a step; of one that was not begun, all there is of it.

    Args:
        step: which.
        lines: how many it has, of those that are shown; None where that is not known.
        is_open: they are in the rows below.
        more: how many steps that were not begun stand in this row beside it.
    """

    step: RunStep
    lines: int | None = None
    is_open: bool = False
    more: int = 0


Shown = RawLine | Mark | Heading


class Rows:
    """The rows of a view.

    Args:
        lines: where the text is.
        matches: show only these lines, without marks; None to show all.
        marks: in the order in which they were set.
    """

    def __init__(
        self, lines: LineIndex, matches: MatchIndex | None, marks: Sequence[Mark] = ()
    ) -> None:
        self.lines = lines
        self.matches = matches
        self._marks = [] if matches else [mark for mark in marks if mark.offset >= lines.start]
        self._mark_rows: list[int] = []  # of those that are within the indexed part

    @property
    def count(self) -> int:
        """How many rows there are now."""
        return self.line_rows

    @property
    def line_rows(self) -> int:
        """How many of them are lines or marks, put away or not."""
        if self.matches is not None:
            return self.matches.count
        return self.lines.line_count + len(self._placed())

    @property
    def last_row(self) -> int:
        """The row of the last line: it may go on."""
        return max(0, self.count - 1)

    def read(self, first: int, last: int) -> list[Shown]:
        """Give the rows ``first`` up to, not including, ``last``.

        Raises:
            OSError: the file cannot be read.
        """
        last = min(last, self.line_rows)
        if self.matches is not None:
            numbers = [self.matches.line(row) for row in range(first, last)]
            return [line for number in numbers for line in self.lines.read(number, number + 1)]
        placed = self._placed()
        begin = first - bisect_left(placed, first)
        end = last - bisect_left(placed, last)
        lines = iter(self.lines.read(begin, end))
        found: list[Shown] = []
        for row in range(first, last):
            if (mark := self._mark_in(row)) is not None:
                found.append(mark)
            elif (line := next(lines, None)) is not None:
                found.append(line)
        return found

    def row_of(self, line: int) -> int:
        """The row of a line; of one that is not shown, the next."""
        if self.matches is not None:
            return self.matches.rank(line)
        row = line
        for mark_row in self._placed():
            if mark_row > row:
                break
            row += 1
        return row

    def line_of(self, row: int) -> int:
        """The number of the line in a row; of a mark, that of the line below it."""
        if self.matches is not None:
            return self.matches.line(row) if row < self.matches.count else self.lines.line_count
        return row - bisect_left(self._placed(), row)

    def rows_after(self, offset: int) -> int:
        """How many of the rows are lines that end behind ``offset`` in the file."""
        line = self.lines.line_at(offset) if offset < self.lines.end else self.lines.line_count
        if self.matches is not None:
            return self.matches.count - self.matches.rank(line)
        return max(0, self.lines.line_count - line)

    def _mark_in(self, row: int) -> Mark | None:
        index = bisect_right(self._placed(), row) - 1
        return self._marks[index] if index >= 0 and self._mark_rows[index] == row else None

    def _placed(self) -> list[int]:
        """The rows of the marks, the first first; a line that goes on stays above its mark."""
        while len(self._mark_rows) < len(self._marks):
            offset = self._marks[len(self._mark_rows)].offset
            if offset > self.lines.end:
                break
            before = self.lines.line_at(offset - 1) + 1 if offset > self.lines.start else 0
            self._mark_rows.append(before + len(self._mark_rows))
        return self._mark_rows
