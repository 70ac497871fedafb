"""Rows of the output of several steps: a heading for each, with its lines below, or folded."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.tui.widgets.log_rows import Heading, Mark, Rows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lazytui.core.lines import LineIndex
    from lazytui.core.matches import MatchIndex
    from lazytui.core.run_steps import RunStep
    from lazytui.tui.widgets.log_rows import Shown

MOST_TO_COME = 3  # rows for steps that were not begun: what runs stays in sight above them


@dataclass(frozen=True, slots=True)
class Section:
    """Where a step that was begun is in the view.

    Args:
        step: which.
        row: of its heading; of its first line, if the heading is above what is shown.
        first: the number of its first line, or of the one after it, among all that are shown.
        count: how many lines it has.
        is_open: the lines are shown.
        has_heading: false when the view begins in the middle of it.
    """

    step: RunStep
    row: int
    first: int
    count: int
    is_open: bool
    has_heading: bool

    @property
    def rows(self) -> int:
        """How many rows it takes."""
        return self.has_heading + self.count * self.is_open


class StepRows(Rows):
    """The rows of a view with headings between.

    Args:
        lines: where the text is; a line ends where a step begins.
        matches: show only these lines; None to show all.
        marks: in the order in which they were set.
        steps: all of the task, in order.
        folded: the numbers of those whose lines are put away.
    """

    def __init__(
        self,
        lines: LineIndex,
        matches: MatchIndex | None,
        marks: Sequence[Mark],
        steps: Sequence[RunStep],
        folded: Collection[int],
    ) -> None:
        super().__init__(lines, matches, marks)
        self._begun = [step for step in steps if step.start is not None]
        self._folded = folded
        to_come = [step for step in steps if step.start is None]
        shown = to_come if len(to_come) <= MOST_TO_COME else to_come[: MOST_TO_COME - 1]
        self._to_come = [Heading(step) for step in shown]
        if rest := to_come[len(shown) :]:
            self._to_come.append(Heading(rest[0], more=len(rest) - 1))
        self._known: tuple[tuple[int, ...], list[Section]] = ((), [])

    @property
    def count(self) -> int:
        """How many rows there are now."""
        sections = self.sections
        end = sections[-1].row + sections[-1].rows if sections else self.line_rows
        return end + len(self._to_come)

    @property
    def sections(self) -> list[Section]:
        """The steps that are shown with their lines."""
        plain = self.line_rows
        key = (plain, self.lines.end, self.matches.end if self.matches else 0)
        if self._known[0] != key:
            self._known = (key, self._lay_out(plain))
        return self._known[1]

    @property
    def last_row(self) -> int:
        """The row of the last line, or of the heading under which it is put away."""
        sections = self.sections
        return max(0, sections[-1].row + sections[-1].rows - 1) if sections else super().last_row

    def section_at(self, row: int) -> Section | None:
        """The step that a row belongs to; None for one that was not begun."""
        sections = self.sections
        at = bisect_right(sections, row, key=lambda section: section.row) - 1
        # Rows of no height (a step that goes on above, folded) come before the one that has any.
        return sections[at] if at >= 0 and row < sections[at].row + sections[at].rows else None

    def section_of(self, line: int) -> Section | None:
        """The step that a line belongs to."""
        return self._holding(super().row_of(line))

    def read(self, first: int, last: int) -> list[Shown]:
        """Give the rows ``first`` up to, not including, ``last``.

        Raises:
            OSError: the file cannot be read.
        """
        found: list[Shown] = []
        end = 0
        for section in self.sections:
            end = section.row + section.rows
            if end <= first or section.row >= last:
                continue
            body = section.row + section.has_heading
            if section.has_heading and section.row >= first:
                found.append(Heading(section.step, section.count, section.is_open))
            begin, stop = max(first, body) - body, min(last, end) - body
            if begin < stop:
                found += super().read(section.first + begin, section.first + stop)
        begin, stop = max(first - end, 0), max(last - end, 0)
        return [*found, *self._to_come[begin:stop]]

    def row_of(self, line: int) -> int:
        """The row of a line; of one that is put away, its heading; of one not shown, the next."""
        row = super().row_of(line)
        section = self._holding(row)
        if section is None:
            return row
        if not section.is_open:
            return section.row
        return section.row + section.has_heading + row - section.first

    def line_of(self, row: int) -> int:
        """The number of the line in a row; of another row, that of the next line."""
        section = self.section_at(row)
        if section is None:
            return self.lines.line_count
        inside = max(0, row - section.row - section.has_heading) if section.is_open else 0
        return super().line_of(section.first + inside)

    def _holding(self, plain: int) -> Section | None:
        sections = self.sections
        at = bisect_right(sections, plain, key=lambda section: section.first) - 1
        return sections[max(0, at)] if sections else None

    def _lay_out(self, plain: int) -> list[Section]:
        starts = [self._first_of(step, plain) for step in self._begun]
        sections: list[Section] = []
        row = 0
        for at, step in enumerate(self._begun):
            end = starts[at + 1] if at + 1 < len(starts) else plain
            has_heading = (step.start or 0) >= self.lines.start
            if not has_heading and end == 0:
                continue  # all of it is above what is shown
            is_open = step.number not in self._folded
            count = max(0, end - starts[at])
            sections.append(Section(step, row, starts[at], count, is_open, has_heading))
            row += sections[-1].rows
        return sections

    def _first_of(self, step: RunStep, plain: int) -> int:
        """How many lines are shown before those of a step, headings left out."""
        start = step.start or 0
        if start <= self.lines.start:
            return 0
        if start >= self.lines.end:
            return plain
        return super().row_of(self.lines.line_at(start))
