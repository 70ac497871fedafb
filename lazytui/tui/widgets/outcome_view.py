"""The outcomes of a task, one below the other, with a cursor that moves between them."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from lazytui.core.outcomes import Kind, find
from lazytui.tui.keymap import bindings
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.outcome_rows import (
    Level,
    Shown,
    body_line,
    heading,
    identity,
    rest_line,
    shown_lines,
)
from lazytui.tui.widgets.piece_view import PieceView

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from textual import events

    from lazytui.core.outcome_reader import Compared
    from lazytui.core.outcomes import Outcome
    from lazytui.tui.context import Clock

GUTTER = 3  # the cursor bar and its distance


class OutcomeView(PieceView):
    """Shows each outcome as a heading and some lines of its output; draws only what is seen.

    The cursor stays on its outcome while others come, grow and go above it.

    Args:
        clock: tells how long runs have been running.
    """

    BINDINGS = bindings("list")

    class CursorMoved(Message):
        """The cursor is on another outcome, or the outcomes changed."""

    class Opened(Message):
        """An outcome was opened with the mouse."""

    def __init__(self, clock: Clock, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id)
        self._clock = clock
        self._compared: Sequence[Compared] = ()
        self._shown: list[Shown] = []
        self._tops: list[int] = [0]  # the first row of each outcome, and the end of all
        self._levels: dict[Hashable, Level] = {}
        self._cursor = 0
        self._was_moved = False

    # Outcomes and the cursor

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """The outcomes in order."""
        return [compared.outcome for compared in self._compared]

    @property
    def compared(self) -> Sequence[Compared]:
        """The outcomes in order, each with what it is compared with."""
        return self._compared

    @property
    def outcome_count(self) -> int:
        """How many outcomes there are."""
        return len(self._compared)

    @property
    def is_comparing(self) -> bool:
        """True when there are different outputs."""
        return any(compared.reference for compared in self._compared)

    @property
    def current(self) -> Outcome | None:
        """The outcome under the cursor."""
        return self._compared[self._cursor].outcome if self._compared else None

    @property
    def cursor(self) -> int:
        """The place of the cursor, 0 for the first outcome."""
        return self._cursor

    def show(self, compared: Sequence[Compared]) -> None:
        """Show these outcomes, each with what it is compared with."""
        current = self.current
        distance = self._tops[self._cursor] - self.scroll_offset.y
        self._compared = compared
        # Until somebody moves it, the cursor is on the first one, whichever that is.
        if current is not None and self._was_moved:
            self._cursor = self._place_of(current)
        else:
            self._cursor = 0
        self._lay_out()
        if self.scroll_offset.y:
            self.scroll_to(y=self._tops[self._cursor] - distance, force=True)
        self.refresh()
        self.post_message(self.CursorMoved())

    def _place_of(self, outcome: Outcome) -> int:
        """Give the place of what the outcome is now: the same one, or where its first run is."""
        wanted = identity(outcome)
        outcomes = self.outcomes
        for place, there in enumerate(outcomes):
            if identity(there) == wanted:
                return place
        found = find(outcomes, outcome.first.run_id)
        return outcomes.index(found) if found else 0

    def _lay_out(self) -> None:
        usual = Level.CLIPPED if self.is_comparing else Level.OPEN
        self._shown = [shown_lines(c, self._level(c.outcome, usual)) for c in self._compared]
        self._tops = [0]
        for shown in self._shown:
            self._tops.append(self._tops[-1] + 1 + shown.height + 1)
        self.virtual_size = Size(0, max(0, self._tops[-1] - 1))

    def level(self, outcome: Outcome) -> Level:
        """Say how much of an outcome is shown: much of the only output, some of one of many."""
        usual = Level.CLIPPED if self.is_comparing else Level.OPEN
        return self._level(outcome, usual)

    def _level(self, outcome: Outcome, usual: Level) -> Level:
        return self._levels.get(identity(outcome), usual) if self._levels else usual

    def show_more(self) -> None:
        """Show more of the current output."""
        self._set_level(1)

    def show_less(self) -> None:
        """Show less of the current output."""
        self._set_level(-1)

    def _set_level(self, step: int) -> None:
        outcome = self.current
        if outcome is None:
            return
        level = self.level(outcome) + step
        self._levels[identity(outcome)] = Level(max(Level.FOLDED, min(level, Level.OPEN)))
        self._lay_out()
        self._show_cursor()
        self.refresh()

    def times_went_on(self) -> None:
        """Draw the headings in sight whose times go on."""
        for place, compared in enumerate(self._compared):
            row = self._tops[place] - self.scroll_offset.y
            if compared.outcome.kind is Kind.RUNNING and 0 <= row < self.size.height:
                self.refresh_line(row)

    def move_cursor(self, place: int) -> None:
        """Put the cursor on an outcome; places outside mean the nearest end."""
        self._was_moved = True
        place = max(0, min(place, len(self._compared) - 1))
        if place != self._cursor:
            self._cursor = place
            self.refresh()
            self.post_message(self.CursorMoved())
        self._show_cursor()

    def _show_cursor(self) -> None:
        """Scroll as far as needed to have the current outcome in sight, its heading first."""
        top, end = self._rows_of_cursor()
        if end > self.scroll_offset.y + self.size.height:
            self.scroll_to(y=min(top, end - self.size.height), force=True)
        elif top < self.scroll_offset.y:
            self.scroll_to(y=top, force=True)

    def _rows_of_cursor(self) -> tuple[int, int]:
        if not self._compared:
            return 0, 0
        return self._tops[self._cursor], self._tops[self._cursor + 1] - 1

    # Keys and mouse

    def action_cursor_down(self) -> None:
        """Go to the next outcome, line by line through one that is longer than the screen."""
        _, end = self._rows_of_cursor()
        if end > self.scroll_offset.y + self.size.height:
            self.scroll_to(y=self.scroll_offset.y + 1, force=True)
        else:
            self.move_cursor(self._cursor + 1)

    def action_cursor_up(self) -> None:
        """Go to the outcome above, line by line through one that is longer than the screen."""
        top, _ = self._rows_of_cursor()
        if top < self.scroll_offset.y:
            self.scroll_to(y=self.scroll_offset.y - 1, force=True)
        else:
            self.move_cursor(self._cursor - 1)

    def action_top(self) -> None:
        self.move_cursor(0)
        self.scroll_to(y=0, force=True)

    def action_bottom(self) -> None:
        self.move_cursor(len(self._compared) - 1)

    def action_half_down(self) -> None:
        self._page(self.size.height // 2)

    def action_half_up(self) -> None:
        self._page(-(self.size.height // 2))

    def action_page_down(self) -> None:
        self._page(self.size.height)

    def action_page_up(self) -> None:
        self._page(-self.size.height)

    def _page(self, rows: int) -> None:
        """Scroll, and take the cursor along to the outcome that is now as high as it was."""
        before = self.scroll_offset.y
        self.scroll_to(y=before + rows, force=True)
        moved = round(self.scroll_target_y) - before
        if not moved:
            self.move_cursor(len(self._compared) if rows > 0 else 0)
            return
        place = self._at_row(self._tops[self._cursor] + moved)
        self._was_moved = True
        if place != self._cursor:
            self._cursor = place
            self.refresh()
            self.post_message(self.CursorMoved())

    def _at_row(self, row: int) -> int:
        """Give the outcome that has a row."""
        return max(0, min(bisect_right(self._tops, row) - 1, len(self._compared) - 1))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; a double click opens."""
        row = self.scroll_offset.y + event.y
        if row >= self._tops[-1] or not self._compared:
            return
        self.move_cursor(self._at_row(row))
        if event.chain == 2:
            self.post_message(self.Opened())

    def on_resize(self) -> None:
        """Keep the cursor in sight when the terminal shrinks."""
        if self._was_moved:
            self._show_cursor()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """Draw one row of the view."""
        row = self.scroll_offset.y + y
        if not self._compared or row >= self._tops[-1]:
            return Strip.blank(self.size.width, self.rich_style)
        place = self._at_row(row)
        compared, shown = self._compared[place], self._shown[place]
        line = row - self._tops[place] - 1
        cells = self.size.width - 1
        if line < 0:
            is_here = place == self._cursor
            head = heading(compared, self._clock.epoch(), cells - GUTTER)
            bar = Piece("▌  " if is_here else "   ", "moves")
            return self.strip([bar, *head], is_cursor=is_here)
        if line < len(shown.lines):
            return self.strip(body_line(compared, shown.lines[line], cells))
        if line < shown.height:
            return self.strip(rest_line(shown.hidden))
        return Strip.blank(self.size.width, self.rich_style)
