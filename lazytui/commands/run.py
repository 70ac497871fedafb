"""``lazytui run``: run a command on hosts, show its output, give an honest exit code."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytui.commands import common
from lazytui.commands.dry_run import dry_run
from lazytui.commands.printer import SpoolPrinter
from lazytui.commands.returned import Returned
from lazytui.commands.run_order import order_of
from lazytui.core.events import Notice
from lazytui.core.gather import Gather, render
from lazytui.core.model import RunState
from lazytui.core.placement import least_busy
from lazytui.core.plan import WAITS
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from lazytui.commands.call import Call
    from lazytui.commands.run_order import Order
    from lazytui.core.engine import Engine
    from lazytui.core.events import Event
    from lazytui.core.live_run import LiveRun
    from lazytui.core.model import RunRecord

INTERRUPT_GRACE_S = 10.0


async def run(call: Call) -> int:
    """Run the command and wait for it, or leave it running with ``--detach``."""
    return await _run(call, await order_of(call))


async def _run(call: Call, order: Order) -> int:
    arguments, plan = call.arguments, order.plan
    async with call.engine() as engine:
        hosts = await common.select(engine, order.where, default_all=plan.least_busy)
        if arguments.dry_run:
            return await dry_run(call, engine, hosts, plan)
        if plan.least_busy and not order.waits:
            await engine.detect(hosts)
            await engine.sample()
            chosen = least_busy(map(engine.runtime, hosts))
            call.say(f"least busy: {chosen.host} ({chosen.why})")
            hosts, plan = [chosen.host], replace(plan, least_busy=False)
        return await follow(call, engine, lambda: engine.start_runs(order.task, hosts, plan=plan))


async def follow(
    call: Call, engine: Engine, start: Callable[[], Awaitable[Sequence[LiveRun]]]
) -> int:
    """Start runs and show them as the options say, to their end or to an interrupt.

    Args:
        call: with the options ``json``, ``gather``, ``detach`` and ``maxrc``.
        engine: runs them.
        start: starts them.

    Returns:
        The exit code.
    """
    # Caught from here on, as a run left in the journal is started by who comes next.
    interrupted = asyncio.Event()
    with call.on_interrupt(interrupted.set):
        runs = await start()
        if call.arguments.detach:
            return await _detach(call, engine, runs, interrupted)
        show = _shown_by(call, engine, runs)
        await watch(call, engine, runs, show, interrupted)
        await show.close()
        if interrupted.is_set():
            return common.INTERRUPTED
        return exit_code([run.record for run in runs], maxrc=call.arguments.maxrc)


async def _detach(
    call: Call, engine: Engine, runs: Sequence[LiveRun], interrupted: asyncio.Event
) -> int:
    """Wait until every run has started, then leave them to themselves."""
    settled = asyncio.gather(*(run.settled.wait() for run in runs))
    asked = asyncio.ensure_future(interrupted.wait())
    await asyncio.wait((settled, asked), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    settled.cancel()
    if interrupted.is_set():
        await _interrupt(call, engine, [run for run in runs if not run.settled.is_set()])
    for run in runs:
        record = run.record
        if call.arguments.json:
            call.print_json(as_json(record, b""))
        else:
            cells = [f"#{record.task_id}", record.run_id, sanitize(record.host), record.state]
            call.print("  ".join([*cells, record.reason] if record.reason else cells))
    failed = [run.record for run in runs if run.record.state.is_final]
    return common.INTERRUPTED if interrupted.is_set() else exit_code(failed, maxrc=False)


async def watch(
    call: Call,
    engine: Engine,
    runs: Sequence[LiveRun],
    show: Shown,
    interrupted: asyncio.Event,
) -> None:
    """Show output until all runs are over, or the user interrupted and was obeyed."""
    over: set[str] = set()
    watching = asyncio.ensure_future(_show(call, engine, runs, show, over))
    asked = asyncio.ensure_future(interrupted.wait())
    try:
        # Beside each other: a slow reader of the output must not keep an interrupt waiting.
        await asyncio.wait((watching, asked), return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            return watching.result()
        watching.cancel()
        await asyncio.wait((watching,))
        await _interrupt(call, engine, runs)
        for run in runs:
            if run.run_id not in over and run.record.state.is_final:
                await show.ended(run.record)
    finally:
        asked.cancel()
        watching.cancel()


async def _show(
    call: Call, engine: Engine, runs: Sequence[LiveRun], show: Shown, over: set[str]
) -> None:
    """Show output until all runs are over; those that are, are added to ``over``."""
    by_id = {run.run_id: run for run in runs}
    notices: set[str] = set()
    with engine.events.subscribe() as events:
        touched = set(by_id)  # what came before we listened
        while True:
            for run_id in touched & by_id.keys() - over:
                record = by_id[run_id].record
                if record.placed and len(runs) == 1:
                    _tell(call, notices, [Notice(f"{record.host} chosen: {record.placed}")])
                await show.grew(record)
                if record.state.is_final:
                    await show.ended(record)
                    over.add(run_id)
                elif record.reason and not record.reason.startswith(WAITS):
                    _tell(call, notices, [Notice(f"{record.host}: {record.reason}")])
            if len(over) == len(runs):
                return
            news = await events.drain()
            _tell(call, notices, news)
            touched = {getattr(event, "run_id", "") for event in news}


def _tell(call: Call, told: set[str], events: Iterable[Event]) -> None:
    """Tell notices on stderr, each once."""
    for event in events:
        if isinstance(event, Notice) and event.text not in told:
            told.add(event.text)
            call.say(event.text)


async def _interrupt(call: Call, engine: Engine, runs: Sequence[LiveRun]) -> None:
    """Ctrl-C goes to the commands; a second one, or ten seconds, leaves them running."""
    waiting = [run for run in runs if not run.done.is_set()]
    count = f"{len(waiting)} run{'s' if len(waiting) != 1 else ''}"
    call.say(f"interrupt sent to {count}; again to leave what runs running")
    again = asyncio.Event()
    with call.on_interrupt(again.set):
        over = asyncio.gather(
            *(_stop_and_wait(engine, run) for run in waiting), return_exceptions=True
        )
        left = asyncio.ensure_future(again.wait())
        await asyncio.wait(
            (over, left), timeout=INTERRUPT_GRACE_S, return_when=asyncio.FIRST_COMPLETED
        )
        over.cancel()
        left.cancel()
    running = [run for run in waiting if not run.done.is_set()]
    for run in running:
        call.say(f"still running: {run.record.host} (lazytui stop {run.run_id[:8]})")


async def _stop_and_wait(engine: Engine, run: LiveRun) -> None:
    await engine.stop_run(run.run_id, "INT")
    await run.done.wait()


def exit_code(records: Sequence[RunRecord], *, maxrc: bool) -> int:
    """Give the exit code for finished runs: 3 wins over 1, ``maxrc`` over 1."""
    if any(record.state is not RunState.SUCCEEDED and not_reached(record) for record in records):
        return common.NOT_REACHED
    failed = [record for record in records if record.state is not RunState.SUCCEEDED]
    if not failed:
        return common.OK
    return max(record.exit_status or common.FAILED for record in failed) if maxrc else common.FAILED


def not_reached(record: RunRecord) -> bool:
    """True when the host of a failed run was never reached."""
    return record.state is RunState.FAILED and record.reason.startswith("not reached")


def as_json(record: RunRecord, output: bytes) -> dict[str, Any]:
    """Give a run with the keys that scripts rely on."""
    return {
        "host": record.host,
        "run_id": record.run_id,
        "state": str(record.state),
        "exit_status": record.exit_status,
        "output": output.decode("utf-8", "replace"),
        "seconds": None if record.seconds is None else round(record.seconds, 3),
        "reason": record.reason or None,
    }


class Shown:
    """Shows runs as they go on. Each way of showing has its own class."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def grew(self, record: RunRecord) -> None:
        """The run's output may have grown."""

    async def ended(self, record: RunRecord) -> None:
        """The run is over, its output complete."""

    async def close(self) -> None:
        """All runs are over."""


