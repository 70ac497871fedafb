"""Does the steps that move files: again and again, until the host says how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import posixpath
import time
from typing import TYPE_CHECKING

from lazytui.core.model import RunState
from lazytui.core.run_stop import ENDING
from lazytui.core.step import GetSpec, SendSpec
from lazytui.core.steps.stage import NEVER_STARTED, StepEnd
from lazytui.core.transfer.fetch import Fetching
from lazytui.core.transfer.line import Line
from lazytui.core.transfer.outgoing import Outgoings
from lazytui.core.transfer.progress import Meter, Progress, Transfers
from lazytui.core.transfer.send import Sending
from lazytui.errors import ConnectError, ConnectionLostError, NoSessionError, TransferError
from lazytui.remote.records import record

if TYPE_CHECKING:
    from lazytui.core.agent import Agent
    from lazytui.core.live_run import LiveRun
    from lazytui.core.steps.stage import Stage
    from lazytui.core.transfer.report import Report
    from lazytui.ssh.connection import Connection

TRIES = 5  # in a row that end without the connection being lost
SESSION_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
PAUSE_S = 0.5  # after the first of them, longer after each
WAITING = "connection lost; goes on when the host is back"


class TransferExecutor:
    """Takes steps that send or get files to their end.

    Args:
        stage: what all executors work with.
        transfers: where progress is shown.
    """

    def __init__(self, stage: Stage, transfers: Transfers) -> None:
        self._stage = stage
        self._transfers = transfers
        self._outgoings = Outgoings()

    async def execute(self, run: LiveRun) -> StepEnd:
        """Move the files, however often the connection breaks, or until the run is stopped."""
        stopped = asyncio.Event()
        run.interrupt = lambda name: stopped.set() if name in ENDING else None
        moving = asyncio.ensure_future(self._move_to_the_end(run))
        stopping = asyncio.ensure_future(stopped.wait())
        try:
            await asyncio.wait((moving, stopping), return_when=asyncio.FIRST_COMPLETED)
            if moving.done():
                return moving.result()
        finally:
            stopping.cancel()
            moving.cancel()
            await asyncio.wait((moving,))
        if run.timed_out:
            reason = run.in_step(run.timed_out)
            return StepEnd(RunState.FAILED, None, reason)
        return StepEnd(RunState.CANCELLED, None, "stopped")

    async def _move_to_the_end(self, run: LiveRun) -> StepEnd:
        """Try until there is an answer; where an earlier try ended, the next one goes on."""
        meter = self._transfers.meter(_progress(run))
        tries = 0
        try:
            while True:
                try:
                    agent = await self._stage.agent_for(run)
                except ConnectError as error:
                    return StepEnd(RunState.FAILED, None, f"not reached: {error.reason}")
                if agent is None or (run.unwanted and not run.confirmed):
                    return StepEnd(RunState.CANCELLED, None, run.unwanted or NEVER_STARTED)
                if await self._stage.was_stopped(run):
                    return StepEnd(RunState.CANCELLED, None, "stopped")
                try:
                    return await self._ended(run, await self._try(run, agent, meter))
                except ConnectionLostError as error:
                    tries = 0 if await _is_lost(agent, PAUSE_S * (tries + 1)) else tries + 1
                    if tries == TRIES:
                        raise TransferError(f"gave up after {TRIES} tries: {error}") from error
                    await self._stage.say(run, WAITING if not tries else str(error))
        finally:
            meter.reach("over")

    async def _try(self, run: LiveRun, agent: Agent, meter: Meter) -> Report:
        connection = run.runtime.connection
        if connection is None or agent.lost.is_set():
            raise ConnectionLostError("connection lost")
        run.sent = True
        async with run.runtime.spare_sessions, contextlib.AsyncExitStack() as stack:
            line = await _line(run, connection, stack)
            if not run.confirmed:
                await self._stage.started(run, time.time())
            elif run.record.reason:
                await self._stage.update(run, reason="")
            run.settled.set()
            spec = run.spec
            if isinstance(spec, SendSpec):
                return await self._send(run, spec, line, meter)
            assert isinstance(spec, GetSpec)
            return await _get(run, spec, line, meter)

    async def _send(self, run: LiveRun, spec: SendSpec, line: Line, meter: Meter) -> Report:
        key = (run.record.task_id, run.step, spec)
        outgoing = self._outgoings.join(key, spec.local_path)
        name = posixpath.basename(posixpath.abspath(spec.local_path))
        words = ("take", spec.remote_path or "./", run.place.working_dir or "", name)
        try:
            return await Sending(line, outgoing, meter).send(_request(*words, spec.checksum))
        finally:
            self._outgoings.leave(key, outgoing)

    async def _ended(self, run: LiveRun, report: Report) -> StepEnd:
        """Keep the report as the step's output, and judge by it."""
        self._transfers.over(run.run_id, report)
        spool = self._stage.spool
        size = await spool.size(run.run_id)
        spool.write(run.run_id, size, report.text.encode("utf-8", "replace"))
        await spool.flush(run.run_id)
        if not report.failed:
            return StepEnd(RunState.SUCCEEDED, 0)
        path, reason = report.failed[0]
        more = f" (and {len(report.failed) - 1} more)" if report.failed[1:] else ""
        return StepEnd(RunState.FAILED, None, run.in_step(f"{path}: {reason}{more}"))


