"""The tabs of one screen: what there is to see, and which of it is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.message import Message
from textual.widget import Widget

from lazytui.tui.widgets.cells import Piece, content_of, place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.content import Content

GAP = 3


class TabRow(Widget):
    """Names side by side, the current one raised. A click chooses one."""

    class Chosen(Message):
        """A tab was clicked; ``index`` counts from 0."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self) -> None:
        super().__init__()
        self._names: Sequence[str] = ()
        self._current = 0

    def show(self, names: Sequence[str], current: int) -> None:
        """Show the tabs.

        Args:
            names: sanitized.
            current: the index of the one that is seen.
        """
        if (names, current) != (self._names, self._current):
            self._names, self._current = names, current
            self.refresh()

    def render(self) -> Content:
        """Draw the names."""
        pieces: list[Piece] = []
        for index, name in enumerate(self._names):
            here = index == self._current
            pieces.append(Piece("▌" if here else " ", "moves"))
            pieces.append(Piece(name, "plain" if here else "quiet", bold=here))
            pieces.append(Piece(" " * (GAP - 1)))
        return content_of(place(pieces, self.content_size.width))

    def on_click(self, event: events.Click) -> None:
        """Choose the tab that was clicked."""
        at = event.get_content_offset_capture(self).x
        for index, name in enumerate(self._names):
            width = cell_len(name) + GAP
            if 0 <= at < width:
                self.post_message(self.Chosen(index))
                return
            at -= width
