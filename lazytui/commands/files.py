"""``lazytui send`` and ``lazytui get``: files to hosts and from hosts, with progress."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytui.commands import common
from lazytui.commands.run import Shown, complain_about, exit_code, watch
from lazytui.core.task import GetSpec, RuntimeTask, SendSpec
from lazytui.errors import UsageError
from lazytui.text import duration_text, percent, sanitize, size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lazytui.commands.call import Call
    from lazytui.core.engine import Engine
    from lazytui.core.model import RunRecord
    from lazytui.core.transfer.progress import Progress

EVERY_S = 10.0  # between two lines about one transfer, where nobody looks at bars


async def send(call: Call) -> int:
    """Send files and folders to hosts."""
    paths = list(call.arguments.paths)
    remote = paths.pop() if len(paths) > 1 else None
    if len(paths) > 1:
        assert remote is not None
        remote = f"{remote.rstrip('/')}/"  # several things fit into a folder only
    if remote == "" or "" in paths:
        raise UsageError("an empty path")
    task = RuntimeTask()
    for path in paths:
        task.add(SendSpec(str(call.path(path)), remote, call.arguments.checksum))
    return await _move(call, task)


async def get(call: Call) -> int:
    """Get a file or a folder from hosts."""
    words = call.arguments
    if not words.remote or not words.local:
        raise UsageError("an empty path")
    local = str(call.path(words.local))
    if words.local.endswith(("/", "/.", "/..")) or words.local in (".", ".."):
        local += "/"  # in it, also when there is something of the same name
    return await _move(call, RuntimeTask().add(GetSpec(words.remote, local, words.checksum)))


async def _move(call: Call, task: RuntimeTask) -> int:
    async with call.engine() as engine:
        await asyncio.to_thread(_refuse_missing, task)
        hosts = await common.select(engine, call.arguments.where)
        interrupted = asyncio.Event()
        with call.on_interrupt(interrupted.set):
            runs = await engine.start_runs(task, hosts)
            show = await _shown_by(call, engine, hosts)
            try:
                await watch(call, engine, runs, show, interrupted)
            finally:
                await show.close()
            if interrupted.is_set():
                return common.INTERRUPTED
            return exit_code([run.record for run in runs], maxrc=False)


def _refuse_missing(task: RuntimeTask) -> None:
    """Say what is not here before anything is done."""
    for step in task.steps:
        if isinstance(step, SendSpec):
            try:
                Path(step.local_path).stat()
            except OSError as error:
                raise UsageError(f"{step.local_path}: {error.strerror}") from error


async def _shown_by(call: Call, engine: Engine, hosts: Sequence[str]) -> Shown:
    if call.arguments.json:
        return JsonReports(call, engine)
    if not call.stderr.is_terminal:
        return Lines(call, engine)
    return (await asyncio.to_thread(_bars))(call, engine, hosts)


def _bars() -> Callable[[Call, Engine, Sequence[str]], Shown]:
    from lazytui.commands.bars import Bars  # imports rich: beside the loop

    return Bars


class Reports(Shown):
    """What came of each run, on stdout; its trouble on stderr.

    Args:
        call: whose streams they are.
        engine: which knows how far the transfers are.
    """

    def __init__(self, call: Call, engine: Engine) -> None:
        super().__init__(call)
        self._engine = engine

    async def ended(self, record: RunRecord) -> None:
        """Print what came of a run."""
        host = sanitize(record.host)
        for report in self._engine.transfers.reports(record.run_id):
            for line in report.text.splitlines():
                self._call.print(f"{host}: {line}")
        complain_about(self._call, record)
        await self._call.drain()


class Lines(Reports):
    """A line on stderr now and then while it takes long: for logs and pipes."""

    def __init__(self, call: Call, engine: Engine) -> None:
        super().__init__(call, engine)
        self._told: dict[str, float] = {}

    async def grew(self, record: RunRecord) -> None:
        """Tell how far a run is, if it was not told lately."""
        progress = self._engine.transfers.get(record.run_id)
        now = time.monotonic()
        last = self._told.setdefault(record.run_id, now)
        if progress is not None and now - last >= EVERY_S:
            self._told[record.run_id] = now
            self._call.say(f"{record.host}: {progress_words(progress)}")


class JsonReports(Reports):
    """One JSON object a line, as runs finish."""

    async def ended(self, record: RunRecord) -> None:
        """Print one run."""
        self._call.print_json(as_json(record, self._engine))
        await self._call.drain()


def as_json(record: RunRecord, engine: Engine) -> dict[str, Any]:
    """Give a finished transfer with the keys that scripts rely on."""
    reports = engine.transfers.reports(record.run_id)
    return {
        "host": record.host,
        "run_id": record.run_id,
        "state": str(record.state),
        "targets": [report.target for report in reports],
        "files": sum(report.files for report in reports),
        "bytes": sum(report.size_bytes for report in reports),
        "unchanged": sum(report.unchanged for report in reports),
        "skipped": [list(pair) for report in reports for pair in report.skipped],
        "failed": [list(pair) for report in reports for pair in report.failed],
        "seconds": None if record.seconds is None else round(record.seconds, 3),
        "reason": record.reason or None,
    }


def progress_words(progress: Progress) -> str:
    """Say how far a transfer is: ``62%  7.7G of 12G  41M/s  1m 55s left``."""
    if progress.phase != "moving":
        return progress.phase
    parts = [
        percent(progress.share),
        f"{size_text(progress.done)} of {size_text(progress.total)}",
        f"{size_text(progress.rate)}/s",
    ]
    if progress.seconds_left is not None:
        parts.append(f"{duration_text(progress.seconds_left)} left")
    return "  ".join(parts)
