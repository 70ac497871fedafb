"""Figures of the core: spool, journal, node sets, gathering, imports.

Run: python tests/benchmarks/bench_core.py. Medians of several rounds; ratios against a peer in
the same run, since absolute figures depend on the machine.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.core.gather import gather
from lazytui.core.journal import Journal, owner_me
from lazytui.core.model import RunState
from lazytui.core.spool import SpoolWriter
from lazytui.core.where import expand, fold

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 5
BLOCK = os.urandom(64 * 1024)
BLOCKS = 8192  # 512 MiB
CREDIT = 4 * 1024 * 1024


def median_s(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Give the median duration of some work in seconds."""
    durations = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations)


def plain_write(folder: Path) -> None:
    """Write the same bytes with one plain loop, for comparison."""
    path = folder / "plain"
    with path.open("wb", buffering=0) as file:
        for _ in range(BLOCKS):
            file.write(BLOCK)
    path.unlink()


async def spool_write(folder: Path) -> None:
    """Write through the spool, with at most one credit in the queue, as an engine does."""
    room = asyncio.Event()
    in_queue = 0

    def grew(run_id: str, size: int, new: int) -> None:
        nonlocal in_queue
        in_queue -= new
        room.set()

    async with SpoolWriter(folder, on_growth=grew, on_trouble=print) as writer:
        await writer.size("run")
        for i in range(BLOCKS):
            while in_queue >= CREDIT:
                room.clear()
                await room.wait()
            in_queue += len(BLOCK)
            writer.write("run", i * len(BLOCK), BLOCK)
        await writer.flush("run")
        writer.path("run").unlink()


async def broadcast(folder: Path, hosts: int) -> tuple[float, float]:
    """Record a broadcast: its begin, and the start and end of each run; in seconds."""
    async with Journal(folder / "journal.db") as journal:
        start = time.perf_counter()
        names = [f"h{i}" for i in range(hosts)]
        step = {"kind": "command", "command": "true"}
        _, runs = await journal.new_task("t", [step], names, owner_me(), "script")
        begun = time.perf_counter()
        for state in (RunState.RUNNING, RunState.SUCCEEDED):
            await asyncio.gather(*(journal.update_run(run, state=state) for run in runs))
        return begun - start, time.perf_counter() - begun


def commit_each(folder: Path, hosts: int) -> None:
    """Write twice for each host with a commit for each, by SQLite's defaults, for comparison."""
    connection = sqlite3.connect(folder / "each.db", isolation_level=None)
    connection.execute("CREATE TABLE IF NOT EXISTS r (id INTEGER PRIMARY KEY, s TEXT)")
    for i in range(2 * hosts):
        connection.execute("INSERT OR REPLACE INTO r VALUES (?, 'x')", (i % hosts,))
    connection.close()


def import_ms(module: str) -> float:
    """Give what importing a module costs beyond starting Python, in milliseconds."""

    def run(code: str) -> float:
        return median_s(lambda: subprocess.run([sys.executable, "-c", code], check=True), 9)

    return 1000 * (run(f"import {module}") - run("pass"))


def report(what: str, value: str) -> None:
    """Print one line."""
    print(f"{what:<58}{value:>28}")


def main() -> None:
    """Print all figures."""
    mib = BLOCKS * len(BLOCK) / 1024**2
    for name, base in (("tmpfs", "/dev/shm"), ("disk", None)):
        if base and not Path(base).is_dir():
            continue
        with tempfile.TemporaryDirectory(dir=base) as temporary:
            folder = Path(temporary)
            plain = median_s(lambda f=folder: plain_write(f))
            spool = median_s(lambda f=folder: asyncio.run(spool_write(f)))
            speeds = f"{mib / spool:,.0f} MiB/s ({plain / spool:.2f}x plain)"
            report(f"spool, 64 KiB blocks, 4 MiB credit, {name}", speeds)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        times = [asyncio.run(broadcast(folder, 1000)) for _ in range(ROUNDS)]
        new, updates = (1000 * statistics.median(column) for column in zip(*times, strict=True))
        each = 1000 * median_s(lambda: commit_each(folder, 1000))
        report("journal: new task with 1,000 runs", f"{new:.1f} ms")
        report("journal: 2,000 updates", f"{updates:.1f} ms ({each / updates:.1f}x a commit each)")
    names = [f"gpu{i:04d}" for i in range(1000)]
    report("fold 1,000 names", f"{1000 * median_s(lambda: fold(names)):.1f} ms")
    report("expand 1,000 names", f"{1000 * median_s(lambda: expand('gpu[0000-0999]')):.1f} ms")
    results = [(name, 0, BLOCK) for name in names]
    report("gather 1,000 outputs of 64 KiB", f"{1000 * median_s(lambda: gather(results)):.1f} ms")
    for module in ("where", "settings", "journal_db", "journal", "spool"):
        report(f"import lazytui.core.{module}", f"{import_ms(f'lazytui.core.{module}'):.0f} ms")


if __name__ == "__main__":
    main()
