"""Exposures against ssh -L and -R, in the same run: bulk, round trip, many streams, set-up, storm.

python tests/benchmarks/bench_ports.py [bulk] [streams] [relay] [setup] [storm]
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from measure import ROOT, interleave, with_path
from ports_peers import has_paramiko, paramiko, ssh

from tests.netns import NetnsLab, missing_netns
from tests.services import free_port
from tests.sshd import SSHFarm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 1 << 20
BULK = 96 * MIB
RELAYED = 4 * MIB  # to each of 16
ROUNDS = 5

# Told by the first byte what a client wants: to get bytes, to give some, or echoes.
_SERVICE = """
import socket, threading
BLOCK = bytes(262144)
def serve(sock):
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        what = sock.recv(1)
        if what == b"g":
            left = int.from_bytes(sock.recv(8), "big")
            while left > 0:
                left -= sock.send(BLOCK[:left])
        elif what == b"p":
            size = 0
            buffer = bytearray(262144)
            while count := sock.recv_into(buffer):
                size += count
            sock.sendall(b"%d" % size)
        else:
            while data := sock.recv(4096):
                sock.sendall(data)
with socket.create_server(("127.0.0.1", 0), backlog=4096) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""

# Holds the exposures that its stdin asks for, one JSON list a line, and says when they are on.
_HOLDER = """
import asyncio, json, sys, time
from dataclasses import replace
from lazytui.core.engine import Engine
from lazytui.core.exposure_model import Direction, ExposureSpec, Service
from lazytui.core.paths import Paths
from lazytui.core.settings import Settings
from lazytui.ssh.config import SSHConfig

async def main():
    settings = Settings()
    settings = replace(settings, connect=replace(
        settings.connect, backoff_first_s=0.1, backoff_max_s=2.0))
    paths = Paths.of_user()
    paths.create()
    async with Engine(SSHConfig.load(), settings, paths) as engine:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            ask = json.loads(line)
            begin = time.perf_counter()
            if ask[0] == "detect":
                await engine.detect()
            elif ask[0] == "drops":
                before = sum(r.dropped_at is not None
                             for e in engine.exposures.all() for r in e.rows)
                print(before, flush=True)
                continue
            elif ask[0] == "settled":
                with engine.events.subscribe() as events:
                    while not all(e.state == "on" and all(r.dropped_at for r in e.rows)
                                  for e in engine.exposures.all()):
                        await events.drain()
            else:
                await asyncio.gather(*(engine.exposures.add(ExposureSpec(
                    Direction(way), (Service(service, port),), source=source,
                    targets=tuple(targets)))
                    for way, service, port, source, targets in ask[1]))
            print(time.perf_counter() - begin, flush=True)

asyncio.run(main())
"""


class Holder:
    """An engine in a process of its own."""

    def __init__(self, farm: SSHFarm) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER],
            env=with_path(farm.env()),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *words: object) -> float:
        """Have it do something; gives what it says: mostly the seconds that it took."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(words), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("the engine ended")
        return float(answer)

    def expose(self, *specs: tuple[str, int, int, str, list[str]]) -> float:
        """Set up exposures, all at once: direction, service, port, source, targets."""
        return self.ask("add", [list(spec) for spec in specs])

    def cpu_s(self) -> float:
        """The processor time it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mib(self) -> float:
        """Its memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / MIB

    def files(self) -> int:
        """Its open files."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


@contextlib.contextmanager
def service() -> Iterator[int]:
    """A program that serves; gives its port."""
    process = subprocess.Popen([sys.executable, "-c", _SERVICE], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different, below those that clients get."""
    found: list[int] = []
    for port in range(12000, 32000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("too few free ports")


def connect(port: int) -> socket.socket:
    """A client."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def get(port: int, size: int = BULK) -> float:
    """Seconds to get the bulk from the service."""
    buffer = bytearray(262144)
    begin = time.perf_counter()
    with connect(port) as sock:
        sock.sendall(b"g" + size.to_bytes(8, "big"))
        got = 0
        while got < size and (count := sock.recv_into(buffer)):
            got += count
    assert got == size
    return time.perf_counter() - begin


def put(port: int) -> float:
    """Seconds to give the bulk to the service."""
    block = bytes(262144)
    begin = time.perf_counter()
    with connect(port) as sock:
        sock.sendall(b"p")
        for _ in range(BULK // len(block)):
            sock.sendall(block)
        sock.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: sock.recv(4096), b""))
    assert int(said) == BULK
    return time.perf_counter() - begin


