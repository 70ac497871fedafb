"""How fast the ssh config is read and resolved, next to asyncssh's own reader.

Run: python -m tests.benchmarks.bench_config [ROUNDS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from asyncssh.config import SSHClientConfig

from lazytui.ssh.config import SSHConfig

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1_000, 10_000)


def config_text(hosts: int) -> str:
    """One block for each host as people write them, a few shared ones, one default."""
    blocks = [
        f"Host node{n:05d}\n"
        f"    HostName 10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n"
        f"    User user{n % 7}\n"
        f"    IdentityFile ~/.ssh/id_{n % 3}\n"
        for n in range(hosts)
    ]
    shared = "Host node*1\n    Port 2222\nHost *\n    ServerAliveInterval 15\n    ProxyJump gw\n"
    return "".join(blocks) + shared


def median_s(rounds: int, work: Callable[[], object]) -> float:
    """The median time of one call, in seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(path: Path, hosts: int, rounds: int) -> None:
    """Print one line for a config of this many hosts."""
    aliases = [f"node{n:05d}" for n in range(hosts)]

    def list_hosts() -> None:
        assert len(SSHConfig.load(path, system_path=None).entries) == hosts

    def resolve_all() -> None:
        config = SSHConfig.load(path, system_path=None)
        start = time.perf_counter()
        for alias in aliases:
            config.resolve(alias)
        resolved.append((time.perf_counter() - start) / hosts)

    def asyncssh_for_one() -> None:
        SSHClientConfig.load(
            None, [str(path)], False, False, False, "me", (), aliases[hosts // 2], ()
        )

    resolved: list[float] = []
    list_s = median_s(rounds, list_hosts)
    median_s(rounds, resolve_all)
    resolve_s = statistics.median(resolved)
    peer_s = median_s(rounds, asyncssh_for_one)
    print(
        f"{hosts:6} hosts: listed in {list_s * 1e3:7.1f} ms, "
        f"one resolved in {resolve_s * 1e6:6.1f} us, "
        f"asyncssh for one host {peer_s * 1e3:7.1f} ms: "
        f"list {list_s / peer_s:.2f}x, resolve {resolve_s / peer_s:.5f}x, "
        f"list and resolve all {(list_s + hosts * resolve_s) / (hosts * peer_s):.6f}x"
    )


def main() -> None:
    """Measure every size."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        for hosts in SIZES:
            path = Path(folder, "config")
            path.write_text(config_text(hosts))
            measure(path, hosts, rounds)


if __name__ == "__main__":
    main()
