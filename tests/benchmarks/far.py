"""Hosts that are far away: a relay in a process of its own holds every byte back for a while.

    with far_away(farm, rtt_s=0.02):   # the farm's ssh config leads through the relay meanwhile
        ...

Loopback has no latency, and hosts on it share this machine's cores: what is asked of one host
after the other then looks better than it is anywhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sshd import SSHFarm


@contextlib.contextmanager
def far_away(farm: SSHFarm, rtt_s: float) -> Iterator[None]:
    """Put so many seconds of round trip time between us and all hosts of a farm."""
    near = farm.config.read_text()
    targets = [(host.address, host.port) for host in farm.hosts.values()]
    line = [sys.executable, "-m", "tests.benchmarks.far", json.dumps([rtt_s / 2, targets])]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as relay:
        assert relay.stdout is not None
        ports = json.loads(relay.stdout.readline())
        blocks = [
            f"Host {host.name}\n    HostName 127.0.0.1\n    Port {port}\n"
            f"    HostKeyAlias [{host.address}]:{host.port}\n    User {farm.user}\n"
            f"    IdentityFile {farm.client_key}\n    UserKnownHostsFile {farm.known_hosts}\n"
            for host, port in zip(farm.hosts.values(), ports, strict=True)
        ]
        farm.config.write_text("\n".join(blocks))
        try:
            yield
        finally:
            farm.config.write_text(near)
            relay.terminate()


async def relay(delay_s: float, targets: list[tuple[str, int]]) -> None:
    """Listen on a port for each target; print the ports, and relay until killed."""
    loop = asyncio.get_running_loop()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(1 << 16):
                loop.call_later(delay_s, writer.write, piece)
        loop.call_later(delay_s, writer.close)

    async def serve(
        target: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there, to_there = await asyncio.open_connection(*target)
        await asyncio.gather(carry(reader, to_there), carry(there, writer))

    servers = [
        await asyncio.start_server(lambda r, w, t=target: serve(t, r, w), "127.0.0.1", 0)
        for target in targets
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(relay(*json.loads(sys.argv[1])))
