"""Help: what the keys of the screen below do, each to be done from here too."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical

from lazytui.tui.keymap import bindings
from lazytui.tui.screens.entry_sheet import EntrySheet
from lazytui.tui.widgets.bars import KeyBar

if TYPE_CHECKING:
    from textual.app import ComposeResult

CARD_ROWS = 5  # border, padding, and the key bar with a blank above it


class HelpScreen(EntrySheet):
    """Lists entries; gives the one that was chosen, or None."""

    SCOPES: ClassVar[tuple[str, ...]] = ("help",)
    BINDINGS = bindings("help")

    def compose(self) -> ComposeResult:
        """Lay the card out."""
        with Vertical(classes="card"):
            yield self._list
            yield KeyBar()

    def on_mount(self) -> None:
        """Make the card as high as its text, where the terminal allows it."""
        self.query_one(".card").styles.height = len(self._entries) + CARD_ROWS

    def action_first(self) -> None:
        """Highlight the first entry."""
        self._list.move_to_end(last=False)

    def action_last(self) -> None:
        """Highlight the last entry."""
        self._list.move_to_end(last=True)
