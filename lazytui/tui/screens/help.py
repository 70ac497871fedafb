"""Help: what the keys of the screen below do, each to be done from here too."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical

from lazytui.tui.keymap import bindings
from lazytui.tui.screens.sheet import Sheet
from lazytui.tui.widgets.bars import KeyBar
from lazytui.tui.widgets.entry_list import Entry, EntryList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult

CARD_ROWS = 5  # border, padding, and the key bar with a blank above it


class HelpScreen(Sheet[Entry]):
    """Lists entries; gives the one that was chosen, or None."""

    SCOPES: ClassVar[tuple[str, ...]] = ("help",)
    BINDINGS = bindings("help")

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__()
        self._entries = entries
        self._list = EntryList()

    def compose(self) -> ComposeResult:
        """Lay the card out."""
        with Vertical(classes="card"):
            yield self._list
            yield KeyBar()

    def on_mount(self) -> None:
        """Make the card as high as its text, where the terminal allows it, and say how to leave."""
        self.query_one(".card").styles.height = len(self._entries) + CARD_ROWS
        self._list.show(self._entries)
        self.show_keys()

    def on_click(self, event: events.Click) -> None:
        """A click beside the card goes back."""
        if event.widget is self:
            self.leave()

    def on_entry_list_chosen(self) -> None:
        """A click does what ``enter`` does."""
        self.action_choose()

    def action_choose(self) -> None:
        """Do what is highlighted; what cannot be done now stays where it is."""
        if (entry := self._list.chosen) and entry.able:
            self.leave(entry)

    def action_next(self) -> None:
        """Highlight the entry below."""
        self._list.move(1)

    def action_previous(self) -> None:
        """Highlight the entry above."""
        self._list.move(-1)

    def action_page_down(self) -> None:
        """Highlight an entry a page further down."""
        self._list.move_page(1)

    def action_page_up(self) -> None:
        """Highlight an entry a page further up."""
        self._list.move_page(-1)

    def action_first(self) -> None:
        """Highlight the first entry."""
        self._list.move_to_end(last=False)

    def action_last(self) -> None:
        """Highlight the last entry."""
        self._list.move_to_end(last=True)

    def action_close(self) -> None:
        """Go back."""
        self.leave()
