"""Who did what, where and when: the part of the journal that is never forgotten.

A line is written when it was done. What came of a task is not yet known then: while its runs are
in the journal the result is read from them, and when they are forgotten it is written down.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from lazytui.core.model import RunState
from lazytui.core.owner import user_name

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

_FINAL = ", ".join(f"'{state.value}'" for state in RunState if state.is_final)

# A state as people say it; in the order in which a result names them.
STATE_WORDS: dict[RunState, str] = {
    RunState.SUCCEEDED: "done",
    RunState.FAILED: "failed",
    RunState.LOST: "lost",
    RunState.CANCELLED: "cancelled",
    RunState.RUNNING: "running",
    RunState.QUEUED: "queued",
}


class Deed(StrEnum):
    """What can be done. The journal keeps the words; a later version may know others."""

    RUN_STARTED = "run started"
    RUN_STOPPED = "run stopped"
    KEY_ACCEPTED = "host key accepted"
    GROUP_CHANGED = "group changed"
    EXPOSED = "port exposed"
    UNEXPOSED = "exposure ended"
    CLUSTER_CHANGED = "cluster changed"
    CLUSTER_STARTED = "cluster started"
    CLUSTER_STOPPED = "cluster stopped"
    FORGOTTEN = "forgotten"
    SHELL_OPENED = "shell opened"
    HOST_ADDED = "host added"
    HOST_REMOVED = "host removed"
    FILE_EDITED = "file edited"
    FILE_RENAMED = "file renamed"
    FILE_DELETED = "file deleted"
    FOLDER_MADE = "folder made"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One thing that somebody did.

    Args:
        at: when, in epoch seconds of the manager.
        who: the user with the terminal, ``ana@pts/3``, or ``ana (command line)``.
        what: one of :class:`Deed`, or the word of a later version.
        subject: what it was done to: ``#41 uptime``, the name of a group.
        where: the hosts as a folded node set.
        result: what came of it: ``exit 0``, ``9 done 1 failed``, ``INT sent to 3 runs``.
        task_id: the task it is about, if it is about one.
    """

    at: float
    who: str
    what: str
    subject: str
    where: str
    result: str = ""
    task_id: int | None = None


def who_does(origin: str) -> str:
    """Name the user of this process: with the terminal on a screen, else with the origin.

    Args:
        origin: ``screen``, ``command line`` or ``script``.
    """
    terminal = _terminal() if origin == "screen" else ""
    return f"{user_name()}@{terminal}" if terminal else f"{user_name()} ({origin})"


def _terminal() -> str:
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None:
                return os.ttyname(stream.fileno()).removeprefix("/dev/")
        except (OSError, ValueError):
            continue  # a pipe, or closed
    return ""


# --- in the journal's transactions -------------------------------------------------------


def write(connection: sqlite3.Connection, record: AuditRecord) -> None:
    """Add a line."""
    connection.execute(
        "INSERT INTO audit (at, who, what, subject, hosts, result, task_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            record.at,
            record.who,
            record.what,
            record.subject,
            record.where,
            record.result,
            record.task_id,
        ),
    )


def read(connection: sqlite3.Connection, limit: int) -> list[AuditRecord]:
    """List the newest lines, the newest first, with what came of tasks by now."""
    rows = connection.execute(
        "SELECT at, who, what, subject, hosts, result, task_id FROM audit"
        " ORDER BY audit_id DESC LIMIT ?",
        (limit,),
    ).fetchall()
    lines = [AuditRecord(*row) for row in rows]
    tasks = [line.task_id for line in lines if line.task_id and _is_open(line)]
    results = _results(connection, min(tasks), max(tasks)) if tasks else {}
    return [
        replace(line, result=results.get(line.task_id or 0, "")) if _is_open(line) else line
        for line in lines
    ]


def _is_open(line: AuditRecord) -> bool:
    """Whether what came of it stands with the runs."""
    return line.what == Deed.RUN_STARTED and not line.result


def forget(connection: sqlite3.Connection, task_ids: Iterable[int]) -> list[str]:
    """Remove tasks that are over, with their runs; give the ids of those runs.

    A task with a run that has not ended is left as it is.
    """
    forgotten: list[str] = []
    for task_id in task_ids:
        rows = connection.execute(
            f"SELECT run_id, state IN ({_FINAL}) FROM runs WHERE task_id = ?",  # noqa: S608
            (task_id,),
        ).fetchall()
        if not all(is_final for _, is_final in rows):
            continue
        result = _results(connection, task_id, task_id).get(task_id, "")
        connection.execute(
            "UPDATE audit SET result = ? WHERE task_id = ? AND what = ? AND result = ''",
            (result, task_id, Deed.RUN_STARTED),
        )
        run_ids = [run_id for run_id, _ in rows]
        of_runs = [(run,) for run in run_ids]
        connection.executemany("DELETE FROM steps WHERE run_id = ?", of_runs)
        connection.executemany("DELETE FROM places WHERE run_id = ?", of_runs)
        connection.execute("DELETE FROM runs WHERE task_id = ?", (task_id,))
        connection.execute("DELETE FROM tasks WHERE task_id = ?", (task_id,))
        forgotten += run_ids
    return forgotten


def _results(connection: sqlite3.Connection, first: int, last: int) -> dict[int, str]:
    """Say what came of the tasks with these numbers."""
    found: dict[int, list[tuple[RunState, int | None, int]]] = {}
    for task_id, state, status, count in connection.execute(
        "SELECT task_id, state, exit_status, COUNT(*) FROM runs"
        " WHERE task_id BETWEEN ? AND ? GROUP BY task_id, state, exit_status",
        (first, last),
    ):
        found.setdefault(task_id, []).append((RunState(state), status, count))
    return {task_id: outcome_text(outcomes) for task_id, outcomes in found.items()}


def outcome_text(outcomes: Sequence[tuple[RunState, int | None, int]]) -> str:
    """Say how runs stand, given as state, exit status and their number.

    One run tells its exit status, several are counted: ``9 done 1 failed``.
    """
    if len(outcomes) == 1 and outcomes[0][2] == 1:
        state, status, _ = outcomes[0]
        return STATE_WORDS[state] if status is None else f"exit {status}"
    totals: Counter[RunState] = Counter()
    for state, _, count in outcomes:
        totals[state] += count
    return " ".join(
        f"{totals[state]} {word}" for state, word in STATE_WORDS.items() if totals[state]
    )
