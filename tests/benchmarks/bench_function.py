"""A trivial Python function on a connected host, to its return in hand, against one python3 a call.

python tests/benchmarks/bench_function.py [rounds]
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import asyncssh
import measure

from lazytui.core import returns
from lazytui.core.engine import Engine
from lazytui.core.paths import Paths
from lazytui.core.settings import Settings
from lazytui.core.task import CommandSpec, RuntimeTask
from lazytui.ssh.config import SSHConfig
from tests.sshd import SSHFarm

HOSTS, CALLS = 16, 1000


def add(a: int, b: int) -> int:
    """What is called."""
    return a + b


async def one(engine: Engine, host: str) -> float:
    """Call it once: pickled, journaled, isolated in its own process, the return read."""
    begin = time.perf_counter()
    task = RuntimeTask().run_function(add, a=1, b=2)
    (run,) = await engine.start_runs(task, [host])
    await run.done.wait()
    assert await returns.values(run.record, run.steps) == [3], run.record
    return time.perf_counter() - begin


async def echo(engine: Engine, host: str) -> float:
    """The command of the same size."""
    begin = time.perf_counter()
    (run,) = await engine.start_runs(CommandSpec("echo hi"), [host])
    await run.done.wait()
    assert run.record.exit_status == 0, run.record
    return time.perf_counter() - begin


async def python(connection: asyncssh.SSHClientConnection) -> float:
    """One python3 a call on an open connection, its answer printed."""
    begin = time.perf_counter()
    done = await connection.run("python3 -c 'print(1+2)'", encoding=None)
    assert done.stdout == b"3\n"
    return time.perf_counter() - begin


async def compare(engine: Engine, farm: SSHFarm, rounds: int) -> None:
    """The three in turn on one host."""
    async with asyncssh.connect("warm001", config=[str(farm.config)]) as connection:
        ours, theirs, commands = [], [], []
        begin = time.perf_counter()
        await one(engine, "warm001")
        first = time.perf_counter() - begin
        for _ in range(rounds):
            ours.append(await one(engine, "warm001"))
            theirs.append(await python(connection))
            commands.append(await echo(engine, "warm001"))
    medians = {
        "execute a function": statistics.median(ours),
        "one python3 a call over ssh": statistics.median(theirs),
        "echo hi as a run": statistics.median(commands),
    }
    measure.report(
        "a trivial function, warm, p50",
        medians,
        "execute a function",
        {"one python3 a call over ssh": 0.15},
    )
    print(f"  the first on a host {1000 * first:.0f} ms")


async def many(engine: Engine) -> None:
    """A thousand calls on sixteen hosts."""
    names = [f"warm{k:03d}" for k in range(1, HOSTS + 1)]
    task = RuntimeTask().run_function(add, a=1, b=2)
    await asyncio.gather(*(one(engine, name) for name in names))
    begin, cpu = time.perf_counter(), time.process_time()
    runs = []
    for _ in range(-(-CALLS // HOSTS)):
        runs += await engine.start_runs(task, names)
    await asyncio.gather(*(run.done.wait() for run in runs))
    seconds, own = time.perf_counter() - begin, time.process_time() - cpu
    assert all(run.record.exit_status == 0 for run in runs)
    print(f"\n{len(runs)} functions on {HOSTS} runtimes: {len(runs) / seconds:.0f} a second")
    print(f"  {1000 * own / len(runs):.2f} ms of the manager's CPU each, of")
    print(
        f"  {1000 * seconds / len(runs):.2f} ms in all; the rest is the hosts', on the same cores"
    )


async def main(rounds: int) -> None:
    """Run all."""
    with tempfile.TemporaryDirectory(prefix="lazytui-bench-", dir="/dev/shm") as folder:
        farm = SSHFarm(Path(folder) / "farm")
        try:
            farm.add_many("warm", HOSTS)
            paths = Paths.of_user(farm.env())
            paths.create()
            config = SSHConfig.load(farm.config, home=farm.home)
            async with Engine(config, Settings(), paths, origin="script", home=farm.home) as engine:
                await engine.detect()
                await compare(engine, farm, rounds)
                await many(engine)
        finally:
            farm.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
