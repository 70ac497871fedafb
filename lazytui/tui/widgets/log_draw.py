"""The drawn rows of a log view, kept while they are in use."""

from __future__ import annotations

import time
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from rich.segment import Segment
from textual.strip import Strip

from lazytui.core.lines import RawLine
from lazytui.text import duration_text
from lazytui.tui.widgets.log_heading import heading_strip
from lazytui.tui.widgets.log_line import Marked, draw_line
from lazytui.tui.widgets.log_rows import Heading, Mark
from lazytui.tui.widgets.log_wrap import broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.arrivals import ArrivalTimes
    from lazytui.core.search import Query
    from lazytui.tui.widgets.log_line import Palette
    from lazytui.tui.widgets.log_rows import Rows

NAMED = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_KEPT_ROWS = 1000
_TIME_CELLS = 8
_RULE_CELLS = 1000
_NO_TIME = "--:--:--"


class Times(Enum):
    """What stands before each line."""

    OFF = "no times"
    CLOCK = "time of day"
    SINCE = "time since the start"


class Row(NamedTuple):
    """A drawn row: its text, and where its line begins in the file; None for a mark."""

    strip: Strip
    start: int | None


class LogDrawing:
    """Draws rows and keeps what was drawn.

    Args:
        palette: gives the colours; asked again after :meth:`recolour`.
    """

    def __init__(self, palette: Callable[[], Palette]) -> None:
        self._make_palette = palette
        self._palette: Palette | None = None
        self.now: Callable[[], float] = time.time
        self.cells = 0  # of the view
        self.query: Query | None = None
        self.here: int | None = None  # where the line begins that the user is at
        self.times = Times.OFF
        self.arrivals: ArrivalTimes | None = None
        self.started: float | None = None  # of the run, in seconds since the epoch
        self._rows: dict[int, Row] = {}
        self._parts: dict[int, list[Strip]] = {}
        self._parts_cells = 0

    @property
    def palette(self) -> Palette:
        """The colours."""
        if self._palette is None:
            self._palette = self._make_palette()
        return self._palette

    def recolour(self) -> None:
        """Draw everything anew, in other colours."""
        self._palette = None
        self.forget()

    @property
    def margin(self) -> int:
        """How many cells the times take."""
        return 0 if self.times is Times.OFF else _TIME_CELLS + 2

    def forget(self, row: int | None = None) -> None:
        """Draw a row anew when it is needed again; by default all rows."""
        if row is None:
            self._rows.clear()
            self._parts.clear()
        else:
            self._rows.pop(row, None)
            self._parts.pop(row, None)

    def row(self, rows: Rows, number: int, last: int) -> Row | None:
        """Give a row; draws those up to, not including, ``last`` with it. None if there is none."""
        if (row := self._rows.get(number)) is None:
            row = self._draw(rows, number, last)
        return row

    def parts(self, number: int, row: Row, cells: int) -> list[Strip]:
        """Give a row, broken into parts of at most ``cells`` cells."""
        if cells != self._parts_cells:
            self._parts.clear()
            self._parts_cells = cells
        if (parts := self._parts.get(number)) is None:
            parts = [row.strip] if row.start is None else broken(row.strip, cells)
            self._parts[number] = parts
        return parts

    def time(self, start: int | None) -> Strip:
        """The time before the line that begins at ``start``; empty before a line's other parts."""
        if not self.margin:
            return Strip([])
        at = None if start is None or self.arrivals is None else self.arrivals.at(start)
        if start is None:
            text, style = "", self.palette.remark
        elif at is None:
            text, style = _NO_TIME, self.palette.rule
        else:
            text, style = self._time_text(at), self.palette.remark
        return Strip([Segment(f"{text:>{_TIME_CELLS}}  ", style)])

    def remark(self, text: str) -> Strip:
        """Say something in the place of output."""
        return Strip([Segment(text, self.palette.remark)])

    def _rule(self, mark: Mark) -> Strip:
        """A mark across the view, however wide that is."""
        word = f"mark {time.strftime('%H:%M:%S', time.localtime(mark.at))}"
        return Strip(
            [
                Segment("── ", self.palette.rule),
                Segment(word, self.palette.mark),
                Segment(" " + "─" * _RULE_CELLS, self.palette.rule),
            ]
        )

    def _time_text(self, at: float) -> str:
        if self.times is Times.CLOCK:
            return time.strftime("%H:%M:%S", time.localtime(at))
        return duration_text(max(0.0, at - (self.started or at)))

    def _draw(self, rows: Rows, first: int, last: int) -> Row | None:
        """Read and draw rows up to one that is drawn already; gives the first.

        A heading is not kept: with each line that comes, and each second, it says something else.
        """
        heading: Row | None = None
        if len(self._rows) > _KEPT_ROWS:
            self.forget()
        end = first + 1
        while end < last and end not in self._rows:
            end += 1
        try:
            lines = rows.read(first, end)
        except OSError as error:
            lines = [RawLine(f"cannot read this line: {error.strerror}".encode())]
        for number, line in enumerate(lines, first):
            if isinstance(line, Heading):
                if number == first:
                    strip = heading_strip(line, self.palette, self.now(), self.cells)
                    heading = Row(strip, None)
            elif isinstance(line, Mark):
                self._rows[number] = Row(self._rule(line), None)
            else:
                strip = draw_line(line, self.palette, self._marked(line))
                self._rows[number] = Row(strip, line.start)
            self._parts.pop(number, None)
        return heading or self._rows.get(first)

    def _marked(self, line: RawLine) -> Marked | None:
        if self.query is None:
            return None
        style = self.palette.here if line.start == self.here else self.palette.match
        return Marked(self.query, style)
