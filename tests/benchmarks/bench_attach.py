"""Attaching to a running engine: whole process to first paint, and what an idle pump costs.

python tests/benchmarks/bench_attach.py [rounds]

The peer is the first paint of Textual's own table with as many rows. The hosts refuse connections,
so that no other process disturbs either.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from bench_screen import TABLE, first_paint
from measure import interleave, report, with_path

from tests.leftovers import end_engines

HOSTS = 64
IDLE_S = 5.0
# Of "host0000", or of the fold "host[0000-…" that hosts become once they are known to be down.
FIRST_ROW = b"0000"


def environment(home: Path) -> dict[str, str]:
    """Give a home with so many hosts."""
    config = home / ".ssh" / "config"
    config.parent.mkdir(mode=0o700)
    config.write_text(
        "".join(f"Host host{n:04}\n  HostName 127.0.0.1\n  Port 1\n" for n in range(HOSTS))
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    return with_path({**env, "HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8"})


def idle_pump(ours: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Give the cores that an attached pump takes at rest, and its memory in MiB."""
    terminal, slave = pty.openpty()
    process = subprocess.Popen(ours, stdin=slave, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    seen = b""
    while FIRST_ROW not in seen:
        seen += os.read(terminal, 65536)
    pump = psutil.Process(process.pid)
    before = sum(pump.cpu_times()[:2])
    end = time.monotonic() + IDLE_S
    os.set_blocking(terminal, False)
    while time.monotonic() < end:
        time.sleep(0.05)
        try:
            os.read(terminal, 65536)
        except BlockingIOError:
            continue
    cores = (sum(pump.cpu_times()[:2]) - before) / IDLE_S
    memory = pump.memory_info().rss / (1 << 20)
    process.kill()
    process.wait()
    os.close(terminal)
    return cores, memory


def main() -> None:
    """Print the medians and their ratio."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory(prefix="lzb-") as folder:
        home = Path(folder)
        env = environment(home)
        ours = [sys.executable, "-m", "lazytui"]
        peer = [sys.executable, "-c", TABLE.replace("range(256)", f"range({HOSTS})")]
        try:
            first_paint(ours, env, FIRST_ROW)  # starts the engine
            medians = interleave(
                {
                    "attach": lambda: first_paint(ours, env, FIRST_ROW),
                    "Textual's table": lambda: first_paint(peer, env, FIRST_ROW),
                    "python -c pass": lambda: _python(env),
                },
                rounds,
            )
            cores, memory = idle_pump(ours, env)
        finally:
            end_engines(home)
    report(f"first paint, {HOSTS} hosts", medians, "attach", {"Textual's table": 0.6})
    print(f"\nidle pump: {cores:.4f} cores, {memory:.1f} MiB")


def _python(env: dict[str, str]) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], env=env, check=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
