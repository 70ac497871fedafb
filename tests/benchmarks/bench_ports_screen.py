"""From a key press to its paint on an attached terminal, with a tunnel at full speed in the engine.

python tests/benchmarks/bench_ports_screen.py [presses]
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench_ports import service
from measure import ROOT, with_path

from tests.leftovers import end_engines
from tests.services import free_port
from tests.sshd import SSHFarm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HOSTS = 16
REACH_S = 0.100

# Gets bulk through a port for ever and says each second how fast.
_CLIENT = """
import socket, sys, time
buffer = bytearray(262144)
got, begin = 0, time.monotonic()
while True:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
        sock.sendall(b"g" + (1 << 40).to_bytes(8, "big"))
        while count := sock.recv_into(buffer):
            got += count
            if (now := time.monotonic()) - begin >= 1:
                print(round(got / (1 << 20) / (now - begin)), flush=True)
                got, begin = 0, now
"""


class Screen:
    """lazytui on a terminal of 130x34."""

    def __init__(self, env: dict[str, str]) -> None:
        self.terminal, inner = pty.openpty()
        subprocess.run(["stty", "cols", "130", "rows", "34"], stdin=inner, check=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lazytui"], stdin=inner, stdout=inner, stderr=inner, env=env
        )
        os.close(inner)

    def until_at(self, host: str, limit_s: float = 30.0) -> float:
        """Seconds until the bar of the cursor is painted in front of a host."""
        wanted = re.compile("▌(?:\\x1b\\[[0-9;]*m| )*".encode() + host.encode())
        begin, seen = time.perf_counter(), b""
        while not wanted.search(seen):
            if not select.select([self.terminal], [], [], limit_s)[0]:
                raise RuntimeError(f"the cursor never came to {host}")
            seen = seen[-200:] + os.read(self.terminal, 65536)
        return time.perf_counter() - begin

    def rest(self, silent_s: float = 0.03, limit_s: float = 0.3) -> None:
        """Read what is still painted; rows that change go on for ever."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end and select.select([self.terminal], [], [], silent_s)[0]:
            os.read(self.terminal, 65536)

    def press(self, presses: int, hosts: Sequence[str]) -> list[float]:
        """Move the cursor down and up again; gives the seconds from each key to its paint."""
        times, at, by = [], 0, 1
        os.write(self.terminal, b"g")
        for _ in range(presses):
            by = 1 if at == 0 else -1 if at == len(hosts) - 1 else by
            at += by
            self.rest()
            os.write(self.terminal, b"j" if by > 0 else b"k")
            times.append(self.until_at(hosts[at]))
            time.sleep(0.02)
        return times

    def close(self) -> None:
        """Take the terminal away."""
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


@contextlib.contextmanager
def full_speed(port: int) -> Iterator[subprocess.Popen[str]]:
    """A client that never has enough."""
    client = subprocess.Popen(
        [sys.executable, "-c", _CLIENT, str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        yield client
    finally:
        client.kill()


def report(title: str, times: list[float], *, reach: bool) -> None:
    """Print the distribution."""
    times = sorted(times)
    p95 = times[int(len(times) * 0.95)]
    word = ""
    if reach:
        good = "reached" if p95 <= REACH_S else "NOT reached"
        word = f" (reach <= {REACH_S * 1000:.0f} ms: {good})"
    print(
        f"  {title:24} p50 {statistics.median(times) * 1000:5.1f} ms  "
        f"p95 {p95 * 1000:5.1f} ms{word}  max {times[-1] * 1000:5.1f} ms",
        flush=True,
    )


def main() -> None:
    """Measure without a tunnel, then with one."""
    presses = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    with tempfile.TemporaryDirectory(prefix="lzt") as folder, service() as there:
        farm = SSHFarm(Path(folder) / "f")
        hosts = [host.name for host in farm.add_many("h", HOSTS)]
        env = with_path({**farm.env(), "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)})
        screen = Screen(env)
        try:
            screen.until_at(hosts[0])
            port = free_port()
            words = ("expose", f"{there}:{port}", "--from", hosts[0])
            subprocess.run([sys.executable, "-m", "lazytui", *words], env=env, check=True)
            print(f"key press to paint, {presses} presses, {HOSTS} hosts")
            report("engine at rest", screen.press(presses, hosts), reach=False)
            with full_speed(port) as client:
                assert client.stdout is not None
                client.stdout.readline()
                times = screen.press(presses, hosts)
                client.kill()
                rates = [int(line) for line in client.stdout.read().split()]
            report("tunnel at full speed", times, reach=True)
            print(f"  the tunnel meanwhile: {statistics.median(rates)} MiB/s")
        finally:
            screen.close()
            end_engines(farm.home)
            farm.close()


if __name__ == "__main__":
    main()
