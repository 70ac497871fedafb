"""Rows of text to read, which scroll when there are more than fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lazytui.tui.keymap import bindings
from lazytui.tui.widgets.cells import Piece, content_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult


class Reading(VerticalScroll, inherit_bindings=False):
    """Shows rows of pieces; the keys of a list scroll it."""

    BINDINGS = bindings("list")

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id)
        self._rows: Sequence[Sequence[Piece]] = ()
        self._text = Static()

    def compose(self) -> ComposeResult:
        """Hold the text."""
        yield self._text

    def show(self, rows: Sequence[Sequence[Piece]]) -> None:
        """Show rows, each sanitized and already as wide as it may be."""
        if rows != self._rows:
            self._rows = rows
            self._text.update(Content("\n").join(content_of(row) for row in rows))

    def action_cursor_down(self) -> None:
        """Scroll down a row."""
        self.scroll_relative(y=1, animate=False)

    def action_cursor_up(self) -> None:
        """Scroll up a row."""
        self.scroll_relative(y=-1, animate=False)

    def action_top(self) -> None:
        """Scroll to the first row."""
        self.scroll_home(animate=False)

    def action_bottom(self) -> None:
        """Scroll to the last row."""
        self.scroll_end(animate=False)

    def action_half_down(self) -> None:
        """Scroll down by half of what is seen."""
        self.scroll_relative(y=max(1, self.size.height // 2), animate=False)

    def action_half_up(self) -> None:
        """Scroll up by half of what is seen."""
        self.scroll_relative(y=-max(1, self.size.height // 2), animate=False)

    def action_page_down(self) -> None:
        """Scroll down by what is seen."""
        self.scroll_relative(y=max(1, self.size.height), animate=False)

    def action_page_up(self) -> None:
        """Scroll up by what is seen."""
        self.scroll_relative(y=-max(1, self.size.height), animate=False)
