"""The screen: keys with a thousand live hosts, processor time at rest, and the first paint.

python tests/benchmarks/bench_screen.py [keys] [rest seconds] [starts]

The peer is Textual's own DataTable with as many rows that never change. Everything is drawn for
real: a driver takes what a terminal would get, and notes when.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

from measure import interleave, report, with_path
from textual import events
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver
from textual.widgets import DataTable

from lazytui.core.events import RuntimeChanged
from lazytui.tui.app import LazytuiApp
from tests.tui.fake_engine import FakeEngine, metrics, up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

SIZE = (130, 34)
METRICS_S = 2.0
TICK_S = 0.1
PAUSE_S = 0.03  # between a paint and the next key: somebody holds the key down
TABLE = """
from textual.app import App
from textual.widgets import DataTable
class Table(App):
    def compose(self):
        yield DataTable(cursor_type="row")
    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("host", "state", "cpu", "mem", "gpu", "vram", "disk", "tasks")
        for n in range(256):
            table.add_row(f"host{n:04}", "up", "71%", "41%", "0/4", "38G", "62%", "0")
Table().run()
"""


class Terminal(HeadlessDriver):
    """A driver for a terminal that nobody sees; tells when it is written to."""

    written: Callable[[], None] | None = None

    @property
    def is_headless(self) -> bool:
        return False

    def _get_terminal_size(self) -> tuple[int, int]:
        return SIZE

    def write(self, data: str) -> None:
        if data and Terminal.written:
            Terminal.written()


class Table(App[None]):
    """The peer: rows that never change."""

    def compose(self):
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("host", "state", "cpu", "mem", "gpu", "vram", "disk", "tasks")
        for number in range(1000):
            table.add_row(f"node{number:04}", "● up", "71%", "41%", "0/4", "38G", "62%", "0")


def hosts(count: int) -> FakeEngine:
    """Give an engine with so many hosts that are up."""
    engine = FakeEngine()
    for number in range(count):
        engine.add(up(f"node{number:04}", 0.71, 0.41, 0.62, (0.9, 0.9), (0.1, 0.1)))
    return engine


async def feed(engine: FakeEngine) -> None:
    """Give every host a new sample every METRICS_S, spread over the time as in a real cluster."""
    samples = [metrics(load / 10, gpus=((load / 10, 0.5),)) for load in range(10)]
    names = list(engine.runtimes)
    ticks = round(METRICS_S / TICK_S)
    number = 0
    while True:
        for host in names[number % ticks :: ticks]:
            runtime = engine.runtimes[host]
            runtime.metrics = samples[(number + len(host)) % 10]
            runtime.series.add(runtime.metrics)
            engine.events.publish(RuntimeChanged(host))
        number += 1
        await asyncio.sleep(TICK_S)


@contextlib.asynccontextmanager
async def running(app: App[None]) -> AsyncIterator[App[None]]:
    """Run an app until the end of the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(app.run_async(mouse=False))
        await asyncio.sleep(2.0)
        try:
            yield app
        finally:
            app.exit()
            await task


async def keys_to_paint(app: App[None], cursor: Callable[[], int], count: int) -> list[float]:
    """Press the down key so many times; give the seconds until each step was written."""
    times: list[float] = []
    for _ in range(count):
        wanted = cursor() + 1
        painted = asyncio.Event()
        Terminal.written = lambda wanted=wanted, painted=painted: (
            painted.set() if cursor() >= wanted else None
        )
        begin = time.perf_counter()
        app._driver.process_message(events.Key("down", None))
        async with asyncio.timeout(10):
            await painted.wait()
        times.append(time.perf_counter() - begin)
        Terminal.written = None
        await asyncio.sleep(PAUSE_S)
    return times


async def our_keys(count: int) -> list[float]:
    engine = hosts(1000)
    feeder = asyncio.create_task(feed(engine))
    app = LazytuiApp(engine, driver_class=Terminal)
    try:
        async with running(app):
            table = app.screen.table
            return await keys_to_paint(app, lambda: table.cursor, count)
    finally:
        feeder.cancel()


async def peer_keys(count: int) -> list[float]:
    app = Table(driver_class=Terminal)
    async with running(app):
        table = app.query_one(DataTable)
        return await keys_to_paint(app, lambda: table.cursor_row, count)


async def rest(count: int, seconds: float) -> float:
    """Give the processor time a second of a screen with so many live hosts, and nobody there."""
    engine = hosts(count)
    feeder = asyncio.create_task(feed(engine))
    try:
        async with running(LazytuiApp(engine, driver_class=Terminal)):
            before = time.process_time()
            await asyncio.sleep(seconds)
            with_screen = time.process_time() - before
        before = time.process_time()
        await asyncio.sleep(seconds)
        return (with_screen - (time.process_time() - before)) / seconds
    finally:
        feeder.cancel()


def first_paint(argv: list[str], env: dict[str, str], until: bytes) -> float:
    """Give the seconds from the start of a program on a terminal until it shows something."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    begin = time.perf_counter()
    process = subprocess.Popen(
        argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
    )
    os.close(theirs)
    seen = b""
    while until not in seen:
        seen = seen[-len(until) :] + os.read(ours, 65536)
    seconds = time.perf_counter() - begin
    process.kill()
    process.wait()
    os.close(ours)
    return seconds


def start_cases(folder: Path) -> dict[str, Callable[[], float]]:
    config = folder / "config"
    config.write_text(
        "".join(f"Host host{n:04}\n  HostName 127.0.0.1\n  Port 1\n" for n in range(256))
    )
    env = with_path({**os.environ, "HOME": str(folder), "TERM": "xterm-256color"})
    env |= {f"XDG_{name}_HOME": str(folder / name) for name in ("STATE", "CONFIG", "CACHE")}
    ours = [sys.executable, "-m", "lazytui", "-F", str(config), "--in-process"]
    return {
        "lazytui": lambda: first_paint(ours, env, b"state"),
        "Textual's table": lambda: first_paint([sys.executable, "-c", TABLE], env, b"state"),
    }


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def main() -> None:
    count, seconds, starts = (
        [*map(int, sys.argv[1:]), *(200, 10, 7)[len(sys.argv) - 1 :]]
    )  # fmt: skip
    ours: list[float] = []
    peer: list[float] = []
    for _ in range(3):
        ours += asyncio.run(our_keys(count // 3))
        peer += asyncio.run(peer_keys(count // 3))
    report(
        "key press to paint, 1,000 hosts, p95",
        {"lazytui, live": p95(ours), "DataTable, static": p95(peer)},
        "lazytui, live",
        {"DataTable, static": 1.3},
    )
    print(f"  median {statistics.median(ours):.4f} s against {statistics.median(peer):.4f} s")
    print("  reach <= 0.050 s:", "reached" if p95(ours) <= 0.050 else "NOT reached")
    print("\nprocessor at rest (cores)")
    for number, most in ((64, 0.05), (1000, 0.25)):
        cores = asyncio.run(rest(number, seconds))
        word = "reached" if cores <= most else "NOT reached"
        print(f"  {number:5} hosts {cores:.4f} (reach <= {most}: {word})")
    with tempfile.TemporaryDirectory(prefix="lazytui-bench-") as folder:
        medians = interleave(start_cases(Path(folder)), starts)
    report("first paint, 256 hosts", medians, "lazytui", {"Textual's table": 1.5})


if __name__ == "__main__":
    main()
