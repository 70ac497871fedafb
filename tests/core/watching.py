"""Hosts of a farm that connect by themselves, as the engine keeps them, and what is told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from lazytui.core.events import EventBus, Notice
from lazytui.core.runtime import Runtime
from lazytui.core.settings import ConnectSettings, Settings
from lazytui.ssh.config import SSHConfig
from lazytui.ssh.credentials import NobodyAsks
from lazytui.ssh.late_connector import LateConnector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from lazytui.core.events import Subscription
    from lazytui.core.model import HostState
    from tests.sshd import SSHFarm

QUICK = ConnectSettings(
    timeout_s=0.5,
    keepalive_s=0.2,
    keepalive_count=2,
    backoff_first_s=0.05,
    backoff_max_s=0.2,
)
PATIENT = replace(QUICK, timeout_s=10.0, keepalive_s=60.0)


class Watched:
    """Hosts that connect by themselves, and what is told of them."""

    def __init__(self, runtimes: Mapping[str, Runtime], told: Subscription) -> None:
        self.runtimes = runtimes
        self.notices: list[str] = []
        self._told = told

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that an event tells of."""
        try:
            async with asyncio.timeout(30):
                while not condition():
                    event = await self._told.get()
                    if isinstance(event, Notice):
                        self.notices.append(event.text)
        except TimeoutError:
            seen = {r.host: (str(r.state), r.reason, list(r.log)) for r in self.runtimes.values()}
            raise AssertionError(f"never so: {seen}, {self.notices}") from None

    async def until_all(self, state: HostState) -> None:
        """Wait until every host is in one state."""
        await self.until(lambda: all(host.state is state for host in self.runtimes.values()))


@asynccontextmanager
async def watching(
    farm: SSHFarm,
    *names: str,
    connect: ConnectSettings = PATIENT,
    pythons: Mapping[str, str] | None = None,
    metrics_s: float = 0.0,
) -> AsyncIterator[Watched]:
    """Connect to hosts and stay connected; everything is closed at the end."""
    hosts = {name: {"python": python} for name, python in (pythons or {}).items()}
    settings = Settings(connect=connect, hosts=hosts)
    config = SSHConfig.load(farm.config, home=farm.home)
    connector = LateConnector(config, connect, NobodyAsks(), home=farm.home)
    events = EventBus()
    runtimes = {name: Runtime(name, None, connector, settings, events) for name in names}
    with events.subscribe() as told:
        async with asyncio.TaskGroup() as group:
            tasks = []
            for runtime in runtimes.values():
                runtime.persistent = True
                runtime.set_metrics_interval(metrics_s)
                tasks.append(group.create_task(runtime.supervise()))
            try:
                yield Watched(runtimes, told)
            finally:
                for task in tasks:
                    task.cancel()
        await connector.close()


def script(path: Path, text: str) -> Path:
    """Write a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
