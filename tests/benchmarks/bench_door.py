"""Terminals on the engine's process: keys, many of them, one that stalls, and bytes at rest.

python tests/benchmarks/bench_door.py [keys] [terminals] [seconds]

Pretend hosts with live metrics; real processes on real ptys: the engine, a pump for each terminal,
and for the comparison the same screens with Textual's own driver in one process.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import psutil
from measure import with_path

from lazytui.demo.cluster import demo_cluster
from lazytui.door.lock import lock_owner
from lazytui.rendezvous import meeting_point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lazytui.demo.cluster import DemoCluster

HOSTS = 64
CURSOR = "▌".encode()
PAUSE_S = 0.05
MIB = 1 << 20


class Window:
    """A terminal window with a lazytui in it."""

    def __init__(self, cluster: DemoCluster, *words: str, size: tuple[int, int] = (80, 24)) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        env = with_path({**os.environ, **cluster.environ})
        env |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lazytui", "-F", str(cluster.config), *words],
            stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.read_until(b"keys")

    def read(self, seconds: float) -> bytes:
        """Give what is written within so many seconds."""
        seen, end = b"", time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            if select.select([self._master], [], [], left)[0]:
                seen += os.read(self._master, 1 << 16)
        return seen

    def read_until(self, wanted: bytes, patience_s: float = 60.0) -> float:
        """Give the seconds until something is written."""
        seen, begin = b"", time.perf_counter()
        while wanted not in seen:
            if not select.select([self._master], [], [], patience_s)[0]:
                raise TimeoutError(wanted)
            seen += os.read(self._master, 1 << 16)
        return time.perf_counter() - begin

    def press(self, key: bytes) -> float:
        """Give the seconds from a key that moves the cursor until that is written."""
        self.read(0.0)
        begin = time.perf_counter()
        os.write(self._master, key)
        self.read_until(CURSOR)
        return time.perf_counter() - begin

    def keys(self, count: int) -> list[float]:
        """Move the cursor up and down."""
        times = []
        for number in range(count):
            times.append(self.press(b"kj"[number % 2 : number % 2 + 1]))
            self.read(PAUSE_S)
        return times

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@contextlib.contextmanager
def windows(cluster: DemoCluster, count: int, *words: str) -> Iterator[list[Window]]:
    opened: list[Window] = []
    try:
        for _ in range(count):
            opened.append(Window(cluster, *words))
        yield opened
    finally:
        for window in opened:
            window.close()


def rest(opened: list[Window], seconds: float) -> int:
    """Let all windows be for a while, and read what comes; gives the bytes of the first."""
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        ready, _, _ = select.select([w._master for w in opened], [], [], 0.1)
        for number in ready:
            data = os.read(number, 1 << 16)
            count += len(data) if number == opened[0]._master else 0
    return count


def processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def percentiles(times: list[float]) -> tuple[float, float]:
    return statistics.median(times) * 1000, statistics.quantiles(times, n=20)[-1] * 1000


def keys(cluster: DemoCluster, count: int) -> None:
    with windows(cluster, 1) as (ours,), windows(cluster, 1, "--in-process") as (peer,):
        rest([ours, peer], 5)  # until all hosts are there
        times: dict[Window, list[float]] = {ours: [], peer: []}
        for _ in range(5):
            for window, other in ((ours, peer), (peer, ours)):
                other.read(0.01)
                times[window] += window.keys(count // 5)
    (p50, p95), (peer50, peer95) = percentiles(times[ours]), percentiles(times[peer])
    print(f"key press to paint through the socket: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    print(f"  Textual's own driver, same run:      p50 {peer50:.1f} ms, p95 {peer95:.1f} ms")
    print(f"  more by {p50 - peer50:+.1f} / {p95 - peer95:+.1f} ms (reach <= +3 / +8 ms)")


def many(cluster: DemoCluster, count: int, seconds: float) -> None:
    with windows(cluster, 1) as first:
        engine = psutil.Process(lock_owner(lock_of(cluster)))
        rest(first, 5)
        before = processor_s(engine)
        sent = rest(first, seconds)
        alone, memory = (processor_s(engine) - before) / seconds, engine.memory_info().rss
        print(f"bytes to an idle 80x24 terminal: {sent / seconds / 1024:.2f} KB/s (reach <= 4)")
        with windows(cluster, count - 1) as more:
            rest([*first, *more], 3)
            before = processor_s(engine)
            rest([*first, *more], seconds)
            core = ((processor_s(engine) - before) / seconds - alone) / (count - 1)
            each = (engine.memory_info().rss - memory) / (count - 1) / MIB
    print(f"each of {count - 1} more idle terminals: {core:.4f} core, {each:.1f} MB")
    print("  (reach <= 0.05 core, <= 15 MB)")


def stalled(cluster: DemoCluster, count: int, seconds: float) -> None:
    with windows(cluster, 2) as (other, stuck):
        engine = psutil.Process(lock_owner(lock_of(cluster)))
        rest([other, stuck], 5)
        before = percentiles(other.keys(count))[1]
        memory = engine.memory_info().rss
        os.write(stuck._master, b"21" * 20)
        stuck.read(0.02)
        stuck.process.send_signal(signal.SIGSTOP)
        began = time.perf_counter()
        during: list[float] = []
        while time.perf_counter() - began < seconds:
            during += other.keys(20)
        grown = (engine.memory_info().rss - memory) / MIB
        stuck.read(0.0)
        stuck.process.send_signal(signal.SIGCONT)
        clean = stuck.read_until(b"keys")
    print(f"one terminal stops reading for {seconds:.0f} s: p95 of another's keys")
    print(f"  {before:.1f} ms before, {percentiles(during)[1]:.1f} ms meanwhile;")
    print(f"  the engine grew by {grown:.1f} MB;")
    print(f"  painted whole {clean * 1000:.0f} ms after it reads again (reach <= 300)")


def lock_of(cluster: DemoCluster) -> str:
    return meeting_point(str(cluster.config), {**os.environ, **cluster.environ}).lock


async def main() -> None:
    count, terminals, seconds = [*map(int, sys.argv[1:]), *(100, 20, 20)[len(sys.argv) - 1 :]]
    async with demo_cluster(HOSTS) as cluster:
        try:
            await asyncio.to_thread(keys, cluster, count)
            await asyncio.to_thread(many, cluster, terminals, seconds)
            await asyncio.to_thread(stalled, cluster, count, seconds)
        finally:
            owner = lock_owner(lock_of(cluster))
            if owner:
                os.kill(owner, signal.SIGTERM)
                await asyncio.to_thread(psutil.wait_procs, [psutil.Process(owner)], 20)


if __name__ == "__main__":
    asyncio.run(main())
