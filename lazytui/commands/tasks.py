"""``lazytui tasks``, ``logs`` and ``stop``: what ran, what it said, and how to end it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from lazytui.commands import common
from lazytui.commands.printer import SpoolPrinter
from lazytui.commands.run import complain_about, exit_code
from lazytui.errors import AgentError, ConnectError, ConnectionLostError, UsageError
from lazytui.text import duration_text, sanitize

if TYPE_CHECKING:
    from lazytui.commands.call import Call
    from lazytui.core.engine import Engine
    from lazytui.core.live_run import LiveRun
    from lazytui.core.model import RunRecord

SYMBOLS = {
    "queued": "○",
    "running": "▸",
    "succeeded": "✓",
    "failed": "✗",
    "cancelled": "✗",
    "lost": "?",
}
CATCH_UP_S = 6.0  # how long a listing waits for news of runs it has just adopted
STOP_WAIT_S = 2.0  # how long `stop` waits for the end that it asked for
POLL_S = 0.1  # how often the spool of another process's run is looked at
ADOPT_EVERY = 10  # looks, until it is asked whether that process has died


async def tasks(call: Call) -> int:
    """List runs, the newest first."""
    async with call.engine() as engine:
        await _catch_up(engine, await engine.adopt())
        records = await engine.journal.records(limit=call.arguments.limit)
        if call.arguments.json:
            call.print_json([as_json(record) for record in records])
        elif records:
            _table(call, records)
        else:
            call.say("no tasks yet: lazytui run -w HOST -- uptime")
    return common.OK


def as_json(record: RunRecord) -> dict[str, Any]:
    """Give a run with the keys that scripts rely on."""
    return {
        "task_id": record.task_id,
        "name": record.name,
        "run_id": record.run_id,
        "host": record.host,
        "state": str(record.state),
        "exit_status": record.exit_status,
        "started": record.started,
        "ended": record.ended,
        "spool": record.spool,
    }


def _table(call: Call, records: list[RunRecord]) -> None:
    rows = [["TASK", "RUN", "STATE", "HOST", "TIME", "WHAT", ""]]
    now = time.time()
    for record in records:
        seconds = record.seconds
        if seconds is None and record.started is not None:
            seconds = now - record.started
        status = f" {record.exit_status}" if record.exit_status else ""
        rows.append(
            [
                f"#{record.task_id}",
                record.run_id[:8],
                f"{SYMBOLS[record.state]} {record.state}{status}",
                sanitize(record.host),
                "-" if seconds is None else duration_text(seconds),
                sanitize(record.name, max_chars=40),
                sanitize(record.reason or _why_there(record), max_chars=60),
            ]
        )
    call.print_table(rows, right=(4,))


def _why_there(record: RunRecord) -> str:
    """Say why a run is where it is, if there was a choice."""
    return f"chosen: {record.placed}" if record.placed else ""


async def logs(call: Call) -> int:
    """Print the output of a run, or of all runs of a task."""
    async with call.engine() as engine:
        records = await _find_or_named(engine, call.arguments.id)
        adopted = await engine.adopt()
        many = len(records) > 1
        printers = [SpoolPrinter(call, record, prefixed=many) for record in records]
        if not call.arguments.follow:
            wanted = {record.run_id for record in records}
            await _catch_up(engine, [run for run in adopted if run.run_id in wanted])
            for printer in printers:
                await printer.print_new(whole_lines=False)
            return common.OK
        final = await asyncio.gather(*(_follow(call, engine, printer) for printer in printers))
        return exit_code(final, maxrc=False)


async def _follow(call: Call, engine: Engine, printer: SpoolPrinter) -> RunRecord:
    """Print a run's output until it ends; the run may be another process's."""
    looks = 0
    while True:
        live = engine.runs.live(printer.run_id)
        record = live.record if live else await engine.journal.record(printer.run_id)
        assert record is not None
        await printer.print_new(whole_lines=not record.state.is_final)
        if record.state.is_final:
            complain_about(call, record)
            return record
        looks += 1
        if not live and looks % ADOPT_EVERY == 0:
            await engine.adopt()  # its owner may have died meanwhile
        await asyncio.sleep(POLL_S)


async def stop(call: Call) -> int:
    """Send a signal to a run, or to all runs of a task: INT, and at the second word KILL."""
    arguments = call.arguments
    async with call.engine() as engine:
        records = await find(engine, arguments.id)
        await engine.adopt()
        code = common.OK
        open_runs = [record for record in records if not record.state.is_final]
        if not open_runs:
            call.say(f"{arguments.id}: has ended already")
        signals = [arguments.signal or engine.runs.next_signal(record) for record in open_runs]
        answers = await asyncio.gather(
            *(
                engine.stop_run(record.run_id, signal)
                for record, signal in zip(open_runs, signals, strict=True)
            ),
            return_exceptions=True,
        )
        for record, signal, answer in zip(open_runs, signals, answers, strict=True):
            if isinstance(answer, ConnectError | ConnectionLostError):
                call.say(f"{record.host}: not reached: {answer}")
                code = common.NOT_REACHED
            elif isinstance(answer, AgentError):
                call.say(f"{record.host}: {answer}")
                code = code or common.FAILED
            elif isinstance(answer, BaseException):
                raise answer
            else:
                call.print(f"{sanitize(record.host)}: {_words(answer, signal)}")
        stopped = [run for r in open_runs if (run := engine.runs.live(r.run_id)) is not None]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_WAIT_S):
                await asyncio.gather(*(run.done.wait() for run in stopped))
    return code


def _words(answer: str, signal: str) -> str:
    return {
        "sent": f"{signal} sent",
        "ended": "has ended already",
        "cancelled": "cancelled before it started",
        "stale": "its process is gone",
        "rebooted": "the host was rebooted since",
    }.get(answer, answer)


async def find(engine: Engine, text: str) -> list[RunRecord]:
    """Give the runs that an id means: of a task, on one host of it, or one by its id.

    Raises:
        UsageError: there are none, or it may mean several.
    """
    records = await engine.journal.find(text)
    if not records:
        raise UsageError(f"no task or run {text} (lazytui tasks lists them)")
    by_task = text.strip().partition("@")[0] == str(records[0].task_id)
    if len(records) > 1 and not by_task:
        raise UsageError(f"{text} fits {len(records)} runs: give more of its id")
    return records


async def _find_or_named(engine: Engine, text: str) -> list[RunRecord]:
    """Give the runs that an id means, or those of the newest task of that name.

    Only to be looked at: what is stopped or run again is meant by its number.
    """
    named = await engine.journal.find_named(text)
    if named and not await engine.journal.find(text):
        return named
    return await find(engine, text)


async def _catch_up(engine: Engine, runs: list[LiveRun]) -> None:
    """Give adopted runs a moment to learn from their hosts how they are."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CATCH_UP_S):
            await asyncio.gather(*(engine.runs.caught_up(run) for run in runs))
