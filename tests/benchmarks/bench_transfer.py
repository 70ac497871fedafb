"""Files to hosts and from hosts, against scp, rsync, tar over ssh and asyncssh's own SFTP.

    python tests/benchmarks/bench_transfer.py [--mib 128] [--hosts 8] [--rounds 3] [CASE ...]

Cases: put, get, fan, small. Everything lies on a tmpfs. Ours is timed on an engine with open
connections, from the request to the end in the journal; the others pay for their connect.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from measure import report, timed

from tests.engines import ended, engine_on
from tests.sshd import SSHFarm

GCM = "aes128-gcm@openssh.com"
SMALL_FILES = 5000


async def main() -> None:
    """Run the cases that were asked for."""
    words = argparse.ArgumentParser()
    words.add_argument("cases", nargs="*", default=["put", "get", "fan", "small"])
    words.add_argument("--mib", type=int, default=128)
    words.add_argument("--hosts", type=int, default=8)
    words.add_argument("--rounds", type=int, default=3)
    asked = words.parse_args()
    base = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="bench"))
    farm = SSHFarm(base / "farm")
    try:
        for number in range(asked.hosts):
            farm.add(f"h{number:02}")
        async with engine_on(farm) as engine:
            await engine.detect(list(farm.hosts))
            bench = Bench(farm, engine, base, asked)
            for case in asked.cases:
                await getattr(bench, case)()
    finally:
        farm.close()
        shutil.rmtree(base, ignore_errors=True)


class Bench:
    """The cases, each with its peers in turn."""

    def __init__(self, farm: SSHFarm, engine, base: Path, asked: argparse.Namespace) -> None:
        self.farm, self.engine, self.base, self.asked = farm, engine, base, asked
        self.home = farm.hosts["h00"].home
        self.file = base / "file"
        with self.file.open("wb") as file:
            for _ in range(asked.mib):
                file.write(os.urandom(1 << 20))

    def ssh(self, *words: str) -> list[str]:
        return [*words[:1], "-F", str(self.farm.config), *words[1:]]

    async def outside(self, *argv: str) -> float:
        return await asyncio.to_thread(timed, list(argv), self.farm.env())

    async def ours(self, begin) -> float:
        start = time.perf_counter()
        for run in await begin:
            record = await ended(run)
            assert record.state == "succeeded", record
        return time.perf_counter() - start

    async def rounds(self, cases: dict, clean) -> dict[str, float]:
        times: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(self.asked.rounds):
            for name, case in cases.items():
                clean()
                times[name].append(await case())
        return {name: sorted(values)[len(values) // 2] for name, values in times.items()}

    async def put(self) -> None:
        """One big file to one host."""
        there = self.home / "put"
        medians = await self.rounds(
            {
                "lazytui": lambda: self.ours(self.engine.send(str(self.file), ["h00"], "put")),
                "scp": lambda: self.outside(*self.ssh("scp", "-q", str(self.file), f"h00:{there}")),
                "scp gcm": lambda: self.outside(
                    *self.ssh("scp", "-q", "-c", GCM, str(self.file), f"h00:{there}")
                ),
            },
            lambda: there.unlink(missing_ok=True),
        )
        report(f"{self.asked.mib} MiB to one host", medians, "lazytui", {"scp": 0.67, "scp gcm": 1})

    async def get(self) -> None:
        """One big file from one host."""
        shutil.copy2(self.file, self.home / "big")
        here = self.base / "got"
        source = f"h00:{self.home}/big"
        medians = await self.rounds(
            {
                "lazytui": lambda: self.ours(self.engine.get("big", ["h00"], str(here))),
                "scp": lambda: self.outside(*self.ssh("scp", "-q", source, str(here))),
                "scp gcm": lambda: self.outside(
                    *self.ssh("scp", "-q", "-c", GCM, source, str(here))
                ),
            },
            lambda: here.unlink(missing_ok=True),
        )
        reach = {"scp": 0.77, "scp gcm": 0.91}
        report(f"{self.asked.mib} MiB from one host", medians, "lazytui", reach)

    async def fan(self) -> None:
        """One file to many hosts at once."""
        file = self.base / "fan"
        with file.open("wb") as stream:
            stream.write(self.file.read_bytes()[: self.asked.mib * (1 << 20) // 4])
        homes = [host.home / "fan" for host in self.farm.hosts.values()]
        hosts = list(self.farm.hosts)
        scp = " ".join(self.ssh("scp", "-q", "-c", GCM, str(file), "{}:fan.tmp"))
        script = f"printf '%s\\n' {' '.join(hosts)} | xargs -P{len(hosts)} -I{{}} {scp}"
        medians = await self.rounds(
            {
                "lazytui": lambda: self.ours(self.engine.send(str(file), hosts, "fan")),
                "scp each": lambda: self.outside("sh", "-c", script),
            },
            lambda: [home.unlink(missing_ok=True) for home in homes],
        )
        Path.home().joinpath("fan.tmp").unlink(missing_ok=True)
        title = f"{self.asked.mib // 4} MiB to {len(hosts)} hosts"
        report(title, medians, "lazytui", {"scp each": 0.77})

    async def small(self) -> None:
        """A folder of many small files, and the same again."""
        tree = self.base / "tree"
        tree.mkdir()
        for number in range(SMALL_FILES):
            (tree / f"f{number:05}").write_bytes(os.urandom(4096))
        there = self.home / "tree"
        shell = f"ssh -F {self.farm.config}"
        rsync = ("rsync", "-a", "-e", shell, str(tree), f"h00:{self.home}/")
        tar = f"tar c -C {self.base} tree | {shell} h00 tar x -C {self.home}"
        cases = {
            "lazytui": lambda: self.ours(self.engine.send(str(tree), ["h00"])),
            "tar over ssh": lambda: self.outside("sh", "-c", tar),
            "asyncssh put": lambda: self.sftp(tree),
        }
        if shutil.which("rsync"):
            cases["rsync -a"] = lambda: self.outside(*rsync)
        medians = await self.rounds(cases, lambda: shutil.rmtree(there, ignore_errors=True))
        reach = {"rsync -a": 0.9, "tar over ssh": 1.0, "asyncssh put": 0.1}
        peers = {name: limit for name, limit in reach.items() if name in medians}
        report(f"{SMALL_FILES} files of 4 KiB", medians, "lazytui", peers)
        del cases["tar over ssh"], cases["asyncssh put"]
        again = await self.rounds(cases, lambda: None)
        report("the same again", again, "lazytui", {"rsync -a": 1.1} if len(again) > 1 else {})

    async def sftp(self, tree: Path) -> float:
        """asyncssh's own recursive put, on an open connection."""
        connection = self.engine.runtime("h00").connection
        async with connection.asyncssh_connection.start_sftp_client() as sftp:
            start = time.perf_counter()
            await sftp.put(str(tree), str(self.home), recurse=True, preserve=True)
            return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
