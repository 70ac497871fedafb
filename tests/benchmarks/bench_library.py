"""What the blocking library costs: over the core, over one host after the other.

    python -m tests.benchmarks.bench_library [--hosts 64] [--rtt 20]

Prints ratios within one run; figures in seconds are of this machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.far import far_away
from tests.sshd import SSHFarm

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.script.session import Session

FILTERS = {
    "min_memory": 1,
    "min_cpu_cores": 1,
    "installed_executables": ["sh", "tar"],
    "filter_commands": ["echo true", "test -d / && echo true"],
}


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def overhead(calls: int = 2000) -> float:
    """Seconds that one blocking call takes over the coroutine it runs."""
    from lazytui.blocking.calls import call

    async def nothing(session: Session) -> None:
        return None

    call(nothing)
    return statistics.median(seconds(lambda: call(nothing)) for _ in range(calls))


def importing(code: str) -> float:
    """Seconds of a Python that runs a line, the best of several."""
    line = [sys.executable, "-c", code]
    return min(seconds(lambda: subprocess.run(line, check=True)) for _ in range(15))


def measure(count: int) -> None:
    """Print what needs no network, and detecting."""
    from lazytui import Runtime, RuntimeManager, close

    print(f"{'import lazytui':46} {importing('import lazytui') / importing('pass'):8.2f}x of pass")
    print(f"{'a blocking call over its coroutine':46} {overhead() * 1000:8.3f} ms (reach <= 0.3)")
    close()

    found: list[RuntimeManager] = []
    at_once = seconds(lambda: found.append(RuntimeManager()))
    hosts = list(found[0].create_group().hosts)
    close()
    serial = seconds(lambda: [Runtime(host) for host in hosts])
    logins = seconds(lambda: [_ssh(host, "python3 --version") for host in hosts])
    print(f"RuntimeManager() on {count} hosts: {at_once:.2f} s")
    print(f"{'  against one Runtime after the other':46} {at_once / serial:8.2f}x")
    print(f"{'  against ssh to one after the other':46} {at_once / logins:8.2f}x (reach <= 0.15)")
    close()


def measure_filters(count: int, where: str) -> None:
    """Print what create_group takes, of hosts that are connected already."""
    from lazytui import RuntimeManager, close

    manager = RuntimeManager()
    runtimes = manager.create_group(**FILTERS).runtimes
    at_once = min(seconds(lambda: manager.create_group(**FILTERS)) for _ in range(3))
    serial = min(
        seconds(lambda: [runtime.check_filter(**FILTERS) for runtime in runtimes]) for _ in range(3)
    )
    logins = seconds(lambda: [_four_ssh(runtime.host) for runtime in runtimes[:4]]) * count / 4
    print(f"create_group(filters) on {count} hosts {where}: {at_once * 1000:.0f} ms")
    print(f"{'  against check_filter of one after the other':46} {at_once / serial:8.3f}x")
    print(
        f"{'  against ssh for each filter, as lazycluster':46} {at_once / logins:8.4f}x"
        " (reach <= 0.1)"
    )
    close()


def _four_ssh(host: str) -> None:
    """Ask one host as a library without an agent does: a login for each question."""
    for command in ("nproc", "cat /proc/meminfo", "command -v tar", "test -d / && echo true"):
        _ssh(host, command)


def _ssh(host: str, command: str) -> None:
    line = ["ssh", "-F", str(Path.home() / ".ssh" / "config"), host, command]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=64)
    parser.add_argument("--rtt", type=float, default=20.0, help="ms, of the far hosts")
    given = parser.parse_args()
    count = given.hosts
    with tempfile.TemporaryDirectory(prefix="lzb-") as folder:
        farm = SSHFarm(Path(folder))
        try:
            farm.add_many("gpu", count)
            os.environ.update(farm.env())
            measure(count)
            # All hosts on loopback share this machine's cores with each other and with us.
            measure_filters(count, "on loopback")
            with far_away(farm, given.rtt / 1000):
                measure_filters(count, f"{given.rtt:g} ms away")
        finally:
            farm.close()


if __name__ == "__main__":
    main()
