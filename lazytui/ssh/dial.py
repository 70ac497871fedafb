"""The bare way to a host's port: TCP, or the pipe of a ``ProxyCommand``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from lazytui.text import sanitize

if TYPE_CHECKING:
    from lazytui.ssh.config import HostOptions

FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
MAX_COMPLAINT = 4096
HANGUP_GRACE_S = 1.0  # for a ProxyCommand to clean up


@dataclass(slots=True)
class ProxyProcess:
    """A running ``ProxyCommand``: its stderr is kept, since it tells why the way is closed."""

    process: asyncio.subprocess.Process
    stderr: IO[bytes]

    def complaint(self) -> str:
        """Give the last line that the command wrote to stderr, made harmless."""
        self.stderr.seek(0, os.SEEK_END)
        size = self.stderr.tell()
        self.stderr.seek(max(0, size - MAX_COMPLAINT))
        lines = self.stderr.read().decode("utf-8", "replace").strip().splitlines()
        return sanitize(lines[-1], max_chars=200) if lines else ""

    async def close(self) -> None:
        """End the command and its children: HUP as ssh sends it, KILL for one that stays."""
        try:
            self._signal(signal.SIGHUP)
            try:
                async with asyncio.timeout(HANGUP_GRACE_S):
                    await self.process.wait()
            except TimeoutError:
                self._signal(signal.SIGKILL)
                await self.process.wait()
        finally:
            self._signal(signal.SIGKILL)  # we were cancelled while we waited
            self.stderr.close()

    def _signal(self, number: signal.Signals) -> None:
        """Signal the command's process group, while its number cannot be somebody else's."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


async def dial(options: HostOptions, timeout_s: float) -> socket.socket:
    """Open a TCP connection to a host's port, trying each of its addresses.

    Args:
        options: where to.
        timeout_s: seconds for all addresses together; each gets its share.

    Raises:
        OSError: the last address's error; ``socket.gaierror`` for an unknown name.
        TimeoutError: no address answered.
    """
    loop = asyncio.get_running_loop()
    family = FAMILIES.get(options.address_family, socket.AF_UNSPEC)
    addresses = _literal(options.hostname, options.port) or await loop.getaddrinfo(
        options.hostname, options.port, family=family, type=socket.SOCK_STREAM
    )
    error: OSError = OSError("no address")
    for kind, _, _, _, address in addresses:
        sock = socket.socket(kind, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if options.bind_address:
                sock.bind((options.bind_address, 0))
            async with asyncio.timeout(timeout_s / len(addresses)):
                await loop.sock_connect(sock, address)
        except OSError as failed:  # a TimeoutError is one too
            sock.close()
            error = failed
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise error


async def run_proxy(command: str) -> tuple[socket.socket, ProxyProcess]:
    """Start a ``ProxyCommand`` and give our end of its pipe.

    A socket pair rather than asyncssh's own way, which has no backpressure on the pipes and takes
    the command's stderr for data of the host.

    Args:
        command: tokens expanded; run by ``/bin/sh -c exec`` as ssh does.

    Raises:
        OSError: it could not be started.
    """
    with contextlib.ExitStack() as stack:
        ours, theirs = socket.socketpair()
        stack.callback(ours.close)
        with theirs:
            stderr = stack.enter_context(tempfile.TemporaryFile())
            process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                f"exec {command}",
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=stderr,
                start_new_session=True,
            )
        ours.setblocking(False)
        stack.pop_all()  # from here on they belong to the caller
    return ours, ProxyProcess(process, stderr)


async def greeting(options: HostOptions, timeout_s: float) -> bytes:
    """Ask a port that closed on us what it says to an SSH greeting; empty when it says nothing.

    asyncssh does not tell whether a server that closed early spoke another language or only had
    too many connections starting (``MaxStartups``); the first is final, the second is not.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            sock = await dial(options, timeout_s)
            with sock:
                await loop.sock_sendall(sock, b"SSH-2.0-lazytui\r\n")
                return await loop.sock_recv(sock, 256)
    except OSError:
        return b""


def _literal(
    host: str, port: int
) -> list[tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]]:
    """Give the address of a numeric host without the detour through a resolver thread."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return [(family, socket.SOCK_STREAM, 0, "", (host, port))]
    return []
