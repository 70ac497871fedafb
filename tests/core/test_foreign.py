"""What scripts and command lines do with the same journal is seen by an engine with a screen."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.core.events import OutputGrew
from lazytui.core.model import RunRecord, RunState
from tests.engines import engine_on, lazytui, lazytui_started

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.engine import Engine
    from tests.sshd import SSHFarm


async def seen(engine: Engine, is_so: Callable[[RunRecord], bool]) -> RunRecord:
    """Wait until the newest run that the engine knows is as wanted."""
    async with asyncio.timeout(60):
        with engine.events.subscribe() as events:
            while not (known := engine.runs.records(1)) or not is_so(known[0]):
                await events.drain()
    return known[0]


async def test_a_run_of_another_process_is_seen_from_its_start_to_its_end(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm, watching=True) as engine:
        command = "echo begun; until [ -e go ]; do sleep 0.02; done"
        with lazytui_started(farm, "run", "-w", "gpu01", "--", command) as other:
            running = await seen(engine, lambda run: run.state is RunState.RUNNING)
            busy = engine.runtime("gpu01").alive_runs
            (host.home / "go").touch()
            ended = await seen(engine, lambda run: run.state.is_final)
            other.communicate()

        assert running.name.startswith("echo begun")
        assert (busy, engine.runtime("gpu01").alive_runs) == (1, 0)
        assert ended.state is RunState.SUCCEEDED


async def test_the_output_of_another_process_is_told_as_it_grows(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm, watching=True) as engine:
        command = "echo begun; until [ -e go ]; do sleep 0.02; done; echo over"
        with engine.events.subscribe() as events:
            with lazytui_started(farm, "run", "-w", "gpu01", "--", command) as other:
                sizes: list[int] = []
                async with asyncio.timeout(60):
                    while sizes[-1:] != [len("begun\nover\n")]:
                        for event in await events.drain():
                            if isinstance(event, OutputGrew):
                                sizes.append(event.size)
                        if sizes == [len("begun\n")]:
                            (host.home / "go").touch()
                other.communicate()

    assert sizes == [len("begun\n"), len("begun\nover\n")]


async def test_a_run_of_another_process_may_be_stopped_here(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm, watching=True) as engine:
        with lazytui_started(farm, "run", "-w", "gpu01", "--", "sleep 600") as other:
            run = await seen(engine, lambda run: run.state is RunState.RUNNING)
            await engine.stop_run(run.run_id, "TERM")
            ended = await seen(engine, lambda run: run.state.is_final)
            other.communicate()

    assert ended.state is RunState.CANCELLED


async def test_a_run_whose_process_is_killed_is_adopted_and_taken_to_its_end(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm, watching=True) as engine:
        command = "echo begun; until [ -e go ]; do sleep 0.02; done; echo over"
        with lazytui_started(farm, "run", "-w", "gpu01", "--", command) as other:
            run = await seen(engine, lambda run: run.state is RunState.RUNNING)
            other.send_signal(signal.SIGKILL)
            other.communicate()
        async with asyncio.timeout(60):
            with engine.events.subscribe() as events:
                while (live := engine.runs.live(run.run_id)) is None:
                    await events.drain()
            (host.home / "go").touch()
            await live.done.wait()
        busy = engine.runtime("gpu01").alive_runs

    assert live.record.state is RunState.SUCCEEDED
    assert Path(run.spool).read_bytes() == b"begun\nover\n"
    assert busy == 0


async def test_runs_of_this_engine_are_not_mistaken_for_those_of_others(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm, watching=True) as engine:
        (own,) = await engine.run_command("true", ["gpu01"])
        async with asyncio.timeout(60):
            while (live := engine.runs.live(own.run_id)) is not None:
                await live.done.wait()
        await asyncio.to_thread(lazytui, farm, "run", "-w", "gpu01", "--", "echo other")
        other = await seen(engine, lambda run: run.name == "echo other" and run.state.is_final)

        assert [run.run_id for run in engine.runs.records()] == [other.run_id, own.run_id]
        assert engine.runs.get(own.run_id).state is RunState.SUCCEEDED


async def test_a_group_that_another_process_adds_is_told(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")

    async with engine_on(farm, watching=True) as engine:
        with engine.events.subscribe() as events:
            await asyncio.to_thread(lazytui, farm, "groups", "add", "train", "gpu01")
            async with asyncio.timeout(60):
                while "train" not in [group.name for group in engine.groups_now()]:
                    await events.drain()

        assert [group.hosts for group in engine.groups_now()] == [("gpu01",)]
