"""A table that draws only the rows that are seen, so that a thousand hosts cost as much as ten."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lazytui.tui.keymap import bindings
from lazytui.tui.theme import ROLES
from lazytui.tui.widgets.cells import Piece, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual import events

    from lazytui.tui.widgets.columns import Column

GUTTER = 3  # the cursor bar, the mark, a blank
GAP = 2


class LineTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows under a heading that stays, with a cursor and marks.

    Rows are known by a key (a host, a run), not by their place: cursor and marks stay with
    their row when others come and go. Children say what a row shows, and, where a row stands for
    several things, which; what is not in sight may stay marked.
    """

    BINDINGS = bindings("list")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-table--head",
        "line-table--cursor",
        *(f"line-table--{role}" for role in ROLES),
    }

    class CursorMoved(Message):
        """The cursor is on another row, or the rows changed below it."""

    class MarksChanged(Message):
        """Something was marked or unmarked."""

    class Opened(Message):
        """A row was opened with the mouse."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        self._styles: dict[tuple[str, str | None, bool], Style] = {}
        super().__init__(id=id)
        self._keys: tuple[str, ...] = ()
        self._places: dict[str, int] = {}
        self._cursor = 0
        self._marks: set[str] = set()
        self._range_start: str | None = None
        self.note: Sequence[Piece] = ()
        """What an empty table says."""
        self._layout: tuple[Column, ...] = ()
        self._layout_width = -1

    # What children say

    def layout_for(self, cells: int) -> tuple[Column, ...]:
        """Choose the columns for rows of ``cells`` cells (the gutter not counted)."""
        raise NotImplementedError

    def row(self, key: str, columns: Sequence[Column]) -> Iterable[Piece]:
        """Give the pieces of a row, each column filled, with the gaps between them."""
        raise NotImplementedError

    def members(self, key: str) -> Sequence[str]:
        """Give the things that a row stands for: what is marked with it."""
        return (key,)

    def markable(self) -> Iterable[str]:
        """Give all things that may be marked, in sight or not, in order."""
        return self._keys

    def stand_in(self, key: str) -> str | None:
        """Give the row for the cursor when its own row has gone; None for the nearest."""
        del key
        return None

    @property
    def shows_cursor(self) -> bool:
        """Whether the cursor is to be seen; one of two tables hides it while the other has it."""
        return True

    # Rows, cursor and marks

    @property
    def keys(self) -> tuple[str, ...]:
        """The rows in order."""
        return self._keys

    @property
    def current(self) -> str | None:
        """The row under the cursor; None in an empty table."""
        return self._keys[self._cursor] if self._keys else None

    @property
    def cursor(self) -> int:
        """The place of the cursor, 0 for the first row."""
        return self._cursor

    @property
    def marked(self) -> list[str]:
        """What is marked, in order; a range that is being marked counts."""
        marks = self._marks | self._in_range()
        return [key for key in self.markable() if key in marks] if marks else []

    def set_keys(self, keys: Iterable[str]) -> None:
        """Replace the rows; the cursor stays on its row where that is still there."""
        new = tuple(keys)
        if new == self._keys:
            return
        before, current = self._cursor, self.current
        self._keys = new
        self._places = {key: place for place, key in enumerate(new)}
        self._layout_width = -1
        self.virtual_size = Size(0, len(new) + 1)
        self._drop_marks()
        fallback = min(before, max(0, len(new) - 1))
        if current is not None:
            other = self.stand_in(current) if current not in self._places else current
            fallback = fallback if other is None else self._places.get(other, fallback)
        self._cursor = fallback
        if self._cursor != before and self.scroll_offset.y:
            # Rows came in above: what the user looks at stays where it is.
            self.scroll_to(y=self.scroll_offset.y + self._cursor - before, animate=False)
        self._show_cursor()
        self.refresh()
        self.post_message(self.CursorMoved())

    def move_cursor(self, place: int) -> None:
        """Put the cursor on a row; places outside the table mean its nearest end."""
        place = max(0, min(place, len(self._keys) - 1))
        if place == self._cursor:
            return
        self.refresh_line(self._cursor + 1)
        self._cursor = place
        self.refresh_line(place + 1)
        self._show_cursor()
        self.post_message(self.CursorMoved())
        if self._range_start is not None:
            self._marks_changed()

    def toggle_mark(self, key: str) -> None:
        """Mark what a row stands for; when all of it is marked, unmark it."""
        members = set(self.members(key))
        self._marks = self._marks - members if members <= self._marks else self._marks | members
        self._marks_changed()

    def toggle_range(self) -> None:
        """Begin to mark a range at the cursor; called again, end it there."""
        if self._range_start is None:
            self._range_start = self.current
        else:
            self._marks |= self._in_range()
            self._range_start = None
        self._marks_changed()

    @property
    def marking_range(self) -> bool:
        """A range was begun and not ended."""
        return self._range_start is not None

    def mark_all(self) -> None:
        """Mark all rows in the table; when all are marked, unmark them."""
        shown = {member for key in self._keys for member in self.members(key)}
        self._marks = self._marks - shown if shown <= self._marks else self._marks | shown
        self._marks_changed()

    def clear_marks(self) -> None:
        """Give up the range that is being marked; without one, unmark everything."""
        if self._range_start is None:
            self._marks.clear()
        self._range_start = None
        self._marks_changed()

    def _in_range(self) -> set[str]:
        """Give what lies between the start of the range and the cursor."""
        if self._range_start is None:
            return set()
        ends = sorted((self._places.get(self._range_start, self._cursor), self._cursor))
        keys = self._keys[ends[0] : ends[1] + 1]
        return {member for key in keys for member in self.members(key)}

    def _marks_changed(self) -> None:
        self.refresh()
        self.post_message(self.MarksChanged())

    def _drop_marks(self) -> None:
        """Unmark what is no longer there."""
        gone = self._marks.difference(self.markable()) if self._marks else None
        if gone:
            self._marks -= gone
            self.post_message(self.MarksChanged())

    def rows_changed(self, keys: Iterable[str]) -> None:
        """Draw rows again whose content changed; rows out of sight cost nothing."""
        top = self.scroll_offset.y
        bottom = top + self.size.height
        for key in keys:
            place = self._places.get(key)
            if place is not None and top <= place < bottom:
                self.refresh_line(place + 1)

    @property
    def page(self) -> int:
        """The number of rows that are seen at once."""
        return max(1, self.size.height - 1)

    def _show_cursor(self) -> None:
        """Scroll just as far as needed to have the cursor in sight."""
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + self.page:
            self.scroll_to(y=self._cursor - self.page + 1, animate=False)

    # Keys and mouse

    def action_cursor_down(self) -> None:
        self.move_cursor(self._cursor + 1)

    def action_cursor_up(self) -> None:
        self.move_cursor(self._cursor - 1)

    def action_top(self) -> None:
        self.move_cursor(0)

    def action_bottom(self) -> None:
        self.move_cursor(len(self._keys) - 1)

    def action_half_down(self) -> None:
        self.move_cursor(self._cursor + max(1, self.page // 2))

    def action_half_up(self) -> None:
        self.move_cursor(self._cursor - max(1, self.page // 2))

    def action_page_down(self) -> None:
        self.move_cursor(self._cursor + self.page)

    def action_page_up(self) -> None:
        self.move_cursor(self._cursor - self.page)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; a double click opens the row."""
        y = event.get_content_offset_capture(self).y
        place = self.scroll_offset.y + y - 1
        if y < 1 or place >= len(self._keys):
            return
        self.move_cursor(place)
        if event.chain == 2:
            self.post_message(self.Opened())

    def on_resize(self) -> None:
        """Keep the cursor in sight when the terminal shrinks."""
        self._show_cursor()

    # Drawing

    def columns(self) -> tuple[Column, ...]:
        """Give the columns at the present width."""
        cells = self.size.width
        if cells != self._layout_width:
            self._layout = self.layout_for(max(0, cells - GUTTER - 1))
            self._layout_width = cells
        return self._layout

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen: the heading, a row, or nothing."""
        if y == 0:
            return self._strip(self._head(), "head")
        place = self.scroll_offset.y + y - 1
        if place >= len(self._keys):
            if self.note and not self._keys and y == 2:
                return self._strip([Piece(" " * GUTTER), *self.note], None)
            return Strip.blank(self.size.width, self.rich_style)
        key = self._keys[place]
        here = place == self._cursor and self.shows_cursor
        pieces = [
            Piece("▌" if here else " ", "moves"),
            Piece(self._mark(key), "keys"),
            Piece(" "),
            *self.row(key, self.columns()),
        ]
        return self._strip(pieces, "cursor" if here else None)

    def _mark(self, key: str) -> str:
        """Give ``✓`` for a row that is marked, ``-`` for one of which a part is."""
        marks = self._marks
        if self._range_start is not None:
            marks = marks | self._in_range()
        marked = sum(member in marks for member in self.members(key))
        if not marked:
            return " "
        return "✓" if marked == len(self.members(key)) else "-"

    def _head(self) -> list[Piece]:
        pieces = [Piece(" " * (GUTTER - GAP))]
        for column in self.columns():
            title = [Piece(column.title, "quiet"), Piece(column.arrow, "moves")]
            if column.right:  # the gap before a number is the title's too, when it is long
                pieces += place(title[::-1], column.width + GAP, right=True)
            else:
                pieces.append(Piece(" " * GAP))
                pieces += place(title, column.width)
        return pieces

    def _strip(self, pieces: Iterable[Piece], ground: str | None) -> Strip:
        # Blanks show nothing of their role: joined with what is before them, a row is half the
        # bytes for a slow line.
        texts: list[str] = []
        styles: list[Style] = []
        for text, role, bold in pieces:
            style = styles[-1] if styles and text.isspace() else self._style(role, ground, bold)
            if styles and styles[-1] is style:
                texts[-1] += text
            else:
                texts.append(text)
                styles.append(style)
        rest = self._style("plain", ground, bold=False)
        return Strip(map(Segment, texts, styles)).adjust_cell_length(self.size.width, rest)

    def _style(self, role: str, ground: str | None, bold: bool) -> Style:
        """Give the style of a role on a ground; adding styles up costs more than all the rest."""
        known = self._styles.get((role, ground, bold))
        if known is None:
            under = self._component(ground, partial=False) if ground else self.rich_style
            known = under + self._component(role, partial=True) + Style(bold=bold)
            self._styles[role, ground, bold] = known
        return known

    def _component(self, name: str, *, partial: bool) -> Style:
        return self.get_component_rich_style(f"line-table--{name}", partial=partial)

    def notify_style_update(self) -> None:
        """Forget the styles when the sheets or the theme changed."""
        self._styles.clear()
        super().notify_style_update()


def joined(cells: Iterable[Sequence[Piece]]) -> list[Piece]:
    """Put filled columns side by side with a gap between them."""
    pieces: list[Piece] = []
    for cell in cells:
        if pieces:
            pieces.append(Piece(" " * GAP))
        pieces += cell
    return pieces


def tail_cells(columns: Sequence[Column]) -> int:
    """Give the cells that columns cover together, for a text that runs over them."""
    return sum(column.width for column in columns) + GAP * max(0, len(columns) - 1)
