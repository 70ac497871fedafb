"""A root screen that is one list: its frame, its filter, and the ways out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.widgets import Static

from lazytui.tui.screens.base import EngineScreen
from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.filter_bar import FilterBar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from lazytui.tui.context import Context
    from lazytui.tui.widgets.line_table import LineTable


class ListScreen(EngineScreen):
    """Header, a table, two rows on the current row, a filter that is typed, status and keys.

    Children make ``table`` and say what a filter means in :meth:`set_filter`.
    """

    EMPTY: ClassVar[Sequence[Piece]] = ()
    """What is said instead of the table when there is nothing at all."""
    FILTER_HINT: ClassVar[str] = ""
    """What a filter may look like."""

    table: LineTable

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._text = ""
        self._empty = Vertical(Static(content_of(self.EMPTY)), id="empty")
        self._filter_bar = FilterBar(self.FILTER_HINT, id="filter")
        self._filter_bar.display = False  # it comes when it is asked for
        self._details = Bar(id="details", classes="ruled")
        self._status = Bar(id="status", classes="ruled")

    def compose(self) -> ComposeResult:
        """Lay out header, table, details, filter, status and keys."""
        yield self.header
        yield self.table
        yield self._empty
        yield self._details
        yield self._filter_bar
        yield self._status
        yield self.key_bar

    def show_table(self, anything: bool) -> None:
        """Show the table, or what is said when there is nothing to put into it."""
        self.table.display = anything
        self._empty.display = not anything

    @property
    def scopes(self) -> tuple[str, ...]:
        """While a filter is typed, its keys and no others."""
        return FilterBar.SCOPES if self._filter_bar.typing else super().scopes

    # The filter

    def set_filter(self, text: str) -> None:
        """Show only what matches; an empty text shows all."""
        raise NotImplementedError

    @property
    def kept_filter(self) -> str:
        """The filter that stays when the user has typed."""
        return self._text

    def clear_filter(self) -> bool:
        """Show all again; False when all is shown already."""
        if not self._text.strip():
            return False
        self.set_filter("")
        return True

    def action_find(self) -> None:
        """Type a filter."""
        self._status.display = False
        self._filter_bar.begin(self._text)

    def on_filter_bar_changed(self, message: FilterBar.Changed) -> None:
        """Filter while the user types."""
        self.set_filter(message.text)

    def on_filter_bar_stepped(self, message: FilterBar.Stepped) -> None:
        """Move in the list while the user types."""
        self.table.move_cursor(self.table.cursor + message.by)

    def on_filter_bar_left(self, message: FilterBar.Left) -> None:
        """Go back to the list."""
        self._filter_bar.display = False
        self._status.display = True
        self.set_focus(self.table)
        self.set_filter(self.kept_filter if message.keep else "")

    # Ways out

    async def action_back(self) -> None:
        """One step back: marks, the filter, then to Hosts."""
        if self.table.marked or self.table.marking_range:
            self.table.clear_marks()
        elif not self.clear_filter():
            await self.app.run_action("view_hosts")

    async def action_quit(self) -> None:
        """Leave the program."""
        await self.app.run_action("quit_now")
