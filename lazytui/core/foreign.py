"""What other processes do with the same journal: scripts and command lines, seen as it happens.

SQLite tells nobody of changes; ``PRAGMA data_version`` says in microseconds whether another
connection has written since it was asked last, so that is asked a few times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING

from lazytui.core.events import AuditChanged, GroupsChanged, OutputGrew
from lazytui.core.owner import owner_alive
from lazytui.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from lazytui.core.events import EventBus
    from lazytui.core.groups import Groups
    from lazytui.core.journal import Journal, OpenRun
    from lazytui.core.model import RunRecord
    from lazytui.core.runs import Runs
    from lazytui.core.runtime import Runtime

log = logging.getLogger(__name__)

BUSY_S = 0.25  # between two looks while runs of others go on
QUIET_S = 1.0


class ForeignWork:
    """Shows the runs of other processes as if they were our own, and adopts those left behind.

    Args:
        journal: shared with the others.
        runs: told of each run that is not driven here.
        groups: read again when somebody may have changed them.
        events: where it is told that there is news.
        runtime_of: gives the runtime of a host, whose busyness counts the runs of others, too.
        adopt: takes over the runs whose owner is dead.
        owner: who we are: our own runs are known better from memory.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        runs: Runs,
        groups: Groups,
        events: EventBus,
        runtime_of: Callable[[str], Runtime],
        adopt: Callable[[], Awaitable[object]],
        owner: str,
    ) -> None:
        self._journal = journal
        self._runs = runs
        self._groups = groups
        self._events = events
        self._runtime_of = runtime_of
        self._adopt = adopt
        self._owner = owner
        self._version: int | None = None
        self._newest_task = 0
        self._open: dict[str, OpenRun] = {}
        self._sizes: dict[str, int] = {}

    async def keep_watching(self) -> None:
        """Follow what others do, until cancelled."""
        while True:
            # A journal that cannot be read now (a full disk, a lock) is looked at again.
            with contextlib.suppress(JournalError):
                await self.look()
            await asyncio.sleep(BUSY_S if self._open else QUIET_S)

    async def look(self) -> None:
        """Learn what has happened since the last look.

        Raises:
            JournalError: the journal cannot be read now.
        """
        version = await self._journal.data_version()
        if self._version is None:
            await self._begin()
        elif version != self._version:
            await self._read()
        self._version = version
        if self._open:
            await self._listen()
            if not all(map(owner_alive, {run.owner for run in self._open.values()})):
                await self._adopt()
                await self._read_runs()

    async def _begin(self) -> None:
        """Take what is there; the runs that have ended were read when the engine began."""
        self._newest_task = max((run.task_id for run in self._runs.records(1)), default=0)
        for run in await self._journal.open_runs():
            self._take(run)
        await self._read_runs()

    async def _read(self) -> None:
        await self._read_runs()
        await self._groups.load()
        self._events.publish(GroupsChanged())
        self._events.publish(AuditChanged())

    async def _read_runs(self) -> None:
        """Read the runs that are new, and those of others that were open."""
        news = await self._journal.news(self._newest_task, self._open)
        for run in news:
            self._newest_task = max(self._newest_task, run.record.task_id)
            self._take(run)
        # One that was forgotten meanwhile is in no news.
        for run_id in self._open.keys() - {run.record.run_id for run in news}:
            self._leave(run_id)

    def _take(self, run: OpenRun) -> None:
        record = run.record
        if run.owner == self._owner:
            self._leave(record.run_id)  # adopted
            return
        self._runs.learn(record)
        if record.state.is_final:
            self._leave(record.run_id)
        elif self._open.setdefault(record.run_id, run) is run:
            self._runtime_of(record.host).alive_runs += 1
        else:
            self._open[record.run_id] = run

    def _leave(self, run_id: str) -> None:
        if run := self._open.pop(run_id, None):
            self._runtime_of(run.record.host).alive_runs -= 1
            self._grew([run.record])  # the last of its output
            self._sizes.pop(run_id, None)

    async def _listen(self) -> None:
        """Tell which outputs have grown."""
        records = [run.record for run in self._open.values()]
        sizes = await asyncio.to_thread(_sizes, records)
        self._publish(records, sizes)

    def _grew(self, records: list[RunRecord]) -> None:
        self._publish(records, _sizes(records))

    def _publish(self, records: Iterable[RunRecord], sizes: Iterable[int]) -> None:
        for record, size in zip(records, sizes, strict=True):
            if size != self._sizes.get(record.run_id, 0):
                self._sizes[record.run_id] = size
                self._events.publish(OutputGrew(record.run_id, size))


def _sizes(records: Iterable[RunRecord]) -> list[int]:
    """Give the lengths of spools; 0 for one that is not there."""
    return [_size(record.spool) for record in records]


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - a thousand of them, on plain strings
    except OSError:
        return 0
