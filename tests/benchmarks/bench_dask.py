"""Dask on three hosts through exposures, against the same workers without tunnels, in one run.

python tests/benchmarks/bench_dask.py [map] [shuffle]

The hosts are network namespaces of this machine, so that scheduler, workers, sshds, engine and
client share its cores: what the tunnels cost in CPU is missing to the others.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import Client
from measure import ROOT, interleave, lazytui, with_path

from tests.netns import NetnsLab, missing_netns
from tests.services import free_port
from tests.sshd import SSHFarm

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTS = ["node1", "node2", "node3"]
TASKS = 10_000
ROUNDS = 3
PARTS = 18  # of the shuffle: each sends a piece to each
PIECE = (1 << 30) // PARTS**2  # 1 GiB in all, two thirds of it from one host to another
REACH = 0.7


def grow(number: int) -> int:
    return number + 1


def pieces(_: int) -> list[bytes]:
    return [os.urandom(4096) * (PIECE // 4096) for _ in range(PARTS)]


def take(parts: list[bytes], index: int) -> bytes:
    return parts[index]


def total(*parts: bytes) -> int:
    return sum(map(len, parts))


def map_tasks(client: Client) -> float:
    begin = time.perf_counter()
    found = client.gather(client.map(grow, range(TASKS), pure=False))
    seconds = time.perf_counter() - begin
    assert found == list(range(1, TASKS + 1))
    return seconds


def shuffle(client: Client) -> float:
    """Let each part get a piece of each other one; the parts are spread evenly before."""
    workers = list(client.scheduler_info(n_workers=-1)["workers"])
    made = [
        client.submit(pieces, part, workers=[workers[part % len(workers)]], pure=False)
        for part in range(PARTS)
    ]
    cut = [[client.submit(take, one, index, pure=False) for index in range(PARTS)] for one in made]
    flat = [future for row in cut for future in row]
    client.gather([client.submit(len, future, pure=False) for future in flat])
    begin = time.perf_counter()
    sums = [
        client.submit(
            total,
            *(row[index] for row in cut),
            workers=[workers[index % len(workers)]],
            pure=False,
        )
        for index in range(PARTS)
    ]
    found = client.gather(sums)
    seconds = time.perf_counter() - begin
    assert sum(found) == PARTS**2 * (PIECE // 4096 * 4096)
    return seconds


@contextlib.contextmanager
def tunnelled(farm: SSHFarm) -> Iterator[str]:
    """The cluster that the command line starts; gives the address of its scheduler."""
    env = with_path({**farm.env(), "PATH": os.environ["PATH"]})

    def said(*words: str) -> str:
        done = subprocess.run(
            lazytui(env, *words), env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{words}: {done.stderr}")
        return done.stdout

    try:
        said("clusters", "add", "bench", "node[1-3]")
        print(said("clusters", "start", "bench").splitlines()[0])
        (cluster,) = json.loads(said("clusters", "--json"))
        yield f"tcp://127.0.0.1:{cluster['master_port']}"
    finally:
        said("stop-engine")


@contextlib.contextmanager
def direct(lab: NetnsLab, folder: Path) -> Iterator[str]:
    """The same scheduler and workers, which see each other; gives the scheduler's address."""
    port = free_port()
    subnet = lab._subnet
    dask = [sys.executable, "-m"]
    commands = [
        [*dask, "distributed.cli.dask_scheduler", f"--host={subnet}.1", f"--port={port}"],
        *(
            [
                *lab.inside(number),
                *(*dask, "distributed.cli.dask_worker", f"tcp://{subnet}.1:{port}"),
                *(f"--host={subnet}.{number + 1}", "--no-dashboard"),
                f"--local-directory={folder}",
            ]
            for number in range(1, len(HOSTS) + 1)
        ),
    ]
    commands[0].append(f"--dashboard-address={subnet}.1:0")
    with contextlib.ExitStack() as stack:
        for command in commands:
            log = stack.enter_context(open(folder / f"{len(command)}.log", "ab"))
            running = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
            stack.callback(running.wait)
            stack.callback(running.terminate)
        yield f"tcp://{subnet}.1:{port}"


class Cpu:
    """Seconds of CPU of our engine, and of the sshds of our hosts, so far.

    Args:
        farm: whose user's engine it is.
        lab: the namespaces of the hosts.
    """

    def __init__(self, farm: SSHFarm, lab: NetnsLab) -> None:
        self._engine = str(farm.config).encode()
        self._lab = lab

    def engine(self) -> float:
        """Of the engine."""
        pids = (folder.name for folder in Path("/proc").glob("[0-9]*"))
        return sum(self._seconds(pid, b"lazytui.door.process", self._engine) for pid in pids)

    def sshds(self) -> float:
        """Of the servers."""
        pids: list[str] = []
        for namespace in self._lab._namespaces:
            listed = subprocess.run(
                ["ip", "netns", "pids", namespace], capture_output=True, text=True, check=True
            )
            pids += listed.stdout.split()
        return sum(self._seconds(pid, b"sshd") for pid in pids)

    @staticmethod
    def _seconds(pid: str, *words: bytes) -> float:
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
            if not all(word in line for word in words):
                return 0.0
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0  # it has ended
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(
    clients: dict[str, Client], cpu: Cpu, what: str, work: Any, rounds: int, amount: float
) -> None:
    """Run something on both in turn, and print rates and their ratio."""
    before = cpu.engine(), cpu.sshds()
    medians = interleave(
        {name: lambda client=client: work(client) for name, client in clients.items()}, rounds
    )
    engine, sshds = (cpu.engine() - before[0]) / rounds, (cpu.sshds() - before[1]) / rounds
    print(f"\n{what}, median of {rounds}")
    for name, seconds in medians.items():
        print(f"  {name:20} {seconds:8.3f} s  {amount / seconds:10.1f} /s")
    ratio = medians["without tunnels"] / medians["through exposures"]
    print(f"  rate through exposures / without: {ratio:.2f}x")
    print(f"  CPU in a round through exposures: engine {engine:.2f} s, sshds {sshds:.2f} s")


def main() -> int:
    wanted = set(sys.argv[1:]) or {"map", "shuffle"}
    if reason := missing_netns():
        print(reason)
        return 1
    print(f"load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    with tempfile.TemporaryDirectory(prefix="lzt") as folder, contextlib.ExitStack() as stack:
        farm = SSHFarm(Path(folder))
        stack.callback(farm.close)
        lab = stack.enter_context(NetnsLab(farm))
        for host in HOSTS:
            lab.add(host, path=os.environ["PATH"])
        cpu = Cpu(farm, lab)
        with tunnelled(farm) as near, direct(lab, Path(folder)) as plain:
            clients = {
                "through exposures": Client(near, set_as_default=False),
                "without tunnels": Client(plain, set_as_default=False),
            }
            for client in clients.values():
                client.wait_for_workers(len(HOSTS), timeout=60)
            if "map" in wanted:
                what = f"client.map of {TASKS} trivial tasks (reach >= {REACH}x)"
                compare(clients, cpu, what, map_tasks, ROUNDS, TASKS)
            if "shuffle" in wanted:
                moved = PARTS**2 * PIECE / 1e6
                compare(clients, cpu, f"shuffle of {moved:.0f} MB (MB/s)", shuffle, 3, moved)
            for client in clients.values():
                client.close()
    return 0


if __name__ == "__main__":
    assert ROOT
    sys.exit(main())
