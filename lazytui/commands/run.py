"""``lazytui run``: run a command on hosts, show its output, give an honest exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytui.commands import common
from lazytui.commands.dry_run import dry_run
from lazytui.core.events import Notice
from lazytui.core.gather import Gather, render
from lazytui.core.model import RunState
from lazytui.core.plan import Plan, least_busy, read_environment, read_seconds
from lazytui.core.task import CommandSpec
from lazytui.core.turns import WAITS
from lazytui.errors import UsageError
from lazytui.text import sanitize

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from lazytui.core.engine import Engine
    from lazytui.core.events import Event
    from lazytui.core.live_run import LiveRun
    from lazytui.core.model import RunRecord

INTERRUPT_GRACE_S = 10.0
BLOCK = 1 << 20


def run(arguments: argparse.Namespace) -> int:
    """Run the command and wait for it, or leave it running with ``--detach``."""
    words = list(arguments.words)
    if words and words[0] == "--":
        words = words[1:]
    spec = CommandSpec(
        " ".join(words),
        cwd=arguments.cwd,
        env=read_environment(arguments.env),
        tty=arguments.tty,
    )
    if not spec.command.strip():
        raise UsageError("nothing to run: lazytui run -w HOSTS -- COMMAND")
    return asyncio.run(_run(arguments, spec, _plan(arguments)))


def _plan(arguments: argparse.Namespace) -> Plan:
    timeout_s = read_seconds(arguments.timeout or "")
    if arguments.detach and timeout_s is not None:
        raise UsageError("with --detach nobody is left to end it: use -- timeout T CMD")
    if arguments.batch is not None and arguments.batch < 1:
        raise UsageError(f"--batch takes 1 or more, not {arguments.batch}")
    return Plan(arguments.batch or 0, arguments.stop_on_failure, timeout_s)


async def _run(arguments: argparse.Namespace, spec: CommandSpec, plan: Plan) -> int:
    async with common.engine(arguments) as engine:
        hosts = await common.select(engine, arguments.where, default_all=arguments.least_busy)
        if arguments.least_busy:
            await engine.detect(hosts)
            await engine.sample()
            chosen = least_busy(map(engine.runtime, hosts))
            common.say(f"least busy: {chosen.host} ({chosen.why})")
            hosts = [chosen.host]
        if arguments.dry_run:
            return await dry_run(engine, hosts, plan, as_json=arguments.json)
        # Caught from here on, as a run left in the journal is started by who comes next.
        with _ctrl_c() as interrupted:
            runs = await engine.start_runs(spec, hosts, plan=plan)
            if arguments.detach:
                return await _detach(engine, arguments, runs, interrupted)
            show = _shown_by(arguments, hosts)
            await _watch(engine, runs, show, interrupted)
            show.close()
            if interrupted.is_set():
                return common.INTERRUPTED
            return exit_code([run.record for run in runs], maxrc=arguments.maxrc)


@contextlib.contextmanager
def _ctrl_c() -> Iterator[asyncio.Event]:
    """Give an event that Ctrl-C sets, instead of ending us."""
    pressed = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, pressed.set)
    try:
        yield pressed
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def _detach(
    engine: Engine,
    arguments: argparse.Namespace,
    runs: Sequence[LiveRun],
    interrupted: asyncio.Event,
) -> int:
    """Wait until every run has started, then leave them to themselves."""
    settled = asyncio.gather(*(run.settled.wait() for run in runs))
    asked = asyncio.ensure_future(interrupted.wait())
    await asyncio.wait((settled, asked), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    settled.cancel()
    if interrupted.is_set():
        await _interrupt(engine, [run for run in runs if not run.settled.is_set()])
    for run in runs:
        if arguments.json:
            common.print_json(as_json(run.record, b""))
        else:
            record = run.record
            print(f"#{record.task_id}  {record.run_id}  {record.host}  {record.state}", end="")
            print(f"  {record.reason}" if record.reason else "")
    failed = [run.record for run in runs if run.record.state.is_final]
    return common.INTERRUPTED if interrupted.is_set() else exit_code(failed, maxrc=False)


async def _watch(
    engine: Engine, runs: Sequence[LiveRun], show: _Shown, interrupted: asyncio.Event
) -> None:
    """Show output until all runs are over, or the user interrupted and was obeyed."""
    by_id = {run.run_id: run for run in runs}
    with engine.events.subscribe() as events:
        asked = asyncio.ensure_future(interrupted.wait())
        try:
            over: set[str] = set()
            notices: set[str] = set()
            while len(over) < len(runs):
                drained = asyncio.ensure_future(events.drain())
                await asyncio.wait((drained, asked), return_when=asyncio.FIRST_COMPLETED)
                if asked.done():
                    drained.cancel()
                    await _interrupt(engine, runs)
                    for run in runs:
                        if run.run_id not in over and run.record.state.is_final:
                            show.ended(run.record)
                    return
                _tell(notices, drained.result())
                touched = {getattr(event, "run_id", "") for event in drained.result()}
                for run_id in touched & by_id.keys() - over:
                    record = by_id[run_id].record
                    show.grew(record)
                    if record.state.is_final:
                        over.add(run_id)
                        show.ended(record)
                    elif record.reason and not record.reason.startswith(WAITS):
                        _tell(notices, [Notice(f"{record.host}: {record.reason}")])
        finally:
            asked.cancel()


def _tell(told: set[str], events: Iterable[Event]) -> None:
    """Tell notices on stderr, each once."""
    for event in events:
        if isinstance(event, Notice) and event.text not in told:
            told.add(event.text)
            common.say(event.text)


async def _interrupt(engine: Engine, runs: Sequence[LiveRun]) -> None:
    """Ctrl-C goes to the commands; a second one, or ten seconds, leaves them running."""
    waiting = [run for run in runs if not run.done.is_set()]
    count = f"{len(waiting)} run{'s' if len(waiting) != 1 else ''}"
    common.say(f"interrupt sent to {count}; again to leave what runs running")
    again = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, again.set)
    over = asyncio.gather(*(_stop_and_wait(engine, run) for run in waiting), return_exceptions=True)
    left = asyncio.ensure_future(again.wait())
    await asyncio.wait((over, left), timeout=INTERRUPT_GRACE_S, return_when=asyncio.FIRST_COMPLETED)
    over.cancel()
    left.cancel()
    running = [run for run in waiting if not run.done.is_set()]
    for run in running:
        common.say(f"still running: {run.record.host} (lazytui stop {run.run_id[:8]})")


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


class _Shown:
    """Shows runs as they go on. Each way of showing has its own class."""

    def grew(self, record: RunRecord) -> None:
        """The run's output may have grown."""

    def ended(self, record: RunRecord) -> None:
        """The run is over, its output complete."""

    def close(self) -> None:
        """All runs are over."""


