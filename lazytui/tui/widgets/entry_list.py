"""A list of things to do under headings, of which one is highlighted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.widgets import Static

from lazytui.tui.widgets.cells import Piece, content_of, place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to do: its keys as people write them, and a sentence.

    Args:
        text: the sentence; sanitized.
        keys: may be empty.
        able: it can be done now; what cannot is shown in the background.
        do: does it; None for a heading.
    """

    text: str
    keys: str = ""
    able: bool = True
    do: Callable[[], object] | None = None


class EntryList(VerticalScroll, can_focus=False):
    """Shows entries, one a row, and keeps the highlighted one in sight."""

    class Chosen(Message):
        """An entry was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self._rows = Static()
        self._entries: Sequence[Entry] = ()
        self._at = -1

    def compose(self) -> ComposeResult:
        """One text holds all rows: there are a few dozen."""
        yield self._rows

    @property
    def chosen(self) -> Entry | None:
        """The highlighted entry; None when there is none."""
        return self._entries[self._at] if 0 <= self._at < len(self._entries) else None

    def show(self, entries: Sequence[Entry]) -> None:
        """Show other entries, with the first that can be done highlighted."""
        self._entries = entries
        doable = [place for place in self._places if entries[place].able]
        self._at = next(iter(doable or self._places), -1)
        self._draw()
        self.scroll_home(animate=False)

    @property
    def _places(self) -> list[int]:
        return [place for place, entry in enumerate(self._entries) if entry.do is not None]

    def move(self, steps: int) -> None:
        """Highlight the entry so many steps further down, or the nearest end."""
        places = self._places
        if places:
            at = places.index(self._at) + steps
            self._highlight(places[max(0, min(at, len(places) - 1))])

    def move_page(self, pages: int) -> None:
        """Highlight an entry so many pages further down."""
        self.move(pages * max(1, self.size.height - 1))

    def move_to_end(self, *, last: bool) -> None:
        """Highlight the first entry or the last."""
        self.move(len(self._entries) if last else -len(self._entries))

    def _highlight(self, at: int) -> None:
        self._at = at
        self._draw()
        # The heading above the first entry comes into sight with it.
        top = 0 if at == self._places[0] else at
        self.scroll_to_region(Region(0, top, 1, at - top + 1), animate=False)

    def on_resize(self) -> None:
        """Fill the new width."""
        self._draw()

    def _draw(self) -> None:
        cells = self.scrollable_content_region.width
        keys_width = max((cell_len(entry.keys) for entry in self._entries), default=0)
        keys_width = min(keys_width, max(6, cells // 3))
        rows = [
            content_of(self._pieces(entry, place == self._at, keys_width, cells))
            for place, entry in enumerate(self._entries)
        ]
        self._rows.update(Content("\n").join(rows))

    @staticmethod
    def _pieces(entry: Entry, here: bool, keys_width: int, cells: int) -> list[Piece]:
        if entry.do is None:
            return place([Piece(" "), Piece(entry.text, bold=True)], cells)
        ground = " on $selection" if here else ""
        keys, text = ("keys", "plain" if here else "quiet") if entry.able else ("faint", "faint")
        pieces = [
            Piece("▌ " if here else "  ", f"moves{ground}"),
            *place([Piece(entry.keys, f"{keys}{ground}", bold=entry.able)], keys_width),
            Piece("   "),
            Piece(entry.text, f"{text}{ground}", bold=here),
        ]
        return [
            piece._replace(role=piece.role if " on " in piece.role else f"{piece.role}{ground}")
            for piece in place(pieces, cells)
        ]

    def on_click(self, event: events.Click) -> None:
        """Choose the entry that was clicked."""
        offset = event.get_content_offset(self._rows)
        if offset is not None and offset.y in self._places:
            event.stop()
            self._highlight(offset.y)
            self.post_message(self.Chosen())
