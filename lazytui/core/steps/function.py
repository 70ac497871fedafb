"""The ``run_function`` step: a pickled function, called in a process of its own on the host."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lazytui.core import returns
from lazytui.core.agent import whole
from lazytui.core.model import RunState
from lazytui.core.step import FunctionSpec
from lazytui.core.steps.stage import StepEnd
from lazytui.errors import AgentError, PythonMismatchError

if TYPE_CHECKING:
    from lazytui.core.agent import Agent
    from lazytui.core.frames import Header
    from lazytui.core.live_run import LiveRun
    from lazytui.core.payloads import Payloads
    from lazytui.core.steps.stage import Stage

PIECE = 512 * 1024  # bytes of a function in one frame; more goes ahead in pieces
RESULT_PIECE = 256 * 1024  # the same of what it returns
NO_RETURN = "the function ended its process without returning"
NO_ROOM_S = 1.0
STARTS = 3


class FunctionWork:
    """Starts functions, and gets what they return.

    Args:
        stage: what all executors work with.
        payloads: has what functions are made of.
    """

    def __init__(self, stage: Stage, payloads: Payloads) -> None:
        self._stage = stage
        self._payloads = payloads

    async def start(self, run: LiveRun, agent: Agent, follow: Header) -> None:
        """Ask the host to call the function; see :class:`lazytui.core.steps.job.Work`.

        Raises:
            PythonMismatchError: the host has no Python that can read it.
            UsageError: what it is made of is not here any more.
        """
        spec = run.spec
        assert isinstance(spec, FunctionSpec)
        python = await _interpreter(run, agent, spec.python)
        payload = spec.payload
        if payload is None:
            payload = await asyncio.to_thread(self._payloads.read, spec)
        if spec.size > PIECE:
            for at in range(0, spec.size, PIECE):
                piece = payload[at : at + PIECE]
                await agent.request("function_put", piece, job=run.job_id, off=at)
            payload = b""
        answer = await _asked(
            agent,
            payload,
            job=run.job_id,
            size=spec.size,
            python=python,
            version=spec.python,
            cwd=run.place.directory(spec.cwd),
            env=run.place.environment(spec.env),
            follow=follow,
        )
        run.pid = whole(answer.get("pid", 0)) or None

    async def gather(self, run: LiveRun, agent: Agent, end: Header) -> StepEnd | None:
        """Keep what it returned or raised; see :class:`lazytui.core.steps.job.Work`."""
        status, job = int(end["rc"]), run.job_id
        if "result" not in end:
            if status:
                return None
            return StepEnd(RunState.FAILED, status, run.in_step(NO_RETURN), job)
        data = await _result(run, agent, end)
        await self._keep(run, data)
        raised = returns.raised(data)
        if raised is None:
            return None
        return StepEnd(RunState.FAILED, status, run.in_step(raised.line), job)

    async def _keep(self, run: LiveRun, data: bytes) -> None:
        """Write it beside the spool, however long the disk refuses it."""
        path = returns.return_path(run.record.spool, run.step)
        while True:
            try:
                await asyncio.to_thread(returns.keep, path, data)
                return
            except OSError as error:
                await self._stage.say(run, f"the result cannot be written here: {error.strerror}")
                await asyncio.sleep(NO_ROOM_S)


async def _asked(agent: Agent, payload: bytes, **fields: Any) -> Header:
    """Ask for the start, again if what waits there for functions was killed at that moment."""
    for _ in range(STARTS - 1):
        try:
            return await agent.request("function_start", payload, **fields)
        except AgentError as error:
            if error.kind != "died":
                raise
    return await agent.request("function_start", payload, **fields)


async def _result(run: LiveRun, agent: Agent, end: Header) -> bytes:
    """Get what was returned: a little comes with the end, more is asked for in pieces."""
    size = int(end["result"])
    data = bytearray(end.get("payload", b""))
    while len(data) < size:
        answer = await agent.request("job_result", job=run.job_id, off=len(data), n=RESULT_PIECE)
        piece = answer.get("payload", b"")
        if not piece:
            raise AgentError(f"of what the function returned only {len(data)} bytes are there")
        data += piece
    return bytes(data)


async def _interpreter(run: LiveRun, agent: Agent, wanted: str) -> str | None:
    """Give the Python of the host that can read our functions; None for the one of the agent.

    Raises:
        PythonMismatchError: there is none.
    """
    info = run.runtime.info
    found = info.python_version if info is not None else ""
    if found.startswith(f"{wanted}."):
        return None
    name = f"python{wanted}"
    answer = await agent.request("which", names=[name])
    path = (answer.get("found") or {}).get(name)
    if path is None:
        raise PythonMismatchError(
            f"{run.record.host} has Python {found}, the function was made by Python {wanted}, and"
            f" there is no {name} on its PATH: install it there, or set python to its path in"
            f' [hosts."{run.record.host}"] of the config'
        )
    return str(path)
