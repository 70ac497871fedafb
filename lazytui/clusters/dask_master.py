"""Where a Dask scheduler runs: on the manager, or on one of the hosts."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import sys
from typing import TYPE_CHECKING, ClassVar

from lazytui.clusters.base import MasterLauncher
from lazytui.clusters.local import KEPT, RETRY_S, TAIL, LocalProcess
from lazytui.clusters.workers import why
from lazytui.core.script.ports import expose_part
from lazytui.core.script.task import ScriptTask
from lazytui.core.script.together import each
from lazytui.core.script.tracking import start
from lazytui.errors import MasterStartError, NoPortsLeftError, PortInUseError
from lazytui.tables import print_lines
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.script.group import ScriptGroup
    from lazytui.core.script.ports import ScriptExposure
    from lazytui.core.script.runtime import ScriptRuntime

WORK_PATH = "/lazytui/work.json"  # on the dashboard's port: how many tasks wait or run

# Dask's own routes tell no number of queued tasks without a look at each task there is.
_SERVE = """
import sys, types
import dask
from distributed.cli.dask_scheduler import main
from distributed.http.utils import RequestHandler
class Work(RequestHandler):
    def get(self):
        groups = list(self.server.task_groups.values())
        states = ("waiting", "no-worker", "queued", "processing")
        self.write({"tasks": sum(group.states.get(s, 0) for group in groups for s in states)})
routes = types.ModuleType("lazytui_routes")
routes.routes = [("lazytui/work.json", Work, {})]
sys.modules["lazytui_routes"] = routes
KEY = "distributed.scheduler.http.routes"
dask.config.set({KEY: [*dask.config.get(KEY), "lazytui_routes"]})
main()
"""

# On the manager it ends with this process, also when that is killed: its stdin ends then.
_FOLLOW = """
import os, sys, threading
def follow():
    sys.stdin.buffer.read()
    os._exit(0)
threading.Thread(target=follow, daemon=True).start()
"""


def _options(port: int, dashboard_port: int) -> list[str]:
    dashboard = f"--dashboard-address=127.0.0.1:{dashboard_port}"
    return [
        "--host=127.0.0.1",
        f"--port={port}",
        dashboard if dashboard_port else "--no-dashboard",
    ]


class SchedulerLauncher(MasterLauncher):
    """Starts a scheduler, with its dashboard where a port is left for that."""

    title: ClassVar[str] = "scheduler"
    dashboard_port = 0

    async def take_ports(self, runtimes: Sequence[ScriptRuntime], ports: list[int]) -> list[int]:
        """Choose the port of the scheduler and one for the dashboard; gives those that are taken.

        Raises:
            PortInUseError, NoPortsLeftError: none of the ports is free.
            InvalidRuntimeError: a host cannot be asked.
        """
        session = self.runtime_group.session
        (self.port,) = taken = await self.claims.take(session, runtimes, ports, 1)
        self.dashboard_port = 0
        others = [port for port in dict.fromkeys((*ports, *self.spare_ports)) if port != self.port]
        with contextlib.suppress(NoPortsLeftError, PortInUseError):
            (self.dashboard_port,) = await self.claims.take(session, runtimes, others, 1)
            taken.append(self.dashboard_port)
        return taken


class DaskMasterLauncher(SchedulerLauncher):
    """Starts a scheduler on the manager, with its dashboard."""

    async def start(self, ports: list[int], timeout: float = 3, debug: bool = False) -> list[int]:
        """Start it; see :meth:`MasterLauncher.start`. A second port is for the dashboard."""
        taken = await self.take_ports(self.runtime_group.runtimes, ports)
        command = [sys.executable, "-c", _FOLLOW + _SERVE]
        self.process = LocalProcess(
            "the Dask scheduler", [*command, *_options(self.port, self.dashboard_port)]
        )
        await self.process.start(self.port, timeout)
        return [port for port in ports if port not in taken]


class DaskRuntimeMasterLauncher(SchedulerLauncher):
    """Starts a scheduler on a host; it is reached by the same port here and on all other hosts.

    Args:
        runtime_group: the hosts of the cluster.
        host: where it runs; a member of the group, or any other host.
    """

    python: ClassVar[str] = "python3"  # on the host

    def __init__(self, runtime_group: ScriptGroup, host: str) -> None:
        super().__init__(runtime_group)
        self.host = host
        self.task = ScriptTask("dask-scheduler")
        self.exposures: list[ScriptExposure] = []
        self._outside: ScriptRuntime | None = None  # when it is no member

    async def runtime(self) -> ScriptRuntime:
        """Give its host.

        Raises:
            InvalidRuntimeError: it cannot be used.
        """
        group = self.runtime_group
        if group.contains_runtime(self.host):
            return group.get_runtime(self.host)
        if self._outside is None:
            self._outside = await group.session.runtime(self.host)
        return self._outside

    async def start(self, ports: list[int], timeout: float = 3, debug: bool = False) -> list[int]:
        """Start it; see :meth:`MasterLauncher.start`. A second port is for the dashboard."""
        group, runtime = self.runtime_group, await self.runtime()
        others = [member for member in group.runtimes if member.host != self.host]
        taken = await self.take_ports([runtime, *others], ports)
        words = [self.python, "-c", _SERVE, *_options(self.port, self.dashboard_port)]
        self.task.steps = ScriptTask(self.task.name).steps
        self.task.run_command(f"exec {shlex.join(words)}")
        tell = print_lines if debug else None
        try:
            await start(group.session, [(runtime, self.task)], omit_on_join=True, tell=tell)
            await self._wait_until_it_listens(runtime, timeout)
            session, label = group.session, self.label
            self.exposures += await expose_part(session, runtime, others, [self.port], label)
            if self.dashboard_port:
                dashboard = [self.dashboard_port]
                self.exposures += await expose_part(session, runtime, (), dashboard, label)
        except BaseException:
            await self.cleanup()
            raise
        return [port for port in ports if port not in taken]

    async def ended(self) -> str:
        """Wait until its run is over; gives the reason."""
        assert self.task.execution is not None
        record = await self.task.execution.wait()
        if not record.state.is_final:  # it goes on for another process: ours is ending
            await asyncio.Event().wait()
        return f"the Dask scheduler on {self.host} ended: {await why(self.task.execution)}"

    async def printed(self) -> bytes:
        """Give what it printed last."""
        run = self.task.execution
        return b"" if run is None else await run.printed_last(KEPT)

    async def cleanup(self, *signals: str) -> None:
        """End it, and its exposures."""
        if self.task.execution is not None:
            await self.task.execution.stop(*signals)
        exposures, self.exposures = self.exposures, []
        await each(exposures, lambda exposure: exposure.remove())
        await super().cleanup()

    # -- inside

    async def _wait_until_it_listens(self, runtime: ScriptRuntime, timeout: float) -> None:
        run = self.task.execution
        assert run is not None
        try:
            async with asyncio.timeout(timeout):
                while run.is_alive and await runtime.has_free_port(self.port):  # noqa: ASYNC110
                    await asyncio.sleep(RETRY_S)  # a port tells nobody that it opens
        except TimeoutError:
            why_not = f"does not listen on port {self.port} after {timeout:g} s"
        else:
            if run.is_alive:
                return
            why_not = "ended at once"
        said = sanitize((await run.printed_last(TAIL)).decode("utf-8", "replace")).strip()
        words = f"the Dask scheduler on {self.host} {why_not}"
        raise MasterStartError(words + (f"\n{said}" if said else ""))
