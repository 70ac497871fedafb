"""Job folders of ended runs leave hosts: soon, later when it could not be, never too early."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.engines import ended, engine_on, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm, SSHHost

pytestmark = pytest.mark.sshd


def jobs_of(host: SSHHost) -> Path:
    return host.home / ".local" / "state" / "lazytui" / "jobs"


async def names_when(folder: Path, count: int) -> list[str]:
    """Wait until a host has so many job folders; gives their names."""
    async with asyncio.timeout(20):
        while len(names := sorted(path.name for path in folder.iterdir())) != count:
            await asyncio.sleep(0.05)
    return names


async def test_the_folder_of_an_ended_run_is_gone_soon_and_that_of_a_running_one_stays(
    farm: SSHFarm,
) -> None:
    host = farm.add("node01")
    async with engine_on(farm) as engine:
        running = await start(engine, "node01", "sleep 60")
        over = await start(engine, "node01", "echo over")
        await ended(over)

        assert await names_when(jobs_of(host), 1) == [running.job_id]

        await engine.stop_run(running.run_id, "KILL")
        await ended(running)
        assert await names_when(jobs_of(host), 0) == []


async def test_leaving_right_after_the_end_leaves_nothing_on_the_host(farm: SSHFarm) -> None:
    host = farm.add("node01")
    async with engine_on(farm) as engine:
        await ended(await start(engine, "node01", "echo over"))

    assert list(jobs_of(host).iterdir()) == []


async def test_what_a_crash_left_is_dropped_with_the_next_run_and_strange_jobs_never(
    farm: SSHFarm,
) -> None:
    host = farm.add("node01")
    async with engine_on(farm) as engine:
        first = await ended(await start(engine, "node01", "echo over"))
    left = jobs_of(host) / f"{first.run_id}-0"
    foreign = jobs_of(host) / ("f" * 32 + "-0")
    for folder in (left, foreign):
        folder.mkdir(mode=0o700)
        (folder / "exit").write_text("0 1 5 0\n")

    async with engine_on(farm) as engine:
        await ended(await start(engine, "node01", "echo again"))

        assert await names_when(jobs_of(host), 1) == [foreign.name]
