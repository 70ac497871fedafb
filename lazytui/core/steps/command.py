"""The ``run_command`` step: text for ``/bin/sh``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.agent import whole
from lazytui.core.step import CommandSpec

if TYPE_CHECKING:
    from lazytui.core.agent import Agent
    from lazytui.core.frames import Header
    from lazytui.core.live_run import LiveRun


class CommandWork:
    """Starts commands; their exit status tells all."""

    async def start(self, run: LiveRun, agent: Agent, follow: Header) -> None:
        """Ask the host to start the command; see :class:`lazytui.core.steps.job.Work`."""
        spec = run.spec
        assert isinstance(spec, CommandSpec)
        answer = await agent.request(
            "job_start",
            spec.command.encode("utf-8", "surrogateescape"),
            job=run.job_id,
            cwd=run.place.directory(spec.cwd),
            env=run.place.environment(spec.env),
            tty=spec.tty,
            follow=follow,
        )
        run.pid = whole(answer.get("pid", 0)) or None

    async def gather(self, run: LiveRun, agent: Agent, end: Header) -> None:
        """A command leaves nothing but its output."""
