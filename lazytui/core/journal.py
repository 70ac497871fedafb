"""The journal: what the manager remembers of tasks, runs and groups, whoever dies.

Every call is a coroutine, served by one thread that owns the SQLite connection. What is asked
while the thread is busy goes into one transaction, so that the runs of a broadcast to 1,000
hosts cost a few commits and not 1,000.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from lazytui.core import audit
from lazytui.core.history import PastCommand, past_commands
from lazytui.core.journal_db import (
    GroupRecord,
    JournalDB,
    OpenRun,
    RunChange,
    StepRecord,
    TaskRecord,
    read_journal,
)
from lazytui.core.journal_file import (
    in_plain_words,
    is_busy,
    is_corrupt,
    open_for_writing,
    same_file,
)
from lazytui.core.journal_names import find_named
from lazytui.core.owner import owner_alive, owner_me, user_name
from lazytui.errors import JournalError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from lazytui.core.audit import AuditRecord
    from lazytui.core.model import RunRecord, RunState
    from lazytui.core.step import Place

__all__ = [
    "GroupRecord",
    "Journal",
    "JournalDB",
    "OpenRun",
    "RunChange",
    "StepRecord",
    "TaskRecord",
    "owner_alive",
    "owner_me",
    "read_journal",
]

_Answer = TypeVar("_Answer")

_BUSY_TIMEOUT_MS = 500  # of SQLite itself; between two such waits closing is noticed
_BATCH = 4096
# These concern one request; every other error of SQLite concerns the whole transaction.
_OWN_ERRORS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError)


@dataclass(slots=True)
class _Request:
    ask: Callable[[JournalDB], Any]
    changes: bool
    answer: asyncio.Future[Any]


@dataclass(slots=True)
class _Outcome:
    value: Any = None
    error: Exception | None = None


class Journal:
    """The journal of an engine or a script, as an async context manager.

    Every coroutine raises JournalError when the journal is closed, locked by another program
    for longer than the patience, read-only or on a full disk; nothing of that call is then
    in the journal. Cancelling a call does not undo it.

    Args:
        path: the SQLite file, in an existing folder that is private to the user.
        spool_dir: the folder of the spools, for the records of runs; by default ``spool``
            beside the file.
        patience_s: seconds to wait while another program keeps the journal locked.
        on_notice: called on the loop with what the user should be told; all of that is also
            in :attr:`notices`.
    """

    def __init__(
        self,
        path: Path,
        *,
        spool_dir: Path | None = None,
        patience_s: float = 40.0,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        self.notices: list[str] = []
        self._path = path
        self._spool_dir = path.parent / "spool" if spool_dir is None else spool_dir
        self._patience_s = patience_s
        self._on_notice = on_notice
        self._opened_as: os.stat_result | None = None
        self._queue: SimpleQueue[_Request | None] = SimpleQueue()
        self._closing = threading.Event()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="lazytui-journal", daemon=True)

    async def __aenter__(self) -> Self:
        """Open the journal, making it if there is none.

        Raises:
            JournalError: the journal is newer than this lazytui, or cannot be opened or written.
        """
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._thread.start()
        try:
            await self._opened
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close the journal."""
        await self.close()

    async def close(self) -> None:
        """Finish what was asked, then close the file. A second call does nothing."""
        if not self._closing.is_set():
            self._closing.set()
            self._queue.put(None)
        await self._ended.wait()

    # --- tasks and runs ---

    async def new_task(
        self,
        name: str,
        steps: Sequence[Mapping[str, Any]],
        hosts: Sequence[str],
        owner: str,
        origin: str,
        user: str | None = None,
        places: Mapping[str, Place] | None = None,
    ) -> tuple[int, list[str]]:
        """Add a task and one queued run for each host, all or nothing.

        Args:
            name: what people call it.
            steps: each a mapping with its ``kind`` and what that needs, as JSON can hold it.
            hosts: where it will run.
            owner: the process that will run it, as :func:`lazytui.core.owner.owner_me` says.
            origin: where it was started: ``screen``, ``command line`` or ``script``.
            user: who started it; by default the user of this process.
            places: where on a host the steps happen, for hosts where that is not the user's home.

        Returns:
            The number of the task, and the ids of its runs in the order of ``hosts``.
        """
        who = user_name() if user is None else user
        return await self._change(
            lambda db: db.new_task(
                name, steps, hosts, owner=owner, origin=origin, user=who, places=places
            )
        )

    async def update_run(self, run_id: str, **change: Unpack[RunChange]) -> bool:
        """Change fields of a run; False when it has ended before (that never changes again)."""
        if unknown := change.keys() - RunChange.__annotations__.keys():
            raise TypeError(f"a run has no {', '.join(sorted(unknown))} to change")
        return await self._change(lambda db: db.update_run(run_id, change))

    async def claim(self, run_ids: Iterable[str], owner: str, expected_owner: str) -> list[str]:
        """Take over runs of a dead owner; give those that are now ours.

        Of two processes that claim a run of the same owner, exactly one gets it.
        """
        wanted = list(run_ids)
        return await self._change(lambda db: db.claim(wanted, owner, expected_owner))

    async def orphans(self, is_alive: Callable[[str], bool]) -> list[OpenRun]:
        """List the runs that have not ended and whose owner is dead, the oldest first.

        ``is_alive`` is called on the journal's thread.
        """
        return await self._read(lambda db: db.orphans(is_alive))

    async def adopt(self, is_alive: Callable[[str], bool], owner: str) -> list[RunRecord]:
        """Claim all orphans at once; give those that are now ours, the oldest first."""
        return await self._change(lambda db: db.adopt(is_alive, owner))

    async def open_runs(self) -> list[OpenRun]:
        """List the runs that have not ended, with their owners, the oldest first."""
        return await self._read(lambda db: db.open_runs())

    async def news(self, after_task: int, run_ids: Iterable[str]) -> list[OpenRun]:
        """List the runs of tasks newer than one, and some others, with their owners."""
        wanted = list(run_ids)
        return await self._read(lambda db: db.news(after_task, wanted))

    async def data_version(self) -> int:
        """Give a number that is another one when another process has written since."""
        return await self._read(
            lambda db: int(db.connection.execute("PRAGMA data_version").fetchone()[0])
        )

    async def ended(self, run_ids: Iterable[str]) -> set[str]:
        """Give those of some runs that are known here and have ended."""
        return await self._read(lambda db: db.ended(run_ids))

    async def record(self, run_id: str) -> RunRecord:
        """Give one run.

        Raises:
            UsageError: there is none with this id.
        """
        return await self._read(lambda db: db.record(run_id))

    async def records(
        self,
        limit: int | None = None,
        *,
        task_id: int | None = None,
        states: Iterable[RunState] | None = None,
    ) -> list[RunRecord]:
        """List runs, the newest task first, within a task in the order of its hosts."""
        wanted = None if states is None else list(states)
        return await self._read(lambda db: db.records(limit, task_id=task_id, states=wanted))

    async def find(self, text: str) -> list[RunRecord]:
        """List the runs a person means; see :meth:`JournalDB.find`."""
        return await self._read(lambda db: db.find(text))

    async def find_named(self, text: str) -> list[RunRecord]:
        """List the runs of the newest task of a name, or of one host of it: ``train@gpu01``."""
        return await self._read(lambda db: find_named(db, text))

    async def task(self, task_id: int) -> TaskRecord | None:
        """Give one task; None when there is none with this number."""
        return await self._read(lambda db: db.task(task_id))

    async def steps(self, task_id: int) -> tuple[Mapping[str, Any], ...]:
        """List the steps of a task, as given to :meth:`new_task`."""
        return await self._read(lambda db: db.steps(task_id))

    async def mentioned(self, words: Iterable[str]) -> set[str]:
        """Give those of some words that stand in the steps of any task."""
        wanted = set(words)
        return await self._read(lambda db: db.mentioned(wanted))

    async def commands(self, limit: int) -> list[PastCommand]:
        """List the distinct commands that were run, the newest first."""
        return await self._read(lambda db: past_commands(db.connection, limit))

    # --- steps ---

    async def begin_step(
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
        return await self._change(
            lambda db: db.begin_step(
                run_id, step, job_id=job_id, kind=kind, spec=spec, spool_start=spool_start
            )
        )

    async def next_step(
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
        await self._change(
            lambda db: db.next_step(
                run_id,
                step,
                job_id=job_id,
                kind=kind,
                spec=spec,
                spool_start=spool_start,
                exit_status=exit_status,
            )
        )

    async def place(self, run_id: str) -> Place:
        """Give where the steps of a run happen on its host."""
        return await self._read(lambda db: db.place(run_id))

    async def end_step(
        self, run_id: str, step: int, state: RunState, exit_status: int | None = None
    ) -> bool:
        """Note how a step ended; False when that was noted before."""
        return await self._change(lambda db: db.end_step(run_id, step, state, exit_status))

    async def begun_steps(self, run_id: str) -> list[StepRecord]:
        """List the steps of a run that were begun, in order."""
        return await self._read(lambda db: db.begun_steps(run_id))

    # --- groups ---

    async def add_group(self, name: str, where: str, hosts: Sequence[str] | None = None) -> None:
        """Add a group or change one: a WHERE that is asked anew each time, or fixed hosts."""
        await self._change(lambda db: db.add_group(name, where, hosts))

    async def remove_group(self, name: str) -> bool:
        """Forget a group; False when there was none."""
        return await self._change(lambda db: db.remove_group(name))

    async def groups(self) -> list[GroupRecord]:
        """List the groups by name."""
        return await self._read(lambda db: db.groups())

    # --- what was done ---

    async def add_audit(self, record: AuditRecord) -> None:
        """Note what somebody did."""
        await self._change(lambda db: audit.write(db.connection, record))

    async def audit(self, limit: int) -> list[AuditRecord]:
        """List what was done, the newest first, with what came of it by now."""
        return await self._read(lambda db: audit.read(db.connection, limit))

    async def forget(self, task_ids: Iterable[int]) -> list[str]:
        """Remove tasks that are over, with their runs; give the ids of those runs.

        What was done stays known: see :meth:`audit`.
        """
        wanted = list(task_ids)
        return await self._change(lambda db: audit.forget(db.connection, wanted))

    # --- what is kept by others than :class:`JournalDB` ---

    async def read(self, ask: Callable[[JournalDB], _Answer]) -> _Answer:
        """Ask something on the journal's thread."""
        return await self._read(ask)

    async def change(self, ask: Callable[[JournalDB], _Answer]) -> _Answer:
        """Change something on the journal's thread, in a transaction."""
        return await self._change(ask)

    # --- on the loop ---

    async def _read(self, ask: Callable[[JournalDB], _Answer]) -> _Answer:
        return await self._ask(ask, changes=False)

    async def _change(self, ask: Callable[[JournalDB], _Answer]) -> _Answer:
        return await self._ask(ask, changes=True)

    async def _ask(self, ask: Callable[[JournalDB], _Answer], *, changes: bool) -> _Answer:
        if self._closing.is_set():
            raise JournalError(f"the journal {self._path} is closed")
        answer: asyncio.Future[_Answer] = self._loop.create_future()
        self._queue.put(_Request(ask, changes, answer))
        return await answer

    def _deliver(self, outcomes: Sequence[tuple[asyncio.Future[Any], _Outcome]]) -> None:
        for future, outcome in outcomes:
            if future.done():  # whoever asked was cancelled
                continue
            if outcome.error is not None:
                future.set_exception(outcome.error)
            else:
                future.set_result(outcome.value)

    def _tell(self, notice: str) -> None:
        self.notices.append(notice)
        if self._on_notice is not None:
            self._on_notice(notice)

    # --- on the thread ---

    def _serve(self) -> None:
        opened = _Outcome()
        try:
            self._open_file()
        except Exception as error:
            self._closing.set()
            opened.error = error
        self._on_loop(self._deliver, [(self._opened, opened)])
        if opened.error is None:
            while self._serve_some():
                pass
            self._db.connection.close()
        self._on_loop(self._ended.set)

    def _serve_some(self) -> bool:
        """Answer all requests that wait, at least one; False when asked to close."""
        requests = [self._queue.get()]
        with suppress(Empty):
            while len(requests) < _BATCH:
                requests.append(self._queue.get_nowait())
        for changes, batch in groupby(filter(None, requests), lambda request: request.changes):
            asked = list(batch)
            outcomes = self._transact(asked, "BEGIN IMMEDIATE" if changes else "BEGIN")
            answers = [request.answer for request in asked]
            self._on_loop(self._deliver, list(zip(answers, outcomes, strict=True)))
        return None not in requests

    def _transact(self, requests: Sequence[_Request], begin: str) -> list[_Outcome]:
        """Serve requests in one transaction, again while another program has the lock."""
        give_up = time.monotonic() + self._patience_s
        while True:
            try:
                if not same_file(self._path, self._opened_as):
                    self._open_again()
                return self._try_once(requests, begin)
            except sqlite3.Error as error:
                self._roll_back()
                if is_busy(error) and time.monotonic() < give_up and not self._closing.wait(0.05):
                    continue
                return [_Outcome(error=self._explained(error)) for _ in requests]
            except (JournalError, OSError) as error:  # opening again failed
                return [_Outcome(error=JournalError(str(error))) for _ in requests]

    def _try_once(self, requests: Sequence[_Request], begin: str) -> list[_Outcome]:
        execute = self._db.connection.execute
        execute(begin)
        outcomes = []
        for request in requests:
            execute("SAVEPOINT request")
            try:
                outcomes.append(_Outcome(request.ask(self._db)))
            except _OWN_ERRORS as error:
                execute("ROLLBACK TO request")
                outcomes.append(_Outcome(error=in_plain_words(self._path, error)))
            except sqlite3.Error:
                raise
            except Exception as error:  # a step that is no JSON: the caller's, nobody else's
                execute("ROLLBACK TO request")
                outcomes.append(_Outcome(error=error))
            execute("RELEASE request")
        execute("COMMIT")
        return outcomes

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # the error that brought us here is the one to tell
            if self._db.connection.in_transaction:
                self._db.connection.execute("ROLLBACK")

    def _explained(self, error: sqlite3.Error) -> JournalError:
        """Say what an error means; a damaged file is replaced, so that the next call works."""
        if is_corrupt(error):
            try:
                self._open_again(suspect=True)
            except JournalError as also:
                return also
        return in_plain_words(self._path, error)

    def _open_file(self, *, suspect: bool = False) -> None:
        connection, notices = open_for_writing(
            self._path, patience_s=self._patience_s, suspect=suspect
        )
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        self._db = JournalDB(connection, self._spool_dir)
        self._opened_as = self._path.stat()
        for notice in notices:
            self._on_loop(self._tell, notice)

    def _open_again(self, *, suspect: bool = False) -> None:
        """Open the file that is there now: ours was damaged, or set aside or removed by others."""
        self._db.connection.close()
        self._opened_as = None  # if this fails, the next request tries again
        self._open_file(suspect=suspect)
        if not suspect:  # else the file was set aside just now, which is told already
            told = f"The journal {self._path} was replaced or removed; it was opened anew."
            self._on_loop(self._tell, told)

    def _on_loop(self, call: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(call, *arguments)
