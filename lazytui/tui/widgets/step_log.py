"""The output of a run of several steps, each under a heading, folded or open, with a cursor."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.strip import Strip

from lazytui.core.model import RunState
from lazytui.tui.widgets.log_steps import StepRows
from lazytui.tui.widgets.log_view import LogView
from lazytui.tui.widgets.log_wrap import Place, moved

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lazytui.core.run_steps import RunStep
    from lazytui.tui.context import Clock
    from lazytui.tui.widgets.log_file import LogFile
    from lazytui.tui.widgets.log_rows import Rows
    from lazytui.tui.widgets.log_steps import Section


class StepLog(LogView):
    """A log view whose text is in steps, where its run has several; else it is a log view.

    While steps go well, those that are over fold by themselves as long as the view follows. One
    that failed stays open. What the user has opened or folded stays so. Where only matching lines
    are shown, all steps are open at first: a match that is put away would look like none.

    Args:
        path: the spool, or None.
        clock: says how long a step has run.
    """

    def __init__(self, path: Path | None, clock: Clock, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(path, id=id)
        self._drawing.now = clock.epoch
        self._steps: Sequence[RunStep] = ()
        self._folded: set[int] = set()
        self._folded_matches: set[int] = set()  # while only matching lines are shown
        self._chosen: set[int] = set()  # folded or opened by the user
        self._cursor: int | None = None  # a row; None at the end
        self._cursor_moves = False

    # --- the steps ---------------------------------------------------------------------------

    @property
    def steps(self) -> Sequence[RunStep]:
        """The steps, if there are several."""
        return self._steps

    @property
    def current(self) -> Section | None:
        """The step that the cursor is in; None for one that was not begun."""
        return self._rows.section_at(self.at_row) if isinstance(self._rows, StepRows) else None

    @property
    def place_name(self) -> str:
        """Which step the cursor is in; below all of them, the last that was begun."""
        sections = self._rows.sections if isinstance(self._rows, StepRows) else []
        current = self.current or (sections[-1] if sections else None)
        return f"step {current.step.number + 1} of {len(self._steps)}" if current else ""

    def show_steps(self, steps: Sequence[RunStep]) -> None:
        """Show how the steps stand now."""
        if len(steps) < 2:
            steps = ()
        if steps == self._steps:
            return
        known = {step.number for step in self._steps if step.start is not None}
        begun = [step for step in steps if step.start is not None]
        if begun and (self.follow or not known) and begun[-1].number not in known:
            self._fold_those_over(begun)
        self._steps = steps
        self._breaks = tuple(step.start for step in begun if step.start)
        if self._file is not None:
            self._keep_place()
            self._set_rows()
            self._show_growth()
            self._return()
        self._wake.set()

    def refresh_times(self) -> None:
        """Say how long a step has run by now."""
        if any(step.is_running for step in self._steps):
            self.refresh()

    def open(self, path: Path | None) -> None:
        """Show the output of another run."""
        self._steps, self._breaks, self._cursor = (), (), None
        for kept in (self._folded, self._folded_matches, self._chosen):
            kept.clear()
        super().open(path)

    def only_matching(self, *, on: bool) -> None:
        """Show only the lines that match, of all steps, or all lines."""
        self._folded_matches.clear()
        super().only_matching(on=on)

    def _fold_those_over(self, begun: Sequence[RunStep]) -> None:
        for step in begun[:-1]:
            if step.state is RunState.SUCCEEDED and step.number not in self._chosen:
                self._folded.add(step.number)

    @property
    def _put_away(self) -> set[int]:
        return self._folded_matches if self._only else self._folded

    def toggle_step(self) -> None:
        """Fold the step that the cursor is in, or open it."""
        if (section := self.current) is not None:
            self._fold(section, on=section.is_open)

    def fold_step(self) -> bool:
        """Fold the step that the cursor is in; False if there is nothing to fold."""
        section = self.current
        if section is None or not section.is_open:
            return False
        self._fold(section, on=True)
        return True

    def open_step(self) -> bool:
        """Open the step that the cursor is in; False if it is open."""
        section = self.current
        if section is None or section.is_open:
            return False
        self._fold(section, on=False)
        return True

    def toggle_all(self) -> None:
        """Fold all steps, or open all if none is open."""
        numbers = {step.number for step in self._steps}
        current = self.current
        is_open = bool(numbers - self._put_away)
        self._chosen |= numbers
        self._put_away.clear()
        if is_open:
            self._put_away.update(numbers)
        self._show_folds(current)

    def go_to_step(self, number: int) -> None:
        """Open a step that was begun, and bring its heading to the top."""
        self._leave_tail()
        section = self._section(number)
        if section is None:
            return
        self._chosen.add(number)
        self._put_away.discard(number)
        self._show_folds(section, at_top=True)

    def go_on(self, by: int) -> None:
        """Put the cursor on the heading of the next step, or of the one before (-1)."""
        self._leave_tail()
        if not isinstance(self._rows, StepRows):
            return
        headings = [s.row for s in self._rows.sections if s.has_heading]
        here = self.at_row
        if by > 0:
            row = next((row for row in headings if row > here), None)
        else:
            row = next((row for row in reversed(headings) if row < here), None)
        if row is not None:
            self._move_cursor(row)

    def _fold(self, section: Section, *, on: bool) -> None:
        number = section.step.number
        self._chosen.add(number)
        if on:
            self._put_away.add(number)
        else:
            self._put_away.discard(number)
        self._show_folds(section)

    def _show_folds(self, section: Section | None, *, at_top: bool = False) -> None:
        """Show other rows, with the heading of a step where it was, and the cursor on it."""
        self._leave_tail()
        above = section.row - self.scroll_offset.y if section is not None else 0
        self._return_to = None
        self._set_rows()
        found = self._section(section.step.number) if section is not None else None
        self._last_row = self._rows.last_row if self._rows else 0
        with self._moving_cursor():
            self._cursor = found.row if found else 0
            self.follow = False
            self._show_size()
            top = self._cursor - (0 if at_top else max(0, above))
            self._go(Place(min(max(0, top), self.max_scroll_y), 0))
        self.refresh()
        self.post_message(self.Changed(self))

    def _section(self, number: int) -> Section | None:
        sections = self._rows.sections if isinstance(self._rows, StepRows) else []
        return next((section for section in sections if section.step.number == number), None)

    # --- rows --------------------------------------------------------------------------------

    def _rows_of(self, file: LogFile) -> Rows:
        if not self._steps:
            return super()._rows_of(file)
        matches = self._matches_shown(file)
        return StepRows(file.shown, matches, self._marks, self._steps, self._put_away)

    def _first_changed(self, rows: Rows, row: int) -> int:
        """A heading counts the lines below it."""
        sections = rows.sections if isinstance(rows, StepRows) else []
        return min(row, sections[-1].row) if sections else row

    def _show_line(self, line: int) -> None:
        """Bring a line in sight, out of its fold; the cursor goes there."""
        if isinstance(self._rows, StepRows):
            section = self._rows.section_of(line)
            if section is not None and not section.is_open:
                self._put_away.discard(section.step.number)
                self._set_rows()
                self._show_size()
            with self._moving_cursor():
                self._cursor = self._rows.row_of(line)
                super()._show_line(line)
        else:
            super()._show_line(line)

    # --- the cursor --------------------------------------------------------------------------

    @property
    def at_row(self) -> int:
        """The row that the cursor is on; it is always in sight."""
        last = max(0, self.line_count - 1)
        row = last if self._cursor is None else min(self._cursor, last)
        bottom = self._place_at(max(0, self.size.height - 1)).row
        return max(self.scroll_offset.y, min(row, bottom))

    def render_line(self, y: int) -> Strip:
        """Draw one row of the view; that of the cursor on its own ground."""
        strip = super().render_line(y)
        if not isinstance(self._rows, StepRows) or self._place_at(y).row != self.at_row:
            return strip
        ground = self._drawing.palette.cursor
        return Strip(
            [Segment(text, (style or ground) + ground) for text, style, _ in strip],
            strip.cell_length,
        )

    def action_scroll_down(self) -> None:
        """Put the cursor one row down."""
        if not isinstance(self._rows, StepRows):
            super().action_scroll_down()
        elif self.wrap and self._goes_on_below():
            with self._moving_cursor():
                self._move(1)
        elif (row := self.at_row) >= self.line_count - 1:
            self.action_scroll_end()
        else:
            self._move_cursor(row + 1)

    def action_scroll_up(self) -> None:
        """Put the cursor one row up."""
        if not isinstance(self._rows, StepRows):
            super().action_scroll_up()
        elif (row := self.at_row) > 0:
            self._move_cursor(row - 1)
        else:
            super().action_scroll_up()

    def action_scroll_home(self) -> None:
        """Go to the first line."""
        super().action_scroll_home()
        if isinstance(self._rows, StepRows):
            self._move_cursor(0)

    def _move_cursor(self, row: int) -> None:
        with self._moving_cursor():
            self._cursor = row
            self.follow = False
            self._bring_in_sight(row)
        self.refresh()
        self.post_message(self.Changed(self))

    def _bring_in_sight(self, row: int) -> None:
        top, bottom = Place(self.scroll_offset.y, self._part), self._place_at(self.size.height - 1)
        last_part = self._parts_of(row) - 1 if self.wrap else 0
        if Place(row, 0) < top:
            self._go(Place(row, 0))
        elif Place(row, last_part) > bottom:
            if self.wrap:
                end = moved(Place(row, last_part), 1 - self.size.height, self._parts_of)
                self._go(min(end, self._bottom))
            else:
                self._go(Place(row - self.size.height + 1, 0))

    def _goes_on_below(self) -> bool:
        """Whether the wrapped line of the cursor has parts below what is in sight."""
        bottom = self._place_at(self.size.height - 1)
        return bottom.row == self.at_row and bottom.part < self._parts_of(bottom.row) - 1

    @contextmanager
    def _moving_cursor(self) -> Iterator[None]:
        """What scrolls now is the cursor: the view does not begin to follow by that."""
        self._cursor_moves = True
        try:
            yield
        finally:
            self._cursor_moves = False

    def watch_follow(self, follow: bool) -> None:
        """The cursor is at the end while the view follows."""
        if follow:
            self._cursor = None
        super().watch_follow(follow)

    def _judge_follow(self) -> None:
        if not self._cursor_moves:
            super()._judge_follow()