async def _line(run: LiveRun, connection: Connection, stack: contextlib.AsyncExitStack) -> Line:
    """Open a channel for files; on a connection of its own where this one has no session left.

    sshd gives a session free only when its process has ended, a moment after its channel: one
    that is refused is asked for again before that.
    """
    for pause_s in SESSION_PAUSES_S:
        with contextlib.suppress(NoSessionError):
            return await stack.enter_async_context(Line(connection, run.runtime.python))
        await asyncio.sleep(pause_s)
    try:
        another = await run.runtime.connect_beside()
    except ConnectError as error:
        raise ConnectionLostError(f"no session for files: {error.reason}") from error
    stack.push_async_callback(another.close)
    return await stack.enter_async_context(Line(another, run.runtime.python))


async def _get(run: LiveRun, spec: GetSpec, line: Line, meter: Meter) -> Report:
    name = posixpath.basename(spec.remote_path.rstrip("/"))
    if name in ("", ".", "..", "~"):
        name = folder_name(run.record.host)
    target = os.fsencode(spec.local_path)
    if spec.per_host:
        target = target.rstrip(b"/") + b"/" + os.fsencode(folder_name(run.record.host)) + b"/"
    fetching = Fetching(line, target, os.fsencode(name), spec.checksum, meter)
    request = _request("give", spec.remote_path, run.place.working_dir or "", name, spec.checksum)
    return await fetching.fetch(request)


def folder_name(host: str) -> str:
    """Give the name of a host's own folder: any alias becomes one name that leads nowhere else."""
    name = host.replace("/", "_").replace("\0", "_")
    return f"_{name}" if name in ("", ".", "..") else name


def _request(op: str, path: str, folder: str, name: str, checksum: bool) -> bytes:
    words = (op, path, folder, name, "1" if checksum else "0")
    return record(b"Q", b"\0".join(map(os.fsencode, words)))


def _progress(run: LiveRun) -> Progress:
    spec = run.spec
    if isinstance(spec, SendSpec):
        source, target = spec.local_path, spec.remote_path or "./"
    else:
        assert isinstance(spec, GetSpec)
        source, target = spec.remote_path, spec.local_path
    return Progress(run.run_id, run.record.host, isinstance(spec, SendSpec), source, target)


async def _is_lost(agent: Agent, wait_s: float) -> bool:
    """Whether the host's connection is gone, or will be within a moment."""
    try:
        async with asyncio.timeout(wait_s):
            await agent.lost.wait()
    except TimeoutError:
        return False
    return True
