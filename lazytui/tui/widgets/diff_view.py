"""A comparison, row by row: what only one side has, and equal lines put away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Size
from textual.message import Message

from lazytui.core.compare import rows
from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.widgets.cells import Piece, fit, place
from lazytui.tui.widgets.piece_view import PieceView

if TYPE_CHECKING:
    from textual import events
    from textual.strip import Strip

    from lazytui.core.compare import Comparison, Row

_SIDE_CELLS = 16  # for the name of a side at the right
_SIDES_FROM = 70  # columns below which the names stand in the header only
_SIGNS = {"gone": ("-", "broken"), "new": ("+", "fine"), "same": (" ", "faint")}
_STEP = 8  # columns that one key scrolls sideways


class DiffView(PieceView):
    """Shows a comparison with a cursor; the differing part of a line stands out."""

    BINDINGS = bindings("list")

    class CursorMoved(Message):
        """The cursor came to another row, or the rows are others."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id)
        self._found: Comparison | None = None
        self._names = ("", "")
        self._rows: list[Row] = []
        self._opened: set[int] = set()
        self._left = 0
        self.cursor = 0
        self.note = "Reading …"

    def show(self, found: Comparison, names: tuple[str, str]) -> None:
        """Show another comparison, its first difference under the cursor."""
        self._found, self._names = found, names
        self._opened.clear()
        self._left = 0
        self.cursor = 0
        self.note = "Both wrote nothing" if not found.blocks else ""
        self._lay_out()
        self.step(1)

    def _lay_out(self) -> None:
        self._rows = rows(self._found, self._opened) if self._found else []
        self.virtual_size = Size(0, len(self._rows))
        self.refresh()

    @property
    def place(self) -> int:
        """Which difference the cursor is at, or was last: 1 for the first, 0 before it."""
        if self._found is None or not self._rows:
            return 0
        block = self._rows[min(self.cursor, len(self._rows) - 1)].block
        return sum(not found.equal for found in self._found.blocks[: block + 1])

    @property
    def on_fold(self) -> bool:
        """Whether the cursor is on lines that were put away."""
        return bool(self._rows) and self._rows[self.cursor].kind == "fold"

    # Moving

    def step(self, by: int) -> None:
        """Go to the next difference (1) or the one before (-1); the ends are ends."""
        if self._found is None or not self._rows:
            return
        at = self._rows[self.cursor].block
        starts = [
            number
            for number, row in enumerate(self._rows)
            if row.kind in ("gone", "new")
            and (number == 0 or self._rows[number - 1].block != row.block)
        ]
        if by > 0:
            ahead = [start for start in starts if self._rows[start].block > at]
            first = not self._found.blocks[at].equal and self.cursor == 0
            target = 0 if first and starts[:1] == [0] else next(iter(ahead), None)
        else:
            target = next((s for s in reversed(starts) if self._rows[s].block < at), None)
        if target is not None:
            self._go(target, lead=2)

    def open_fold(self) -> None:
        """Show the equal lines that were put away here, or put them away again."""
        if not self._rows:
            return
        row = self._rows[self.cursor]
        self._opened ^= {row.block}
        self._lay_out()
        self._go(next(n for n, other in enumerate(self._rows) if other.block == row.block))

    def _go(self, row: int, *, lead: int = 0) -> None:
        self.cursor = max(0, min(row, len(self._rows) - 1))
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if not top <= self.cursor - lead or self.cursor >= top + height - lead:
            wanted = self.cursor - lead if self.cursor < top else self.cursor - height + 1 + lead
            self.scroll_to(y=max(0, wanted), force=True)
        self.refresh()
        self.post_message(self.CursorMoved())

    def action_cursor_down(self) -> None:
        self._go(self.cursor + 1)

    def action_cursor_up(self) -> None:
        self._go(self.cursor - 1)

    def action_top(self) -> None:
        self._go(0)

    def action_bottom(self) -> None:
        self._go(len(self._rows) - 1)

    def action_half_down(self) -> None:
        self._go(self.cursor + self.size.height // 2)

    def action_half_up(self) -> None:
        self._go(self.cursor - self.size.height // 2)

    def action_page_down(self) -> None:
        self._go(self.cursor + self.size.height)

    def action_page_up(self) -> None:
        self._go(self.cursor - self.size.height)

    def scroll_sideways(self, by: int) -> None:
        """Show what is further right (1) or left (-1)."""
        widest = max((len(row.text) for row in self._rows), default=0)
        self._left = max(0, min(self._left + by * _STEP, max(0, widest - _STEP)))
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Take the cursor there; on lines put away, show them."""
        row = self.scroll_offset.y + event.y
        if row < len(self._rows):
            self._go(row)
            if self.on_fold:
                self.open_fold()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """Draw one row of the view."""
        number = self.scroll_offset.y + y
        if number >= len(self._rows):
            return self.strip([Piece(f"  {self.note}", "quiet")] if not number else [])
        is_cursor = number == self.cursor
        return self.strip(self._pieces(self._rows[number], is_cursor), is_cursor=is_cursor)

    def _pieces(self, row: Row, is_cursor: bool) -> list[Piece]:
        bar = Piece("▌" if is_cursor else " ", "moves")
        if row.kind == "fold":
            words = f"··· {row.number} equal lines ···"
            return [bar, Piece(f"{'':>7} {words}", "quiet" if is_cursor else "faint")]
        sign, role = _SIGNS[row.kind]
        side = ""
        if row.kind != "same" and self.size.width >= _SIDES_FROM:
            side = sanitize(self._names[row.kind == "new"])
        number = [bar, Piece(f"{row.number:>5} ", "faint"), Piece(f"{sign}  ", role, bold=True)]
        room = max(1, self.size.width - 10 - (_SIDE_CELLS + 2 if side else 0))
        text = place(self._text(row, role), room)
        named = [Piece("  "), *place([Piece(fit(side, _SIDE_CELLS), "quiet")], _SIDE_CELLS,
                                     right=True)]  # fmt: skip
        return [*number, *text, *(named if side else [])]

    def _text(self, row: Row, role: str) -> list[Piece]:
        if row.kind == "same":
            return [Piece(row.text[self._left :], "quiet")]
        start, end = (max(0, at - self._left) for at in row.part)
        text = row.text[self._left :]
        if start == end:
            return [Piece(text, role)]
        return [
            Piece(text[:start], "plain"),
            Piece(text[start:end], role, bold=True),
            Piece(text[end:], "plain"),
        ]
