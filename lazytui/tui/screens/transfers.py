"""Transfers: every file on its way, and those that were, to be stopped and to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lazytui.core.tasks import hosts_of
from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.stopping import Stopping
from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.run_table import outcome_pieces
from lazytui.tui.widgets.transfer_rows import transfers_fact
from lazytui.tui.widgets.transfer_table import Transfer, TransferTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from lazytui.core.model import RunRecord
    from lazytui.core.transfer.progress import Progress
    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes

NOTHING = (Piece("No files were sent or got since the engine runs.", "quiet"),)


class TransfersScreen(Stopping):
    """All transfers that the engine knows, the newest first. Follows how far they are."""

    SCOPES: ClassVar[tuple[str, ...]] = ("transfers", "page", "list", "global")
    BINDINGS = bindings("transfers", "page")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.table = TransferTable(id="transfers")
        self.table.note = NOTHING
        self._details = Bar(id="details", classes="ruled")
        self._status = Bar(id="status", classes="ruled")

    def compose(self) -> ComposeResult:
        """Lay out header, table, details, status and keys."""
        yield self.header
        yield self.table
        yield self._details
        yield self._status
        yield self.key_bar

    # What is seen

    def rebuild(self) -> None:
        """Show the transfers as they are now."""
        known = [Transfer(one, self._run(one)) for one in self.engine.transfers.all()]
        self.table.show(known[::-1])
        moving = [one.progress for one in known if not one.is_over]
        way = [Piece("Files › ", "quiet"), Piece("Transfers", bold=True)]
        facts = transfers_fact(moving)
        self.header.way(way, [piece for fact in facts for piece in (fact, Piece("  "))][:-1])
        self._show_current()

    def show_changes(self, changes: Changes) -> None:
        """Follow transfers and their ends."""
        if changes.transfers or changes.runs:
            self.rebuild()

    def _run(self, progress: Progress) -> RunRecord | None:
        try:
            return self.engine.runs.get(progress.run_id)
        except KeyError:
            return None  # forgotten

    def _show_current(self) -> None:
        one = self.table.current_transfer
        self._details.set_class(one is None, "-empty")
        if one is not None:
            source = sanitize(one.progress.source, max_chars=300)
            target = sanitize(one.progress.target, max_chars=300)
            host = sanitize(one.progress.host)
            there = f"{host}:{target if one.progress.sends else source}"
            places = (source, there) if one.progress.sends else (there, target)
            what = [Piece(places[0], bold=True), Piece(" → ", "quiet"), Piece(places[1], bold=True)]
            how = outcome_pieces(one.run, self.clock.epoch()) if one.run is not None else []
            self._details.show((what, ()), (how, ()))
        marked = len(self.table.marked)
        self._status.show(([], [Piece(f"{marked} marked", "keys")] if marked else []))
        self.show_keys()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now; the key bar shows only those."""
        if not self.is_mounted:
            return True
        chosen = self.table.chosen
        match action:
            case "stop":
                return any(not one.is_over for one in chosen)
            case "go_on":
                return any(one.can_go_on for one in chosen)
            case "open":
                return bool(chosen) and chosen[0].run is not None
            case "mark" | "mark_all":
                return bool(chosen)
        return True

    def on_line_table_cursor_moved(self) -> None:
        """Tell about the transfer the cursor came to."""
        self._show_current()

    def on_line_table_marks_changed(self) -> None:
        """Say how many are marked."""
        self._show_current()

    def on_line_table_opened(self) -> None:
        """A double click opens what ``enter`` does."""
        self.action_open()

    def action_open(self) -> None:
        """Show what the transfer has to say."""
        one = self.table.current_transfer
        if one is not None and one.run is not None:
            self.open(OutputScreen(self.context, one.run.run_id))

    def action_stop(self) -> None:
        """Ask how to stop the chosen transfers; what has come stays for the next time."""
        self.ask_to_stop(*(one.run for one in self.table.chosen if one.run is not None))

    def action_go_on(self) -> None:
        """Let those that did not come to their end go on from where they are."""
        runs = [one.run for one in self.table.chosen if one.run is not None and one.can_go_on]
        if runs:
            self.intend(self._go_on(runs), "go on")
            self.table.clear_marks()

    async def _go_on(self, runs: Sequence[RunRecord]) -> None:
        for task_id in dict.fromkeys(run.task_id for run in runs):
            hosts = hosts_of(run for run in runs if run.task_id == task_id)
            await self.engine.run_again(task_id, hosts)

    def action_mark(self) -> None:
        """Mark the current transfer, or unmark it, and go on to the next."""
        if self.table.current:
            self.table.toggle_mark(self.table.current)
            self.table.action_cursor_down()

    def action_mark_all(self) -> None:
        """Mark all transfers, or none."""
        self.table.mark_all()

    def action_back(self) -> None:
        """Unmark, then leave."""
        if self.table.marked:
            self.table.clear_marks()
        elif self.is_current:
            self.dismiss()
