"""Measure reading gigabytes: the first paint, the search, keys while output flows in.

Run it as ``python tests/benchmarks/bench_output.py [gigabytes]``. The peers are ``less +G`` in a
terminal of its own and ``grep -c``; all numbers of one run stand side by side.
"""

from __future__ import annotations

import asyncio
import os
import pty
import select
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from textual.app import App, ComposeResult

from lazytui.core.lines import LineIndex
from lazytui.core.matches import MatchIndex
from lazytui.core.model import RunState
from lazytui.core.run_steps import RunStep
from lazytui.core.search import parse_query
from lazytui.tui.context import Clock
from lazytui.tui.widgets.log_view import LogView
from lazytui.tui.widgets.step_log import StepLog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROUNDS = 3
PIECE = 8 * 1024 * 1024
FLOW_MIB = 200
FLOW_S = 10.0
MIB = 1024 * 1024
SIZE = (120, 40)
STEPS, STEPS_MIB = 8, 200
KEYS = ("pageup", "pageup", "up", "home", "pagedown", "down", "end", "pageup")


def main() -> None:
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.log"
        _write(path, int(gigabytes * 1024))
        print(f"a spool of {gigabytes} GiB")
        _compare_end(path)
        _compare_search(path)
        _compare_steps(Path(folder) / "steps.log")
        _flow(Path(folder) / "flow.log")


def _write(path: Path, megabytes: int) -> None:
    block = _block()
    with path.open("wb") as file:
        for number in range(megabytes):
            file.write(block)
            if number % 100 == 0:
                file.write(b"a Needle in it, number %d\n" % number)
    subprocess.run(["cat", path], stdout=subprocess.DEVNULL, check=True)  # into the page cache