class _Live(_Shown):
    """Output as it comes, whole lines, with the host in front when there are several."""

    def __init__(self, *, prefixed: bool) -> None:
        self._prefixed = prefixed
        self._read: dict[str, int] = {}

    def grew(self, record: RunRecord) -> None:
        self._show(record, whole_lines=self._prefixed or sys.stdout.isatty())

    def ended(self, record: RunRecord) -> None:
        self._show(record, whole_lines=False)
        complain_about(record)

    def _show(self, record: RunRecord, *, whole_lines: bool) -> None:
        try:
            with Path(record.spool).open("rb") as spool:
                spool.seek(self._read.get(record.run_id, 0))
                while data := spool.read(BLOCK):
                    kept = data.rfind(b"\n") + 1 if whole_lines else len(data)
                    if not kept and len(data) == BLOCK:
                        kept = len(data)  # a line longer than a block is shown in pieces
                    if not kept:
                        return
                    spool.seek(kept - len(data), os.SEEK_CUR)
                    prefix = f"{sanitize(record.host)}: " if self._prefixed else ""
                    common.write_output(data[:kept], prefix=prefix)
                    self._read[record.run_id] = spool.tell()
        except FileNotFoundError:
            return


class _Gathered(_Shown):
    """Equal outputs together under a folded node set, when all are over."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._ended: dict[str, RunRecord | None] = dict.fromkeys(hosts)

    def ended(self, record: RunRecord) -> None:
        if record.exit_status is None:
            complain_about(record)
        else:
            self._ended[record.host] = record

    def close(self) -> None:
        gathered = Gather()
        for host, record in self._ended.items():  # in the order asked for, not of their ends
            if record is not None:
                assert record.exit_status is not None
                gathered.add(sanitize(host), record.exit_status, output_of(record))
        common.write_output(render(gathered.groups()))


class _Json(_Shown):
    """One JSON object a line, as runs finish."""

    def ended(self, record: RunRecord) -> None:
        common.print_json(as_json(record, output_of(record)))
        sys.stdout.flush()


def complain_about(record: RunRecord) -> None:
    """Say on stderr how a run failed."""
    if record.state is RunState.SUCCEEDED:
        return
    words = [f"exit {record.exit_status}"] if record.exit_status is not None else []
    words += [record.reason] if record.reason else []
    common.say(f"{record.host}: {record.state}: {', '.join(words)}")


def output_of(record: RunRecord) -> bytes:
    """Read a run's whole output; empty when it has none."""
    try:
        return Path(record.spool).read_bytes()
    except FileNotFoundError:
        return b""


def _shown_by(arguments: argparse.Namespace, hosts: Sequence[str]) -> _Shown:
    if arguments.json:
        return _Json()
    if arguments.gather:
        return _Gathered(hosts)
    return _Live(prefixed=len(hosts) > 1)
