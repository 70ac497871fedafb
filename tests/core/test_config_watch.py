"""The ssh config changes while the engine runs: hosts come, go and move; a mistake harms none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from lazytui.core import config_watch
from lazytui.core.events import HostsChanged, Notice
from lazytui.core.model import HostState, RunState
from tests.engines import ended, engine_on, grown, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.engine import Engine
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_watch, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(config_watch, "SETTLE_S", 0.05)


async def until(engine: Engine, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        with engine.events.subscribe() as events:
            while not holds():
                await events.drain()


def is_up(engine: Engine, host: str) -> Callable[[], bool]:
    return lambda: host in engine.runtimes and engine.runtimes[host].state is HostState.ACTIVE


async def test_a_host_that_is_added_to_the_file_comes_up(farm: SSHFarm) -> None:
    first = farm.add("gpu01")

    async with engine_on(farm, watching=True) as engine:
        await until(engine, is_up(engine, "gpu01"))
        farm.add("gpu02")
        await until(engine, is_up(engine, "gpu02"))
        hosts = list(engine.runtimes)

    assert hosts == ["gpu01", "gpu02"]
    assert first.connections() == 1


async def test_a_host_that_is_taken_out_goes_when_its_runs_have_ended(farm: SSHFarm) -> None:
    farm.add("gpu01")
    gone = farm.add("gpu02")

    async with engine_on(farm, watching=True) as engine:
        await until(engine, is_up(engine, "gpu02"))
        run = await start(engine, "gpu02", "echo up; while [ ! -e go ]; do sleep 0.05; done")
        await grown(engine, run, 3)
        text = farm.config.read_text()
        farm.config.write_text(text[: text.index("Host gpu02")])
        await until(engine, lambda: "gpu02" not in engine.runtimes)
        (gone.home / "go").touch()
        record = await ended(run)

    assert record.state is RunState.SUCCEEDED


async def test_a_host_that_nothing_needs_is_disconnected_when_it_is_taken_out(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")
    gone = farm.add("gpu02")

    async with engine_on(farm, watching=True) as engine:
        await until(engine, is_up(engine, "gpu02"))
        text = farm.config.read_text()
        farm.config.write_text(text[: text.index("Host gpu02")])
        await until(engine, lambda: "gpu02" not in engine.runtimes)
        async with asyncio.timeout(20):
            while gone.session_pids():
                await asyncio.sleep(0.02)


async def test_a_host_that_moved_is_connected_where_it_is_now(farm: SSHFarm) -> None:
    farm.add("gpu01")
    other = farm.add("elsewhere")

    async with engine_on(farm, watching=True) as engine:
        await until(engine, is_up(engine, "gpu01"))
        old = engine.runtimes["gpu01"].options.hostname
        text = farm.config.read_text().replace(old, other.address)
        text = text.replace(str(engine.runtimes["gpu01"].options.port), str(other.port))
        farm.config.write_text(text)
        await until(engine, lambda: engine.runtimes["gpu01"].options.hostname == other.address)
        await until(engine, is_up(engine, "gpu01"))
        record = await ended(await start(engine, "gpu01", "touch here"))

    assert record.state is RunState.SUCCEEDED
    assert (other.home / "here").exists()


async def test_a_file_with_a_mistake_keeps_the_hosts_and_says_where_it_is(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    text = farm.config.read_text()

    async with engine_on(farm, watching=True) as engine:
        await until(engine, is_up(engine, "gpu01"))
        with engine.events.subscribe() as events:
            farm.config.write_text("Host new\n    Prot 22\n")
            told: list[Notice] = []
            while not told:
                told = [e for e in await events.drain() if isinstance(e, Notice)]
        problems = [str(problem) for problem in engine.problems]
        hosts = list(engine.runtimes)
        with engine.events.subscribe() as events:
            farm.config.write_text(text + "\nHost new\n    HostName 127.0.0.9\n")
            while not any(isinstance(e, HostsChanged) for e in await events.drain()):
                pass
            await until(engine, lambda: "new" in engine.runtimes)

    place = f"{farm.config}:2: "
    assert told[0].text.startswith(place)
    assert told[0].text.endswith("; the hosts stay as they were")
    assert [problem for problem in problems if problem.startswith(place)]
    assert hosts == ["gpu01"]
    assert not [p for p in engine.problems if str(p).startswith(place)]
    assert host.connections() == 1


async def test_a_file_that_only_looks_different_changes_nothing(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm, watching=True) as engine:
        await until(engine, is_up(engine, "gpu01"))
        runtime = engine.runtimes["gpu01"]
        with engine.events.subscribe() as events:
            farm.config.write_text("# a comment\n" + farm.config.read_text())
            while not any(isinstance(e, HostsChanged) for e in await events.drain()):
                pass
        record = await ended(await start(engine, "gpu01", "true"))

    assert record.state is RunState.SUCCEEDED
    assert engine.runtimes["gpu01"] is runtime
    assert host.connections() == 1
