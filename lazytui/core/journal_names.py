"""Runs found by the name of their task."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lazytui.core.journal_db import JournalDB
    from lazytui.core.model import RunRecord

_NEWEST = "SELECT max(task_id) FROM tasks WHERE name = ?"


def find_named(db: JournalDB, text: str) -> list[RunRecord]:
    """List the runs of the newest task of a name, or of one host of it: ``train@gpu01``."""
    for name, host in ((text, ""), text.rpartition("@")[::2]):
        (task_id,) = db.connection.execute(_NEWEST, (name,)).fetchone()
        if task_id is not None:
            return [run for run in db.records(task_id=task_id) if host in ("", run.host)]
    return []