def ping(port: int) -> float:
    """The median round trip of one byte, in seconds."""
    times = []
    with connect(port) as sock:
        sock.sendall(b"e")
        for _ in range(400):
            begin = time.perf_counter()
            sock.sendall(b"x")
            sock.recv(1)
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def many(port: int, count: int, size: int = BULK) -> float:
    """Seconds until many clients at once have each got an equal part of so many bytes."""
    part = size // count
    begin = time.perf_counter()

    def client() -> None:
        with connect(port) as sock:
            sock.sendall(b"g" + part.to_bytes(8, "big"))
            left = part
            while left > 0 and (data := sock.recv(min(left, 65536))):
                left -= len(data)

    threads = [threading.Thread(target=client) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def compare(
    title: str,
    ports: dict[str, int],
    measure: Callable[[int], float],
    reach: dict[str, float],
    *,
    size: int = 0,
) -> None:
    """Measure all in turn; bulk as a speed (ratio at least), else as a time (ratio at most)."""
    cases = {name: (lambda port=port: measure(port)) for name, port in ports.items()}
    medians = interleave(cases, ROUNDS)
    print(f"\n{title}")
    for name, value in medians.items():
        shown = f"{size / MIB / value:8.0f} MiB/s" if size else f"{value * 1e6:8.0f} us"
        print(f"  {name:28} {shown}")
    for peer, limit in reach.items():
        ours = medians["lazytui"]
        ratio = medians[peer] / ours if size else ours / medians[peer]
        good = ratio >= limit if size else ratio <= limit
        sign = ">=" if size else "<="
        word = "reached" if good else "NOT reached"
        print(f"  lazytui / {peer}: {ratio:.2f}x (reach {sign} {limit}x: {word})", flush=True)


def bulk(farm: SSHFarm, wanted: set[str]) -> None:
    """One stream each way, the round trip, and many streams at once."""
    farm.add("host1")
    holder = Holder(farm)
    with service() as there, contextlib.ExitStack() as stack:
        ours, remote, plain, gcm, back = (free_port() for _ in range(5))
        holder.ask("detect")
        holder.expose(
            ("runtime->manager", there, ours, "host1", []),
            ("manager->runtimes", there, remote, "", ["host1"]),
        )
        for port, cipher in ((plain, ()), (gcm, ("-c", "aes128-gcm@openssh.com"))):
            forward = ("-L", f"127.0.0.1:{port}:127.0.0.1:{there}")
            stack.enter_context(ssh(farm, "host1", *cipher, *forward, port=port))
        forward = ("-R", f"127.0.0.1:{back}:127.0.0.1:{there}")
        stack.enter_context(ssh(farm, "host1", *forward, port=back))
        local = {"lazytui": ours, "ssh -L": plain, "ssh -L gcm": gcm}
        far = {"lazytui": remote, "ssh -R": back}
        if "bulk" in wanted:
            reach = {"ssh -L": 0.95, "ssh -L gcm": 0.7}
            peers = dict(local)
            if has_paramiko():
                for name, piece in (("paramiko", 1024), ("paramiko, 32 KiB", 32768)):
                    near = peers[name] = free_port()
                    stack.enter_context(paramiko(farm, "host1", near=near, far=there, piece=piece))
                reach["paramiko"] = 6.0
            else:
                print("\nparamiko: not installed (pip install paramiko)")
            compare("manager <- runtime, one stream", peers, get, reach, size=BULK)
            compare("manager -> runtime, one stream", peers, put, reach, size=BULK)
            compare("1-byte round trip, p50", local, ping, {"ssh -L": 1.6})
            compare("remote listener, from the manager", far, get, {"ssh -R": 1.0}, size=BULK)
            compare("remote listener, to the manager", far, put, {"ssh -R": 1.0}, size=BULK)
        if "streams" in wanted:
            compare(
                "100 streams at once, sum",
                local,
                lambda port: many(port, 100),
                {"ssh -L": 0.9},
                size=BULK,
            )
        print(f"  (engine: {holder.cpu_s():.1f} s of CPU, {holder.rss_mib():.0f} MiB)")
    holder.close()


def relay(farm: SSHFarm) -> None:
    """One service to 16 runtimes at once, against two chained forwards of ssh each."""
    farm.add("source")
    targets = [host.name for host in farm.add_many("t", 16)]
    holder = Holder(farm)
    with service() as there, contextlib.ExitStack() as stack:
        ports = free_ports(3 * len(targets))
        ours, middle, chained = ports[::3], ports[1::3], ports[2::3]
        holder.ask("detect")
        holder.expose(
            *(
                ("runtime->group", there, port, "source", [target])
                for port, target in zip(ours, targets, strict=True)
            )
        )
        for near, far, target in zip(middle, chained, targets, strict=True):
            one = ("-L", f"127.0.0.1:{near}:127.0.0.1:{there}")
            two = ("-R", f"127.0.0.1:{far}:127.0.0.1:{near}")
            stack.enter_context(ssh(farm, "source", *one, port=near))
            stack.enter_context(ssh(farm, target, *two, port=far))

        def all_at_once(ports: list[int]) -> float:
            begin = time.perf_counter()
            threads = [threading.Thread(target=many, args=(port, 2, RELAYED)) for port in ports]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return time.perf_counter() - begin

        medians = interleave(
            {"lazytui": lambda: all_at_once(ours), "ssh -L | ssh -R": lambda: all_at_once(chained)},
            3,
        )
        print("\nrelay to 16 runtimes, sum")
        for name, value in medians.items():
            print(f"  {name:28} {16 * RELAYED / MIB / value:8.0f} MiB/s")
        print(f"  ratio {medians['ssh -L | ssh -R'] / medians['lazytui']:.2f}x (reach >= 1.0x)")
    holder.close()


def setup(farm: SSHFarm) -> None:
    """One exposure on 64 runtimes: the same port on each, so each is a machine of its own."""
    if reason := missing_netns():
        print(f"\none exposure on 64 runtimes: not measured, {reason}")
        return
    with NetnsLab(farm) as lab, service() as there:
        targets = [lab.add(f"s{k:02}").name for k in range(64)]
        holder = Holder(farm)
        print(f"\ndetect 64 hosts: {holder.ask('detect'):.2f} s")
        times = [
            holder.expose(("manager->runtimes", there, port, "", targets))
            for port in free_ports(ROUNDS)
        ]
        shown = ", ".join(f"{each:.2f}" for each in times)
        print(f"one exposure on 64 runtimes: {statistics.median(times):.2f} s of {shown}", end="")
        print(" (reach <= 1 s)")
        holder.close()


def storm(farm: SSHFarm) -> None:
    """500 exposures on 50 runtimes, all connections cut."""
    hosts = farm.add_many("h", 50)
    holder = Holder(farm)
    with service() as there:
        holder.ask("detect")
        specs = []
        for k, port in enumerate(free_ports(500)):
            name = hosts[k % 50].name
            near = ("runtime->manager", there, port, name, [])
            far = ("manager->runtimes", there, port, "", [name])
            specs.append(near if k % 2 else far)
        print(f"\n500 exposures on 50 runtimes: set up in {holder.expose(*specs):.2f} s")
        print(f"  engine: {holder.rss_mib():.0f} MiB, {holder.files()} files")
        for pid in {pid for host in hosts for pid in host.session_pids()}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        print(f"  all cut: all on again after {holder.ask('settled'):.2f} s (reach <= 10 s)")
        print(f"  engine: {holder.rss_mib():.0f} MiB, {holder.files()} files")
    holder.close()


def main() -> None:
    """Run what is named, by default all."""
    wanted = set(sys.argv[1:]) or {"bulk", "streams", "relay", "setup", "storm"}
    parts = [("relay", relay), ("setup", setup), ("storm", storm)]
    if wanted & {"bulk", "streams"}:
        parts.insert(0, ("", lambda farm: bulk(farm, wanted)))
    for name, part in parts:
        if name and name not in wanted:
            continue
        with tempfile.TemporaryDirectory(prefix="lzt") as folder:
            farm = SSHFarm(Path(folder) / "f")
            try:
                part(farm)
            finally:
                farm.close()


if __name__ == "__main__":
    main()