def _block() -> bytes:
    lines = b"".join(
        b"14:%02d:%02d epoch %d loss %.3f %s\n"
        % (n // 60 % 60, n % 60, n, 1 / (n + 1), b"x" * (n % 80))
        for n in range(20_000)
    )[:MIB]
    return lines[: lines.rfind(b"\n") + 1]


# --- the end of the file -----------------------------------------------------------------


def _compare_end(path: Path) -> None:
    ours = min(asyncio.run(_first_paint(path)) for _ in range(ROUNDS))
    less = min(_less_end(path) for _ in range(ROUNDS))
    print(f"first paint at its end    {ours * 1000:7.0f} ms   less +G {less * 1000:.0f} ms")
    print(f"  ours / less: {ours / less:.2f}x; reach <= 300 ms: {_word(ours <= 0.3)}")


class OneView(App[None]):
    """Nothing but a log view."""

    CSS = "LogView { height: 1fr; }"

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self.view = LogView(path)

    def compose(self) -> ComposeResult:
        yield self.view


async def _first_paint(path: Path) -> float:
    """Seconds from naming the file to its last line on the screen."""
    app = OneView(None)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        begin = time.perf_counter()
        app.view.open(path)
        while not app.view.line_count or not _bottom(app.view):
            await asyncio.sleep(0.001)
        return time.perf_counter() - begin


def _bottom(view: LogView) -> str:
    return view.render_line(view.size.height - 1).text.strip()


def _less_end(path: Path) -> float:
    """Seconds until ``less +G`` has drawn the end and waits for a key."""
    begin = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm", LESS="", LINES="40", COLUMNS="120")
        os.execvp("less", ["less", "+G", str(path)])
    seen = b""
    try:
        while b"(END)" not in seen:
            if not select.select([terminal], [], [], 120)[0]:
                raise TimeoutError("less shows no end")
            seen = (seen + os.read(terminal, 65536))[-100_000:]
        return time.perf_counter() - begin
    finally:
        os.write(terminal, b"q")
        os.close(terminal)
        os.waitpid(child, 0)


# --- searching ---------------------------------------------------------------------------


def _compare_search(path: Path) -> None:
    index = LineIndex(path)
    begin = time.perf_counter()
    while index.extend(PIECE):
        pass
    print(f"index of all lines        {time.perf_counter() - begin:7.2f} s")
    for text, grep in (
        ("Needle", ["grep", "-c", "Needle"]),
        ("needle", ["grep", "-ci", "needle"]),
        ("Epoch 77", ["grep", "-c", "Epoch 77"]),
        ("/Epoch 7+ l/", ["grep", "-cE", "Epoch 7+ l"]),
    ):
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            times[0].append(_timed(lambda text=text: _search(index, text)))
            times[1].append(
                _timed(lambda grep=grep: subprocess.run([*grep, path], stdout=subprocess.PIPE))
            )
        ours, peer = min(times[0]), min(times[1])
        line = f"search {text:18} {ours:7.2f} s    {' '.join(grep):22} {peer:.2f} s"
        reach = f"  reach <= 2x: {_word(ours <= 2 * peer)}" if text == "Needle" else ""
        print(f"{line}  {ours / peer:.2f}x{reach}")
    index.close()


def _search(index: LineIndex, text: str) -> None:
    matches = MatchIndex(index, parse_query(text))
    while matches.extend(PIECE):
        pass


def _timed(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


# --- in steps ----------------------------------------------------------------------------


def _compare_steps(path: Path) -> None:
    """An output in steps, beside the same as one plain log."""
    _write(path, STEPS_MIB)
    size = path.stat().st_size
    starts = [number * size // STEPS for number in range(STEPS)]
    steps = [
        RunStep(number, "run_command", f"step {number}", RunState.SUCCEEDED, 0, start, 0.0, 1.0)
        for number, start in enumerate(starts)
    ]
    print(f"{STEPS_MIB} MiB in {STEPS} steps, all open")
    for name, shown in (("in steps", steps), ("plain", [])):
        first = min(asyncio.run(_steps_painted(path, shown))[0] for _ in range(ROUNDS))
        times = sorted(asyncio.run(_steps_painted(path, shown, KEYS * 25))[1])
        p95 = times[int(len(times) * 0.95)] * 1000
        print(f"  {name:9} first paint at its end {first * 1000:6.0f} ms")
        print(f"  {name:9} key to paint, {len(times)} keys: median "
              f"{times[len(times) // 2] * 1000:.1f} ms, p95 {p95:.1f} ms; "
              f"reach <= 50 ms: {_word(p95 <= 50)}")  # fmt: skip


class StepView(App[None]):
    """Nothing but the output of a run in steps."""

    CSS = "StepLog { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.view = StepLog(None, Clock())

    def compose(self) -> ComposeResult:
        yield self.view


async def _steps_painted(
    path: Path, steps: Sequence[RunStep], keys: Sequence[str] = ()
) -> tuple[float, list[float]]:
    """Seconds until the end is to be seen, and from each key to its paint."""
    app = StepView()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        app.screen.set_focus(app.view)
        begin = time.perf_counter()
        app.view.open(path)
        app.view.show_steps(steps)
        while not app.view.line_count or not _bottom(app.view):
            await asyncio.sleep(0.001)
        first = time.perf_counter() - begin
        while app.view.steps and app.view._folded:  # those that are over were folded
            app.view.toggle_all()
        lines = -1
        while lines != app.view.line_count:  # until every line is known
            lines = app.view.line_count
            await asyncio.sleep(0.5)
        times = []
        for key in keys:
            begin = time.perf_counter()
            app.simulate_key(key)
            await _painted(app)
            times.append(time.perf_counter() - begin)
        return first, times


# --- keys while output flows -------------------------------------------------------------


def _flow(path: Path) -> None:
    path.touch()
    for name, size, query in (
        ("nothing comes, for comparison", 0, None),
        ("followed", FLOW_MIB, None),
        ("followed and searched", FLOW_MIB, "loss 0.1"),
    ):
        path.write_bytes(_block())
        times, grown = asyncio.run(_keys_while_growing(path, size, query))
        times.sort()
        p95 = times[int(len(times) * 0.95)] * 1000
        print(f"{size} MiB in {FLOW_S:.0f} s, {name}: {len(times)} keys")
        print(f"  key to paint: median {times[len(times) // 2] * 1000:.1f} ms, p95 {p95:.1f} ms")
        print(f"  memory grew {grown:.0f} MiB")
        print(f"  reach <= 50 ms: {_word(p95 <= 50)}; reach <= 60 MiB: {_word(grown <= 60)}")


async def _keys_while_growing(
    path: Path, size: int, query: str | None
) -> tuple[list[float], float]:
    app = OneView(path)
    done = threading.Event()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        app.view.focus()
        if query:
            app.view.find(parse_query(query))
        before = _rss_mib()
        writer = threading.Thread(target=_grow, args=(path, size, done))
        writer.start()
        times = []
        while not done.is_set():
            for key in ("up", "pageup", "down", "end"):
                app.view.grew(path.stat().st_size)
                begin = time.perf_counter()
                app.simulate_key(key)
                await _painted(app)
                times.append(time.perf_counter() - begin)
                await asyncio.sleep(0.04)
        writer.join()
        return times, _rss_mib() - before


async def _painted(app: OneView | StepView) -> None:
    """Wait until what the key changed has been drawn."""
    drawn = asyncio.Event()
    await asyncio.sleep(0)
    app.view.call_after_refresh(drawn.set)
    await drawn.wait()


def _grow(path: Path, size: int, done: threading.Event) -> None:
    block = _block()[: size * MIB // 1000]
    begin = time.monotonic()
    with path.open("ab", buffering=0) as file:
        for number in range(1000):
            file.write(block)
            time.sleep(max(0.0, begin + number * FLOW_S / 1000 - time.monotonic()))
    done.set()


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def _word(reached: bool) -> str:
    return "reached" if reached else "NOT reached"


if __name__ == "__main__":
    main()
