"""A card with things to do of which one is chosen: what help and palette share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.tui.screens.sheet import Sheet
from lazytui.tui.widgets.entry_list import Entry, EntryList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events


class EntrySheet(Sheet[Entry]):
    """Holds a list of entries; gives the one that was chosen, or None.

    Args:
        entries: what there is to do.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__()
        self._entries = entries
        self._list = EntryList()

    def on_mount(self) -> None:
        """Begin with everything."""
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

    def action_close(self) -> None:
        """Go back."""
        self.leave()
