"""A short list of rows of pieces with a cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Size
from textual.message import Message

from lazytui.tui.keymap import bindings
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.piece_view import PieceView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.strip import Strip

    from lazytui.tui.widgets.cells import Row


class RowList(PieceView):
    """Shows rows; an empty one is passed over by the cursor."""

    BINDINGS = bindings("list")

    class CursorMoved(Message):
        """The cursor came to another row."""

    class Opened(Message):
        """A row was opened with the mouse."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id)
        self._rows: Sequence[Row] = ()
        self.cursor = 0

    def show(self, rows: Sequence[Row]) -> None:
        """Show rows, the cursor where it was as far as there is a row."""
        self._rows = rows
        self.virtual_size = Size(0, len(rows))
        self.go(self.cursor)

    def go(self, row: int, *, step: int = 1) -> None:
        """Take the cursor to a row, or past it where it is empty."""
        row = max(0, min(row, len(self._rows) - 1))
        while 0 < row < len(self._rows) - 1 and not self._rows[row]:
            row += step
        self.cursor = max(0, row)
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if not top <= self.cursor < top + height:
            self.scroll_to(y=max(0, self.cursor - height // 2), force=True)
        self.refresh()
        self.post_message(self.CursorMoved())

    def action_cursor_down(self) -> None:
        self.go(self.cursor + 1)

    def action_cursor_up(self) -> None:
        self.go(self.cursor - 1, step=-1)

    def action_top(self) -> None:
        self.go(0)

    def action_bottom(self) -> None:
        self.go(len(self._rows) - 1)

    def action_half_down(self) -> None:
        self.go(self.cursor + self.size.height // 2)

    def action_half_up(self) -> None:
        self.go(self.cursor - self.size.height // 2, step=-1)

    def action_page_down(self) -> None:
        self.go(self.cursor + self.size.height)

    def action_page_up(self) -> None:
        self.go(self.cursor - self.size.height, step=-1)

    def on_click(self, event: events.Click) -> None:
        """Take the cursor there; twice opens the row."""
        row = self.scroll_offset.y + event.y
        if row < len(self._rows) and self._rows[row]:
            self.go(row)
            if event.chain == 2:
                self.post_message(self.Opened())

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        row = self.scroll_offset.y + y
        if row >= len(self._rows) or not self._rows[row]:
            return self.strip([])
        here = row == self.cursor
        return self.strip([Piece("▌" if here else " ", "moves"), *self._rows[row]], is_cursor=here)
