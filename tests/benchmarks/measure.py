"""Shared by the benchmarks: cases in turn, medians, ratios against a peer of the same run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

Case = Callable[[], float]


def interleave(cases: Mapping[str, Case], rounds: int) -> dict[str, float]:
    """Run the cases A B C A B C ..., and give the median of each."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            times[name].append(case())
    return {name: statistics.median(values) for name, values in times.items()}


def timed(argv: list[str], env: Mapping[str, str], *, stdin: str = "") -> float:
    """Run a command to its end, silently; give the seconds of wall time."""
    begin = time.perf_counter()
    done = subprocess.run(
        argv, env=dict(env), input=stdin, text=True, capture_output=True, check=False
    )
    seconds = time.perf_counter() - begin
    if done.returncode not in (0, 123):
        raise RuntimeError(f"{argv[:6]} exited {done.returncode}: {done.stderr[-2000:]}")
    return seconds


def report(title: str, medians: Mapping[str, float], ours: str, reach: Mapping[str, float]) -> None:
    """Print the medians, and ours as a ratio of each peer beside what is to be reached."""
    print(f"\n{title}")
    for name, value in medians.items():
        print(f"  {name:34} {value:9.4f} s")
    for peer, limit in reach.items():
        ratio = medians[ours] / medians[peer]
        word = "reached" if ratio <= limit else "NOT reached"
        print(f"  {ours} / {peer}: {ratio:.3f}x (reach <= {limit}x: {word})")


def lazytui(env: Mapping[str, str], *words: str) -> list[str]:
    """The command line of our program, as a process of its own."""
    del env
    return [sys.executable, "-m", "lazytui", *words]


def with_path(env: Mapping[str, str]) -> dict[str, str]:
    """Make the package importable from the checkout."""
    return {**env, "PYTHONPATH": os.pathsep.join([str(ROOT)])}
