"""Other programs that forward ports, for comparison."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sshd import SSHFarm

# As paramiko's own demos/forward.py does it, with pieces of its 1,024 bytes or larger ones;
# fabric's forward_local takes 1,000 at a time. Unlike both it survives a half-closed stream.
_PARAMIKO = """
import select, socketserver, sys
import paramiko

address, port, user, key, near, far, piece = sys.argv[1:]
piece = int(piece)
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
client.connect(address, int(port), user, key_filename=key, look_for_keys=False, allow_agent=False)
transport = client.get_transport()

class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        channel = transport.open_channel(
            "direct-tcpip", ("127.0.0.1", int(far)), self.request.getpeername())
        while True:
            ready, _, _ = select.select([self.request, channel], [], [])
            if self.request in ready:
                data = self.request.recv(piece)
                if not data:
                    channel.shutdown_write()
                    while data := channel.recv(piece):
                        self.request.sendall(data)
                    break
                channel.sendall(data)
            if channel in ready:
                data = channel.recv(piece)
                if not data:
                    break
                self.request.sendall(data)
        channel.close()
        self.request.close()

class Server(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True

Server(("127.0.0.1", int(near)), Handler).serve_forever()
"""


def ready(port: int, limit_s: float = 20.0) -> None:
    """Wait until somebody listens."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens on {port}")


@contextlib.contextmanager
def ssh(farm: SSHFarm, host: str, *words: str, port: int) -> Iterator[None]:
    """The real ssh with a forward; ready when the port listens."""
    process = subprocess.Popen(
        ["ssh", "-F", str(farm.config), "-N", "-o", "ExitOnForwardFailure=yes", *words, host],
        env=farm.env(),
    )
    try:
        ready(port)
        yield
    finally:
        process.terminate()
        process.wait()


def has_paramiko() -> bool:
    """Whether it is installed beside the benchmark; lazytui does not need it."""
    return importlib.util.find_spec("paramiko") is not None


@contextlib.contextmanager
def paramiko(farm: SSHFarm, host: str, *, near: int, far: int, piece: int) -> Iterator[None]:
    """A local forward of paramiko's with pieces of so many bytes; ready when the port listens."""
    server = farm.hosts[host]
    words = (server.address, server.port, farm.user, farm.client_key, near, far, piece)
    process = subprocess.Popen([sys.executable, "-c", _PARAMIKO, *map(str, words)])
    try:
        ready(near)
        yield
    finally:
        process.kill()
        process.wait()