class _Live(Shown):
    """Output as it comes, whole lines, with the host in front when there are several."""

    def __init__(self, call: Call, returned: Returned, *, prefixed: bool) -> None:
        super().__init__(call)
        self._returned = returned
        self._prefixed = prefixed
        self._whole_lines = prefixed or call.stdout.is_terminal
        self._printers: dict[str, SpoolPrinter] = {}

    async def grew(self, record: RunRecord) -> None:
        await self._printer(record).print_new(whole_lines=self._whole_lines)

    async def ended(self, record: RunRecord) -> None:
        await self._printer(record).print_new(whole_lines=False)
        complain_about(self._call, record)
        await self._returned.tell(self._call, record)

    def _printer(self, record: RunRecord) -> SpoolPrinter:
        found = self._printers.get(record.run_id)
        if found is None:
            found = SpoolPrinter(self._call, record, prefixed=self._prefixed)
            self._printers[record.run_id] = found
        return found


class _Gathered(Shown):
    """Equal outputs together under a folded node set, when all are over."""

    def __init__(self, call: Call, hosts: Sequence[str]) -> None:
        super().__init__(call)
        self._ended: dict[str, RunRecord | None] = dict.fromkeys(hosts)

    async def ended(self, record: RunRecord) -> None:
        if record.exit_status is None:
            complain_about(self._call, record)
        else:
            self._ended[record.host] = record

    async def close(self) -> None:
        self._call.write_output(await asyncio.to_thread(self._gather))
        await self._call.drain()

    def _gather(self) -> bytes:
        gathered = Gather()
        for host, record in self._ended.items():  # in the order asked for, not of their ends
            if record is not None:
                assert record.exit_status is not None
                gathered.add(sanitize(host), record.exit_status, output_of(record))
        return render(gathered.groups())


class _Json(Shown):
    """One JSON object a line, as runs finish."""

    def __init__(self, call: Call, returned: Returned) -> None:
        super().__init__(call)
        self._returned = returned

    async def ended(self, record: RunRecord) -> None:
        output = await asyncio.to_thread(output_of, record)
        row = as_json(record, output)
        self._call.print_json({**row, **await self._returned.as_json(record)})
        await self._call.drain()


def complain_about(call: Call, record: RunRecord) -> None:
    """Say on stderr how a run failed."""
    if record.state is RunState.SUCCEEDED:
        return
    words = [f"exit {record.exit_status}"] if record.exit_status is not None else []
    words += [record.reason] if record.reason else []
    call.say(f"{record.host}: {record.state}: {', '.join(words)}")


def output_of(record: RunRecord) -> bytes:
    """Read a run's whole output; empty when it has none."""
    try:
        return Path(record.spool).read_bytes()
    except FileNotFoundError:
        return b""


def _shown_by(call: Call, engine: Engine, runs: Sequence[LiveRun]) -> Shown:
    returned = Returned(engine, runs[0].steps)
    if call.arguments.json:
        return _Json(call, returned)
    if call.arguments.gather:
        return _Gathered(call, [run.record.host for run in runs])
    return _Live(call, returned, prefixed=len(runs) > 1)
