"""Running commands on connected hosts, and output into the spool, against OpenSSH.

python tests/benchmarks/bench_run.py [rounds]
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from measure import report, timed

from lazytui.core.engine import Engine
from lazytui.core.paths import Paths
from lazytui.core.settings import Settings
from lazytui.core.task import CommandSpec
from lazytui.ssh.config import SSHConfig
from tests.sshd import SSHFarm

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HOSTS = 64
BIG = 200_000_000


def rss() -> int:
    """Resident memory of this process in bytes."""
    return int(psutil.Process().memory_info().rss)


async def interleave(
    cases: dict[str, Callable[[], Awaitable[float]]], rounds: int
) -> dict[str, float]:
    """Run the cases in turn; give the median of each."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            times[name].append(await case())
    return {name: sorted(values)[len(values) // 2] for name, values in times.items()}


async def echo(engine: Engine, farm: SSHFarm, rounds: int) -> None:
    """`echo hi` as a journaled run on 64 runtimes, to the last result."""
    names = [f"warm{k:03d}" for k in range(1, HOSTS + 1)]
    mux = ["-o", "ControlMaster=auto", "-o", f"ControlPath={farm.root}/m%n"]
    mux += ["-o", "ControlPersist=600"]
    ssh = ["ssh", "-F", str(farm.config), *mux, "{}", "echo", "hi"]
    argv = ["xargs", "-P32", "-I{}", *ssh]
    env = farm.env()

    async def ours() -> float:
        begin = time.perf_counter()
        runs = await engine.start_runs(CommandSpec("echo hi"), names)
        await asyncio.gather(*(run.done.wait() for run in runs))
        seconds = time.perf_counter() - begin
        assert all(run.record.exit_status == 0 for run in runs), runs[0].record
        return seconds

    async def theirs() -> float:
        return await asyncio.to_thread(timed, argv, env, stdin="\n".join(names))

    await theirs()  # opens the master connections
    await ours()  # loads the job part of the agents
    medians = await interleave({"lazytui run": ours, "ssh mux xargs -P32": theirs}, rounds)
    report("echo hi on 64", medians, "lazytui run", {"ssh mux xargs -P32": 0.5})
    for name in names:
        subprocess.run(
            ["ssh", "-F", str(farm.config), *mux, "-O", "exit", name],
            env=env,
            stderr=subprocess.DEVNULL,
            check=False,
        )


async def big(engine: Engine, farm: SSHFarm, rounds: int) -> None:
    """200 MB of lines of one command into the spool."""
    line = "x" * 78
    command = f"yes {line} | head -c {BIG}"
    target = farm.root / "peer.out"
    ssh = f"ssh -F {farm.config} warm001 '{command}' > {target}"
    base = rss()
    peak = base

    async def ours() -> float:
        nonlocal peak
        begin = time.perf_counter()
        (run,) = await engine.start_runs(CommandSpec(command), ["warm001"])
        while not run.done.is_set():
            peak = max(peak, rss())
            await asyncio.wait([asyncio.ensure_future(run.done.wait())], timeout=0.05)
        seconds = time.perf_counter() - begin
        spool = Path(run.record.spool)
        assert spool.stat().st_size == BIG, spool.stat()
        spool.unlink()
        return seconds

    async def theirs() -> float:
        seconds = await asyncio.to_thread(timed, ["sh", "-c", ssh], farm.env())
        assert target.stat().st_size == BIG
        return seconds

    medians = await interleave({"lazytui run": ours, "ssh host cmd > file": theirs}, rounds)
    report("200 MB into the spool", medians, "lazytui run", {"ssh host cmd > file": 1 / 0.9})
    print(f"  speed {BIG / medians['lazytui run'] / 1e6:.0f} MB/s", end="")
    print(f", memory growth {(peak - base) / 1e6:.0f} MB (reach <= 60 MB)")


async def idle_memory(farm: SSHFarm) -> None:
    """Memory of a connected idle runtime, its agent running and metrics on."""
    farm.add_many("idle", 128)
    config = SSHConfig.load(farm.config)
    paths = Paths.of_user()
    async with Engine(config, Settings(), paths) as engine:
        await engine.detect(["idle001", "idle002"])
        await asyncio.sleep(5)
        before = rss()
        names = [f"idle{k:03d}" for k in range(3, 129)]
        await engine.detect(names)
        engine.watch_metrics()
        await asyncio.sleep(6)
        grown = (rss() - before) / len(names) / 1024
        agents = [
            p.memory_full_info()
            for p in psutil.process_iter(["cmdline"])
            if "sys.stdin.buffer.read(" in " ".join(p.info["cmdline"] or ())
        ]
    print("\nmemory per connected idle runtime, metrics on")
    print(f"  manager {grown:.1f} KiB (reach <= 45 KiB, 0.75x of paramiko's 60)")
    if agents:
        mean = sum(a.rss for a in agents) / len(agents) / 1e6
        own = sum(a.uss for a in agents) / len(agents) / 1e6
        print(f"  agent on the host: {mean:.1f} MB resident, {own:.1f} MB its own")


async def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="lazytui-bench-", dir="/dev/shm") as folder:
        farm = SSHFarm(Path(folder) / "farm")
        os.environ.update(farm.env())
        try:
            farm.add_many("warm", HOSTS)
            paths = Paths.of_user()
            paths.create()
            async with Engine(SSHConfig.load(farm.config), Settings(), paths) as engine:
                await engine.detect()
                await echo(engine, farm, rounds)
                await big(engine, farm, rounds)
            await idle_memory(farm)
        finally:
            farm.close()


if __name__ == "__main__":
    asyncio.run(main())
