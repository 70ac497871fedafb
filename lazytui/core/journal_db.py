"""The journal's SQLite file: how it is opened, what it holds, and what is asked of it.

Everything here blocks. The engine goes through :class:`lazytui.core.journal.Journal`, which
gives it a thread of its own; a command that only reads may use :func:`read_journal` directly.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from lazytui.core.journal_file import in_plain_words, open_readonly
from lazytui.core.model import RunRecord, RunState
from lazytui.core.step import HOME, Place, step_title
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_FINAL = ", ".join(f"'{state.value}'" for state in RunState if state.is_final)
_RECORD = (
    "SELECT r.run_id, r.task_id, t.name, t.steps, r.host, r.state, r.exit_status, r.reason,"
    " r.created, r.started, r.ended, r.owner, r.step, r.placed"
    " FROM runs r JOIN tasks t USING (task_id)"
)
_NEWEST_FIRST = " ORDER BY r.task_id DESC, r.rowid"
_SHORTEST_PREFIX = 4


class RunChange(TypedDict, total=False):
    """What may change about a run; times are epoch seconds."""

    state: RunState
    exit_status: int | None
    reason: str
    started: float | None
    ended: float | None
    step: int
    host: str  # when it is placed
    placed: str


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task as the journal knows it. ``origin`` says where it was started."""

    task_id: int
    name: str
    created: float
    origin: str  # screen, command line, script
    user: str
    steps: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that has not ended, with who owns it and the index of the step it is at."""

    record: RunRecord
    owner: str
    step: int


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of a run that was begun.

    ``spool_start`` is the length of the run's spool when the step began: the output of its job
    from byte 0 on stands there. ``state`` is running until the step has ended. ``began`` and
    ``ended`` are epoch seconds of the manager; None where they were not noted.
    """

    run_id: str
    step: int
    job_id: str
    kind: str
    spec: Mapping[str, Any]
    state: RunState
    exit_status: int | None
    spool_start: int
    began: float | None = None
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A group by its name: a WHERE that is asked anew, or fixed ``hosts``."""

    name: str
    where: str
    hosts: tuple[str, ...] | None
    created: float


class JournalDB:
    """The questions and changes, one method each. Changes need a transaction around them."""

    def __init__(self, connection: sqlite3.Connection, spool_dir: Path) -> None:
        self.connection = connection
        self._spool_dir = spool_dir

    # --- tasks and runs ---

    def new_task(
        self,
        name: str,
        steps: Sequence[Mapping[str, Any]],
        hosts: Sequence[str],
        owner: str,
        origin: str,
        user: str,
        places: Mapping[str, Place] | None = None,
    ) -> tuple[int, list[str]]:
        """Add a task and one queued run for each host; give their ids, in the order of hosts."""
        now = time.time()
        task_id = self.connection.execute(
            "INSERT INTO tasks (name, created, origin, user, steps) VALUES (?, ?, ?, ?, ?)",
            (name, now, origin, user, json.dumps([dict(step) for step in steps])),
        ).lastrowid
        assert task_id is not None
        run_ids = [os.urandom(16).hex() for _ in hosts]
        self.connection.executemany(
            "INSERT INTO runs (run_id, task_id, host, state, reason, created, step, owner)"
            " VALUES (?, ?, ?, 'queued', '', ?, 0, ?)",
            [(run, task_id, host, now, owner) for run, host in zip(run_ids, hosts, strict=True)],
        )
        if places:
            self.connection.executemany(
                "INSERT INTO places (run_id, working_dir, env) VALUES (?, ?, ?)",
                [
                    (run, places[host].working_dir, json.dumps(dict(places[host].env)))
                    for run, host in zip(run_ids, hosts, strict=True)
                    if host in places
                ],
            )
        return task_id, run_ids

    def place(self, run_id: str) -> Place:
        """Give where the steps of a run happen on its host."""
        found = self.connection.execute(
            "SELECT working_dir, env FROM places WHERE run_id = ?", (run_id,)
        ).fetchone()
        return HOME if found is None else Place(found[0], json.loads(found[1]))

    def update_run(self, run_id: str, change: RunChange) -> bool:
        """Change a run; False when it has ended before (that never changes) or is not there."""
        columns = ", ".join(f"{column} = ?" for column in change)
        done = self.connection.execute(
            f"UPDATE runs SET {columns} WHERE run_id = ? AND state NOT IN ({_FINAL})",  # noqa: S608
            (*change.values(), run_id),
        )
        return done.rowcount == 1

    def claim(self, run_ids: Iterable[str], owner: str, expected_owner: str) -> list[str]:
        """Take over runs from an owner; give those that were still his and had not ended."""
        return [
            run_id
            for run_id in run_ids
            if self.connection.execute(
                f"UPDATE runs SET owner = ? WHERE run_id = ? AND owner = ?"  # noqa: S608
                f" AND state NOT IN ({_FINAL})",
                (owner, run_id, expected_owner),
            ).rowcount
        ]

    def open_runs(self) -> list[OpenRun]:
        """List the runs that have not ended, the oldest first."""
        where = f" WHERE r.state NOT IN ({_FINAL}) ORDER BY r.rowid"
        return [
            OpenRun(self._record(row), row[11], row[12])
            for row in self.connection.execute(_RECORD + where)
        ]

    def news(self, after_task: int, run_ids: Iterable[str]) -> list[OpenRun]:
        """List the runs of tasks newer than one, and some others, the oldest first."""
        where = (
            " WHERE r.task_id > ? OR r.run_id IN (SELECT value FROM json_each(?)) ORDER BY r.rowid"
        )
        values = (after_task, json.dumps(list(run_ids)))
        return [
            OpenRun(self._record(row), row[11], row[12])
            for row in self.connection.execute(_RECORD + where, values)
        ]

    def orphans(self, is_alive: Callable[[str], bool]) -> list[OpenRun]:
        """List the runs that have not ended and whose owner is dead."""
        runs = self.open_runs()
        alive = {owner: is_alive(owner) for owner in {run.owner for run in runs}}
        return [run for run in runs if not alive[run.owner]]

    def adopt(self, is_alive: Callable[[str], bool], owner: str) -> list[RunRecord]:
        """Claim all orphans at once; give those that are now ours, the oldest first."""
        return [
            run.record
            for run in self.orphans(is_alive)
            if self.claim([run.record.run_id], owner, run.owner)
        ]

    def ended(self, run_ids: Iterable[str]) -> set[str]:
        """Give those of some runs that are known here and have ended."""
        ask = f"SELECT 1 FROM runs WHERE run_id = ? AND state IN ({_FINAL})"  # noqa: S608
        return {run for run in run_ids if self.connection.execute(ask, (run,)).fetchone()}

    def record(self, run_id: str) -> RunRecord:
        """Give one run; UsageError when there is none with this id."""
        found = self._records(" WHERE r.run_id = ?", (run_id,))
        if not found:
            raise UsageError(f"no run {run_id}")
        return found[0]

    def records(
        self,
        limit: int | None = None,
        *,
        task_id: int | None = None,
        states: Iterable[RunState] | None = None,
    ) -> list[RunRecord]:
        """List runs, the newest task first, within a task in the order of its hosts."""
        where, values = " WHERE TRUE", list[Any]()
        if task_id is not None:
            where += " AND r.task_id = ?"
            values.append(task_id)
        if states is not None:
            wanted = list(states)
            where += f" AND r.state IN ({', '.join('?' * len(wanted))})"
            values += wanted
        values.append(-1 if limit is None else limit)
        return self._records(where + _NEWEST_FIRST + " LIMIT ?", values)

    def find(self, text: str) -> list[RunRecord]:
        """List the runs a person means: ``41`` (a task), ``41@gpu01``, or the begin of a run id.

        A number is a task if there is one, else it is the begin of a run id (from 4 digits on).
        """
        number, _, host = text.strip().partition("@")
        if number.isascii() and number.isdigit() and len(number) < 19:
            runs = self.records(task_id=int(number))
            if runs or host:
                return [run for run in runs if host in ("", run.host)]
        prefix = number.lower()
        is_hex = not prefix.strip("0123456789abcdef")
        if host or not is_hex or len(prefix) < _SHORTEST_PREFIX:
            return []
        where = " WHERE r.run_id >= ? AND r.run_id < ?"  # uses the index, LIKE does not
        return self._records(where + _NEWEST_FIRST, (prefix, prefix + "g"))

    def task(self, task_id: int) -> TaskRecord | None:
        """Give one task; None when there is none with this number."""
        row = self.connection.execute(
            "SELECT task_id, name, created, origin, user, steps FROM tasks WHERE task_id = ?",
            (task_id,),
        ).fetchone()
        if row is None:
            return None
        number, name, created, origin, user, steps = row
        return TaskRecord(number, name, created, origin, user, tuple(json.loads(steps)))

    def steps(self, task_id: int) -> tuple[Mapping[str, Any], ...]:
        """List the steps of a task, as given to :meth:`new_task`."""
        task = self.task(task_id)
        return task.steps if task else ()

    def mentioned(self, words: Iterable[str]) -> set[str]:
        """Give those of some words that stand in the steps of any task."""
        ask = "SELECT 1 FROM tasks WHERE instr(steps, ?) LIMIT 1"
        return {word for word in words if self.connection.execute(ask, (word,)).fetchone()}

    # --- steps ---

    def begin_step(
        self,
        run_id: str,
        step: int,
        *,
        job_id: str,
        kind: str,
        spec: Mapping[str, Any],
        spool_start: int,
    ) -> StepRecord:
        """Note that a step begins; if it was noted before, give what was noted then."""
        self.connection.execute(
            "INSERT OR IGNORE INTO steps"
            " (run_id, step, job_id, kind, spec, state, spool_start, began)"
            " VALUES (?, ?, ?, ?, ?, 'running', ?, ?)",
            (run_id, step, job_id, kind, json.dumps(dict(spec)), spool_start, time.time()),
        )
        return next(found for found in self.begun_steps(run_id) if found.step == step)

    def next_step(
        self,
        run_id: str,
        step: int,
        *,
        job_id: str,
        kind: str,
        spec: Mapping[str, Any],
        spool_start: int,
        exit_status: int | None,
    ) -> None:
        """Note at once that the step before has succeeded, with its status, and this one begins."""
        self.end_step(run_id, step - 1, RunState.SUCCEEDED, exit_status)
        self.begin_step(run_id, step, job_id=job_id, kind=kind, spec=spec, spool_start=spool_start)

    def end_step(
        self, run_id: str, step: int, state: RunState, exit_status: int | None = None
    ) -> bool:
        """Note how a step ended; False when that was noted before."""
        done = self.connection.execute(
            "UPDATE steps SET state = ?, exit_status = ?, ended = ?"
            " WHERE run_id = ? AND step = ? AND state = 'running'",
            (state, exit_status, time.time(), run_id, step),
        )
        return done.rowcount == 1

    def begun_steps(self, run_id: str) -> list[StepRecord]:
        """List the steps of a run that were begun, in order."""
        rows = self.connection.execute(
            "SELECT run_id, step, job_id, kind, spec, state, exit_status, spool_start, began, ended"
            " FROM steps WHERE run_id = ? ORDER BY step",
            (run_id,),
        )
        return [
            StepRecord(run, number, job_id, kind, json.loads(spec), RunState(state), *rest)
            for run, number, job_id, kind, spec, state, *rest in rows
        ]

    # --- groups ---

    def add_group(self, name: str, where: str, hosts: Sequence[str] | None) -> None:
        """Add a group, or give an existing one another meaning."""
        self.connection.execute(
            "INSERT INTO groups (name, where_text, hosts, created) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE"
            " SET where_text = excluded.where_text, hosts = excluded.hosts",
            (name, where, None if hosts is None else json.dumps(list(hosts)), time.time()),
        )

    def remove_group(self, name: str) -> bool:
        """Forget a group; False when there was none."""
        done = self.connection.execute("DELETE FROM groups WHERE name = ?", (name,))
        return done.rowcount == 1

    def groups(self) -> list[GroupRecord]:
        """List the groups by name."""
        rows = self.connection.execute(
            "SELECT name, where_text, hosts, created FROM groups ORDER BY name"
        )
        return [
            GroupRecord(name, where, None if hosts is None else tuple(json.loads(hosts)), created)
            for name, where, hosts, created in rows
        ]

    def _records(self, clauses: str, values: Sequence[Any]) -> list[RunRecord]:
        return [self._record(row) for row in self.connection.execute(_RECORD + clauses, values)]

    def _record(self, row: Sequence[Any]) -> RunRecord:
        run_id, task_id, name, steps, host, state, exit_status, reason, created = row[:9]
        return RunRecord(
            run_id=run_id,
            task_id=task_id,
            name=name,
            command="; ".join(map(step_title, json.loads(steps))),
            host=host,
            state=RunState(state),
            exit_status=exit_status,
            reason=reason,
            created=created,
            started=row[9],
            ended=row[10],
            spool=str(self._spool_dir / f"{run_id}.log"),
            step=row[12],
            placed=row[13],
        )


@contextmanager
def read_journal(path: Path, spool_dir: Path | None = None) -> Iterator[JournalDB | None]:
    """Open the journal for reading only, without a thread; None when there is none yet.

    Raises:
        JournalError: it is corrupt, newer than this lazytui, or cannot be read.
    """
    if not path.exists():
        yield None
        return
    connection = open_readonly(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        yield JournalDB(connection, spool_dir or path.parent / "spool") if version else None
    except sqlite3.Error as error:
        raise in_plain_words(path, error) from error
    finally:
        connection.close()
