"""The table of events: when, who, what, where, and what came of it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.cells import cell_len

from lazytui.core.audit import Deed
from lazytui.text import sanitize
from lazytui.tui.widgets.cells import Piece, place
from lazytui.tui.widgets.columns import Column, fit_columns
from lazytui.tui.widgets.line_table import GAP, LineTable, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.audit import AuditRecord
    from lazytui.tui.context import Clock

_GRAVE = (Deed.RUN_STOPPED, Deed.KEY_ACCEPTED, Deed.FORGOTTEN, Deed.FILE_DELETED)
_TROUBLE = (" failed", " lost", "not sent")


class EventTable(LineTable):
    """One row a deed, the newest first."""

    def __init__(self, clock: Clock, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id)
        self.reverse = False
        self._clock = clock
        self._records: dict[str, AuditRecord] = {}

    def show(self, records: Sequence[AuditRecord]) -> None:
        """Show these events, given with the newest first."""
        keyed: dict[str, AuditRecord] = {}
        for record in reversed(records):  # so that a key stays when newer events come
            key = f"{record.at!r} {record.what} {record.subject}"
            while key in keyed:
                key += "+"
            keyed[key] = record
        order = keyed if self.reverse else dict(reversed(keyed.items()))
        self._records = dict(order)
        self.set_keys(self._records)
        self._layout_width = -1
        self.refresh()

    @property
    def records(self) -> list[AuditRecord]:
        """The events in the order of their rows."""
        return list(self._records.values())

    @property
    def current_record(self) -> AuditRecord | None:
        """The event under the cursor."""
        return self._records.get(self.current or "")

    def layout_for(self, cells: int) -> tuple[Column, ...]:
        """Give the subject the room that is left."""
        records = self._records.values()
        who = _longest(record.who for record in records)
        where = _longest(record.where for record in records)
        subject = _longest(record.subject for record in records)
        columns = (
            Column("when", "when", 8 if cells < 60 else 12),
            Column("who", "who", max(3, min(who, 10 if cells < 96 else 18)), drop=2),
            Column("what", "what", 17 if cells >= 70 else 11),
            Column("subject", "on", 10, grow_to=max(16, min(subject, cells // 3))),
            Column("where", "where", max(5, min(where, max(14, cells // 5))), drop=3),
            Column("result", "result", 10, drop=1, grow_to=cells),
        )
        arrow = "▲" if self.reverse else "▼"
        shown = tuple(replace(c, arrow=arrow) if c.id == "when" else c for c in columns)
        return fit_columns(shown, cells, GAP)

    def row(self, key: str, columns: Sequence[Column]) -> Iterable[Piece]:
        """Give the pieces of an event's row."""
        record = self._records[key]
        group = record.what == Deed.GROUP_CHANGED
        cells = {
            "when": Piece(when_text(record.at, self._clock.epoch()), "quiet"),
            "who": Piece(sanitize(record.who)),
            "what": Piece(sanitize(record.what), _role(record.what)),
            "subject": Piece(sanitize(record.subject), "people" if group else "plain"),
            "where": Piece(sanitize(record.where, max_chars=500)),
            "result": result_piece(record),
        }
        return joined(place([cells[c.id]], c.width, right=c.right) for c in columns)


def when_text(at: float, now: float) -> str:
    """Give a time: today's by the clock, an older one with its day."""
    there, today = time.localtime(at), time.localtime(now)
    if (there.tm_year, there.tm_yday) == (today.tm_year, today.tm_yday):
        return time.strftime("%H:%M:%S", there)
    form = "%d %b %H:%M" if there.tm_year == today.tm_year else "%d %b %Y"
    return time.strftime(form, there)


def result_piece(record: AuditRecord) -> Piece:
    """Say what came of it; what went wrong stands out."""
    text = sanitize(record.result)
    went_wrong = any(word in text for word in _TROUBLE) or (
        text.startswith("exit ") and text != "exit 0"
    )
    return Piece(text, "broken" if went_wrong or text in ("failed", "lost") else "quiet")


def _role(what: str) -> str:
    if what == Deed.RUN_STARTED:
        return "moves"
    return "attention" if what in _GRAVE else "plain"


def _longest(texts: Iterable[str]) -> int:
    return max((cell_len(sanitize(text, max_chars=100)) for text in texts), default=0)
