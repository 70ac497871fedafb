"""Measure the line index: time and memory to index, to jump, to show the end of a large file.

Run it as ``python tests/benchmarks/bench_lines.py [megabytes]``. ``wc -l`` is the peer.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.core.lines import LineIndex

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 5
PIECE = 8 * 1024 * 1024


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.log"
        _write(path, megabytes)
        before = _rss_mib()
        index = LineIndex(path)
        _index(index)
        grown = _rss_mib() - before
        lines = index.line_count
        print(f"file                 {megabytes} MiB, {lines:,} lines")
        ours = _median(lambda: _index_new(path))
        wc = _median(lambda: subprocess.run(["wc", "-l", path], check=True, capture_output=True))
        print(f"index all            {ours:.2f} s, {megabytes / ours:,.0f} MiB/s")
        print(f"wc -l                {wc:.2f} s, ours is {ours / wc:.2f}x")
        print(f"memory for it        {grown:.1f} MiB")
        print(f"one piece of 8 MiB   {ours / megabytes * 8 * 1000:.1f} ms")
        print(f"the end at once      {_median(lambda: _show_end(path)) * 1000:.2f} ms")
        middle = _median(lambda: [index.read(n, n + 50) for n in range(0, lines - 50, lines // 99)])
        print(f"jump, read 50 lines  {middle / 100 * 1000:.2f} ms")
        index.close()


def _write(path: Path, megabytes: int) -> None:
    block = b"".join(
        b"14:%02d:%02d epoch %d loss %.3f %s\n"
        % (n // 60 % 60, n % 60, n, 1 / (n + 1), b"x" * (n % 80))
        for n in range(20_000)
    )[: 1024 * 1024]
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(block)
        os.fsync(file.fileno())


def _index(index: LineIndex) -> None:
    while index.extend(PIECE):
        pass


def _index_new(path: Path) -> None:
    index = LineIndex(path)
    _index(index)
    index.close()


def _show_end(path: Path) -> None:
    tail = LineIndex(path, last_bytes=256 * 1024)
    tail.extend(PIECE)
    tail.read(tail.line_count - 50, tail.line_count)
    tail.close()


def _median(action: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def _rss_mib() -> float:
    """The memory this process has now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
