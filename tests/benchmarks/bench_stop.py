"""Stopping 64 running process trees: from the word to the last exit in the journal.

python tests/benchmarks/bench_stop.py [rounds]
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import measure
import psutil

from lazytui.core.engine import Engine
from lazytui.core.paths import Paths
from lazytui.core.settings import Settings
from lazytui.core.task import CommandSpec
from lazytui.ssh.config import SSHConfig
from tests.sshd import SSHFarm

HOSTS = 64
# In the foreground: what a shell has put into the background ignores INT (POSIX).
NAP = "86461"
TREE = f"echo up; sh -c 'sleep {NAP} | sleep {NAP}; :' | sh -c 'sleep {NAP} | sleep {NAP}; :'"
REACH_S = 1.0


async def stop(engine: Engine, names: list[str], signal: str) -> float:
    """Start the trees, wait until all of them are up, and stop them."""
    runs = await engine.start_runs(CommandSpec(TREE), names)
    with engine.events.subscribe() as events:
        while not all(_has_output(run.record.spool) for run in runs):
            await events.drain()
    begin = time.perf_counter()
    await asyncio.gather(*(engine.stop_run(run.run_id, signal) for run in runs))
    await asyncio.gather(*(run.done.wait() for run in runs))
    seconds = time.perf_counter() - begin
    assert {run.record.state for run in runs} == {"cancelled"}, runs[0].record
    naps = [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", NAP]]
    assert not any(nap.status() != psutil.STATUS_ZOMBIE for nap in naps), naps
    return seconds


def _has_output(spool: str) -> bool:
    path = Path(spool)
    return path.exists() and path.stat().st_size > 0


async def main(rounds: int) -> None:
    """Stop them with INT, and with KILL."""
    with tempfile.TemporaryDirectory(prefix="lazytui-bench-", dir="/dev/shm") as folder:
        farm = SSHFarm(Path(folder) / "farm")
        try:
            names = [host.name for host in farm.add_many("warm", HOSTS)]
            paths = Paths.of_user(farm.env())
            paths.create()
            config = SSHConfig.load(farm.config, home=farm.home)
            async with Engine(config, Settings(), paths, origin="script", home=farm.home) as engine:
                await engine.detect()
                for signal in ("INT", "TERM", "KILL"):
                    times = [await stop(engine, names, signal) for _ in range(rounds)]
                    medians = {f"stop with {signal}": statistics.median(times), "reach": REACH_S}
                    title = f"{HOSTS} trees of 7 processes, {signal}, to the last exit recorded"
                    measure.report(title, medians, f"stop with {signal}", {"reach": 1.0})
        finally:
            farm.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
