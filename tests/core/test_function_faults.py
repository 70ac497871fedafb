"""What functions do to their hosts, and what breaks around them: the run ends as it should."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from lazytui.core.model import RunState
from lazytui.core.plan import Plan
from lazytui.core.task import RuntimeTask
from tests.core.test_functions import returned, waits
from tests.core.test_functions import start as call
from tests.core.test_transfer_faults import agent_of
from tests.disks import fill, small_disk
from tests.engines import ended, engine_on, grown, output, paths_of
from tests.leftovers import is_alive

if TYPE_CHECKING:
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd

MIB = 1 << 20
GB = 1_000_000_000


async def test_a_function_that_prints_a_gigabyte_piles_up_nowhere(farm: SSHFarm) -> None:
    farm.add("node01")
    this = psutil.Process()

    def prints(size: int) -> str:
        block = b"x" * 1_000_000
        for _ in range(size // len(block)):
            os.write(1, block)
        return "printed"

    async with engine_on(farm) as engine:
        await ended(await call(engine, prints, size=20_000_000))  # warm
        before = peak = this.memory_info().rss
        run = await call(engine, prints, size=GB)
        with engine.events.subscribe() as events:
            while not run.done.is_set():
                await events.drain()
                peak = max(peak, this.memory_info().rss)
        back = await returned(run)

    spool = Path(run.record.spool)
    assert (back, spool.stat().st_size) == (["printed"], GB)
    spool.unlink()
    assert peak - before < 60 * MIB


async def test_children_that_a_function_leaves_behind_keep_nobody_waiting(farm: SSHFarm) -> None:
    farm.add("node01")

    def leaves() -> int:
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
        return child

    async with engine_on(farm) as engine:
        run = await call(engine, leaves)
        (child,) = await returned(run)

        lived = is_alive(child)
        os.kill(child, signal.SIGKILL)

    assert lived
    assert run.record.state is RunState.SUCCEEDED


async def test_stopping_a_function_ends_its_children_and_the_programs_they_started(
    farm: SSHFarm,
) -> None:
    farm.add("node01")

    def forks() -> None:
        for _ in range(3):
            if not os.fork():
                program = subprocess.Popen(["sleep", "60"])
                print(os.getpid(), program.pid, flush=True)
                program.wait()
        time.sleep(60)

    async with engine_on(farm) as engine:
        run = await call(engine, forks)
        async with asyncio.timeout(20):
            with engine.events.subscribe() as events:
                while output(run).count(b"\n") < 3:
                    await events.drain()
        pids = [int(word) for word in output(run).split()]
        lived = [is_alive(pid) for pid in pids]
        await engine.stop_run(run.run_id, "KILL")
        record = await ended(run)

        async with asyncio.timeout(20):
            while any(map(is_alive, pids)):
                await asyncio.sleep(0.01)

    assert lived == [True] * 6
    assert (record.state, record.exit_status) == (RunState.CANCELLED, 137)


async def test_a_function_that_never_returns_and_heeds_nothing_is_ended_when_its_time_is_over(
    farm: SSHFarm,
) -> None:
    farm.add("node01")

    def never_returns() -> None:
        while True:
            try:
                time.sleep(60)
            except KeyboardInterrupt:
                print("not me", flush=True)

    task = RuntimeTask().run_function(never_returns)
    async with engine_on(farm) as engine:
        (run,) = await engine.start_runs(task, ["node01"], plan=Plan(timeout_s=0.5))
        record = await ended(run)

    assert (record.state, record.exit_status) == (RunState.FAILED, 137)
    assert record.reason == "timed out after 0.5 s"
    assert output(run).startswith(b"not me\n")


async def test_a_function_whose_agent_is_killed_is_called_once_and_its_return_arrives(
    farm: SSHFarm,
) -> None:
    host = farm.add("node01")
    async with engine_on(farm) as engine:
        run = await call(engine, waits)
        await grown(engine, run, 8)
        agent_of(host).kill()
        (host.home / "go").touch()

        assert await returned(run) == ["done"]

    assert (host.home / "calls").read_text() == "x"
    assert output(run) == b"waiting\nwent on\n"


async def test_a_return_for_which_there_is_no_room_here_is_waited_for(farm: SSHFarm) -> None:
    farm.add("node01")
    paths = paths_of(farm)

    async with engine_on(farm) as engine:
        with small_disk(paths.spool_dir, "256k"), engine.events.subscribe() as events:
            run = await call(engine, lambda: bytes(100_000))
            ballast = fill(paths.spool_dir)
            async with asyncio.timeout(20):
                while "cannot be written here" not in run.record.reason:
                    await events.drain()
            assert not run.record.state.is_final
            ballast.unlink()

            assert await returned(run) == [bytes(100_000)]

    assert (run.record.state, run.record.reason) == (RunState.SUCCEEDED, "")


async def test_a_broken_cloudpickle_of_the_host_harms_no_call(farm: SSHFarm) -> None:
    home = farm.root / "pythons"
    home.mkdir()
    (home / "cloudpickle.py").write_text("raise RuntimeError('of another time')\n")
    login = f"HOME={farm.root}/hosts/node01/home PATH={Path(sys.executable).parent}:/usr/bin:/bin"
    farm.add("node01", options=[f"SetEnv {login} PYTHONPATH={home}"])
    step = 2

    def adds(number: int) -> tuple[int, str]:
        return number + step, os.environ["PYTHONPATH"]

    async with engine_on(farm) as engine:
        run = await call(engine, adds, number=1)

        assert await returned(run) == [(3, str(home))]
