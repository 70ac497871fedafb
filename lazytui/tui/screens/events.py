"""Events: what happened, and who did it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, ClassVar

from lazytui.core.audit_export import matches, save
from lazytui.errors import UsageError
from lazytui.text import age_text, sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.place import path_meant
from lazytui.tui.screens.ask_text import AskText
from lazytui.tui.screens.listing import ListScreen
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.event_table import EventTable, result_piece

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lazytui.core.audit import AuditRecord
    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes

EVENTS_SHOWN = 2000
SHOWN_CHARS = 200  # of a filter, in the status
NOTHING = (
    Piece("Nothing happened yet\n\n", bold=True),
    Piece("Here stands who ran, stopped, trusted or forgot what, where and when.", "quiet"),
)


class EventsScreen(ListScreen):
    """What somebody did with the engines of this user, newest first. Follows the audit."""

    SCOPES: ClassVar[tuple[str, ...]] = ("events", "tab", "list", "global")
    BINDINGS = bindings("events", "tab")
    EMPTY = NOTHING
    FILTER_HINT = "ana stopped gpu01 !uptime"

    table: EventTable

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._records: Sequence[AuditRecord] = ()
        self._stale = False  # a run changed since the journal was read
        self.table = EventTable(self.clock, id="events")

    # What is seen

    def rebuild(self) -> None:
        """Show what is known, and ask the journal for what is new."""
        self._stale = False
        self._show()
        read: Callable[[], object] = self._read
        self.app.run_worker(read, name="events", group="audit", exclusive=True, exit_on_error=False)

    def tick(self) -> None:
        """Let ages go on, and tell what came of tasks that ended."""
        if self._stale:
            self.rebuild()
        self._show_current()

    def show_changes(self, changes: Changes) -> None:
        """Read again when something was done, or when it is known what came of it."""
        if changes.audit:
            self.rebuild()
        self._stale |= bool(changes.runs)

    async def _read(self) -> None:
        records = await self.engine.audit(EVENTS_SHOWN)
        if self.is_mounted:
            self._records = records
            self._show()

    def _show(self) -> None:
        words = self._text.split()
        self.table.show([record for record in self._records if matches(record, words)])
        self.show_table(bool(self._records))
        count = len(self._records)
        text = f"{count} event" if count == 1 else f"{count} events"
        self.header.tabs("Events", [Piece(text, "quiet")] if count else ())
        self._show_current()

    def _show_current(self) -> None:
        record = self.table.current_record
        self._details.set_class(record is None, "-empty")
        if record is not None:
            what = [
                Piece(f"{sanitize(record.what)}  ", "quiet"),
                Piece(sanitize(record.subject, max_chars=500), bold=True),
            ]
            age = [Piece(f"{age_text(self.clock.epoch() - record.at)} ago", "quiet")]
            facts = [Piece("by ", "quiet"), Piece(sanitize(record.who))]
            if record.where:
                facts += [Piece("  on ", "quiet"), Piece(sanitize(record.where, max_chars=500))]
            if record.result:
                facts += [Piece(" · ", "faint"), result_piece(record)]
            self._details.show((what, age), (facts, ()))
        self._show_status()

    def _show_status(self) -> None:
        shown, total = len(self.table.records), len(self._records)
        place = f"{self.table.cursor + 1} of {shown}" if shown == total else f"{shown} of {total}"
        right = [Piece(place, "quiet")] if total else []
        text = [Piece("/ ", "keys"), Piece(sanitize(self._text, max_chars=SHOWN_CHARS))]
        self._status.show((text if self._text.strip() else (), right))
        self._filter_bar.show(right)
        self.show_keys()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now; the key bar shows only those."""
        if self.is_mounted and action in ("find", "save", "sort_reverse"):
            return bool(self._records)
        return True

    def on_line_table_cursor_moved(self) -> None:
        """Tell about the event the cursor came to."""
        self._show_current()

    def action_sort_reverse(self) -> None:
        """Put the oldest first, or the newest."""
        self.table.reverse = not self.table.reverse
        self._show()

    def action_refresh(self) -> None:
        """Read what other programs of this user did."""
        self.rebuild()

    def action_save(self) -> None:
        """Ask for a file, and save the events that are shown."""
        day = time.strftime("%Y-%m-%d", time.localtime(self.clock.epoch()))
        records = self.table.records

        def named(text: str | None) -> None:
            if text is not None:
                self.intend(self._save(path_meant(self.app, text), records), "save")

        def problem(text: str) -> str:
            return "" if text.strip() else "a file needs a name"

        count = "1 event" if len(records) == 1 else f"{len(records)} events"
        about = ("A name that ends in .jsonl gets one JSON object a line, any other plain text.",)
        self.open(AskText(f"Save {count} to", about, f"lazytui-events-{day}.jsonl", problem), named)

    async def _save(self, path: Path, records: Sequence[AuditRecord]) -> None:
        try:
            await asyncio.to_thread(save, path, records)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error
        self.app.notify(sanitize(f"saved to {path}"), markup=False)

    # The filter

    def set_filter(self, text: str) -> None:
        """Show only the events with these words."""
        self._text = text
        self._show()
