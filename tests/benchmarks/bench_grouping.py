"""Measure grouping: 1,000 outputs of 10 KB regrouped as they come, and keys meanwhile.

Run it as ``python tests/benchmarks/bench_grouping.py [hosts]``. ``grouped`` ends with one group of
most hosts and some that differ; ``all different`` is the worst there is.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from measure import ROOT

from lazytui.core.events import RunChanged
from lazytui.core.model import RunState
from lazytui.core.outcomes import Outcomes
from lazytui.core.outputs import read_output
from lazytui.tui.app import LazytuiApp
from lazytui.tui.screens.task_output import TaskOutputScreen
from tests.tui.fake_engine import NOW, STOPPED_CLOCK, FakeEngine, lab
from tests.tui.tasks_of_many import TASK, add_to_task

if TYPE_CHECKING:
    from lazytui.core.model import RunRecord

HOSTS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
LINES = 200
ENDING_S = 10.0  # all runs end within it
KEYS = ("j", "j", "k", "G", "g", "pagedown", "right", "left")


def main() -> None:
    print(f"{HOSTS} outputs of 10 KB, in {ROOT.name}")
    for name, different in (("grouped", HOSTS // 20), ("all different", HOSTS)):
        with tempfile.TemporaryDirectory() as folder:
            engine = _task(Path(folder), different)
            _measure_core(name, list(engine.runs.by_id.values()))
            asyncio.run(_measure_keys(name, engine))


def _task(folder: Path, different: int) -> FakeEngine:
    """Give a task whose runs go on; so many of their outputs are like no other."""
    engine = lab(folder)
    for number in range(HOSTS):
        host = f"node{number:04}"
        lines = [b"%s line %04d " % (host.encode(), line) + b"x" * 30 for line in range(LINES)]
        if number < different:
            for line in range(0, LINES, 10):
                lines[line] = b"other %d %d" % (number, line)
        output = b"\n".join(lines)
        add_to_task(engine, host, RunState.RUNNING, None, output=output)
    return engine


def _measure_core(name: str, records: list[RunRecord]) -> None:
    """Read and regroup after every single result."""
    outcomes = Outcomes()
    for record in records:
        outcomes.put(record)
    reading, grouping = [], []
    for record in records:
        done = replace(record, state=RunState.SUCCEEDED, exit_status=0)
        begin = time.perf_counter()
        output = read_output(Path(record.spool), record.host, lambda: False)
        outcomes.put(done)
        outcomes.take_output(record.run_id, output)
        reading.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        outcomes.outcomes()
        grouping.append(time.perf_counter() - begin)
    both = [read + group for read, group in zip(reading, grouping, strict=True)]
    print(f"\n{name}: {len(outcomes.outcomes())} groups")
    print(f"  read a result            {_ms(statistics.mean(reading))}")
    print(f"  regroup after each one   {_ms(statistics.mean(grouping))}")
    mean, most = statistics.mean(both), max(both)
    word = "reached" if mean <= 0.005 else "NOT reached"
    print(f"  both, for each result    {_ms(mean)}, at most {_ms(most)} (reach <= 5 ms: {word})")


async def _measure_keys(name: str, engine: FakeEngine) -> None:
    """Press keys while all runs end, and take the time until the screen is painted."""
    app = LazytuiApp(engine, clock=STOPPED_CLOCK)
    async with app.run_test(size=(130, 34)) as pilot:
        await pilot.pause()
        await app.push_screen(TaskOutputScreen(app.context, TASK))
        await pilot.pause(1.0)
        painted = _watch_painting(app)
        at_rest = [await _press(app, painted, KEYS[n % len(KEYS)]) for n in range(100)]
        begin = time.process_time(), time.perf_counter()
        times: list[float] = []
        async with asyncio.TaskGroup() as group:
            ending = group.create_task(_end_all(engine))
            while not ending.done():
                times.append(await _press(app, painted, KEYS[len(times) % len(KEYS)]))
                await asyncio.sleep(0.05)
        cpu = (time.process_time() - begin[0]) / (time.perf_counter() - begin[1])
    p95, p95_at_rest = _p95(times), _p95(at_rest)
    word = "reached" if p95 <= 0.05 else "NOT reached"
    print(f"  {len(times)} keys to paint, median  {_ms(statistics.median(times))}")
    print(f"  p95                      {_ms(p95)} (reach <= 50 ms: {word})")
    print(f"  p95 while nothing ends   {_ms(p95_at_rest)}, ours is {p95 / p95_at_rest:.1f}x")
    print(f"  at most                  {_ms(max(times))}; {cpu:.2f} core meanwhile")


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def _watch_painting(app: LazytuiApp) -> asyncio.Event:
    painted = asyncio.Event()
    display = app._display

    def shown(screen: object, renderable: object) -> None:
        display(screen, renderable)  # type: ignore[arg-type]
        painted.set()

    app._display = shown  # type: ignore[method-assign, assignment]
    return painted


async def _press(app: LazytuiApp, painted: asyncio.Event, key: str) -> float:
    begin = time.perf_counter()
    painted.clear()
    app.simulate_key(key)
    try:
        async with asyncio.timeout(0.5):
            await painted.wait()
    except TimeoutError:
        return 0.0  # the key changed nothing that is seen
    return time.perf_counter() - begin


async def _end_all(engine: FakeEngine) -> None:
    for run_id, record in list(engine.runs.by_id.items()):
        done = replace(record, state=RunState.SUCCEEDED, exit_status=0, ended=NOW)
        engine.runs.by_id[run_id] = done
        engine.events.publish(RunChanged(run_id, TASK))
        await asyncio.sleep(ENDING_S / HOSTS)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


if __name__ == "__main__":
    main()
