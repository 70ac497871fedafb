"""The list of hosts: its order, its columns, the rows that hosts share, and marks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lazytui.text import sanitize
from lazytui.tui.screens.base import EngineScreen
from lazytui.tui.widgets.host_order import SORTS, Fold, Sort
from lazytui.tui.widgets.host_table import COLUMN_CHOICES, HostTable

if TYPE_CHECKING:
    from lazytui.tui.context import Context


class HostList(EngineScreen):
    """A screen with the table of hosts; whoever shows it says which hosts are in it."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.table = HostTable(self.engine.runtimes, self.clock, id="hosts")
        self.table.hide(context.hidden_columns)

    def on_mount(self) -> None:
        """Say which of the columns to hide there is none of."""
        if unknown := sorted(self.context.hidden_columns - COLUMN_CHOICES.keys()):
            text = f"hidden_columns: no {', '.join(unknown)}; there are {', '.join(COLUMN_CHOICES)}"
            self.app.notify(sanitize(text), severity="warning", markup=False)

    def put_in_order(self) -> None:
        """Put the rows in order."""
        raise NotImplementedError

    # Order and folds

    def action_sort(self) -> None:
        """Choose by what the hosts are sorted."""

        def decided(key: str | None) -> None:
            if key in SORTS:
                self._sort(Sort(key))

        choices = [(key, way.text) for key, way in SORTS.items()]
        start = list(SORTS).index(self.table.sort.by)
        from lazytui.tui.screens.choice import ChoiceScreen

        self.open(ChoiceScreen("Sort by", (), choices, start=start), decided)

    def action_columns(self) -> None:
        """Choose which columns are shown."""
        from lazytui.tui.screens.columns import ColumnsScreen

        self.open(ColumnsScreen(self.table.hidden, self.table.hide))

    def action_sort_reverse(self) -> None:
        """Turn the order round."""
        self._sort(replace(self.table.sort, reverse=not self.table.sort.reverse))

    def _sort(self, sort: Sort) -> None:
        self.table.sort_by(sort)
        self.put_in_order()

    def open_fold(self) -> Fold | None:
        """The open row for several hosts that the cursor is on, or in."""
        current = self.table.current
        if current is None:
            return None
        shared = self.table.current_fold or self.table.fold_of(current)
        return shared if shared and self.table.is_open(shared.key) else None

    def action_fold_open(self) -> None:
        """Show the hosts of a row below it."""
        if shared := self.table.current_fold:
            self.table.toggle_fold(shared.key)
            self.show_keys()

    def action_fold_close(self) -> None:
        """Put the hosts back into their row."""
        if shared := self.open_fold():
            self.table.toggle_fold(shared.key)
            self.show_keys()

    def action_fold_all(self) -> None:
        """Give every host a row of its own, or fold again."""
        self.table.toggle_all_folds()
        self.show_keys()

    # Marks

    def action_mark(self) -> None:
        """Mark the current host and go on to the next."""
        if self.table.current is not None:
            self.table.toggle_mark(self.table.current)
            self.table.action_cursor_down()

    def action_mark_range(self) -> None:
        """Begin to mark a range, or end it."""
        self.table.toggle_range()

    def action_mark_all(self) -> None:
        """Mark all hosts in the table, or none."""
        self.table.mark_all()
