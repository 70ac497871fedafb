"""The bare way to a host's port: TCP, or the pipe of a ``ProxyCommand``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncssh

    from lazytui.ssh.config import HostOptions

FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
MAX_COMPLAINT = 4096
# The version, and what OpenSSH says before it closes for lack of room.
SSH_GREETINGS = (b"SSH-2.0", b"SSH-1.99", b"Exceeded MaxStartups", b"Not allowed at this time")
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


class Tunnel:
    """A bastion's connection as the way to another host: ``tunnel=`` of ``asyncssh.connect``.

    What asyncssh does not know of a tunnelled connection it tells of the bastion's. The version
    of the server is not known until it speaks, and a bastion's would look as if it had.

    Args:
        bastion: the connection to tunnel through.
    """

    def __init__(self, bastion: asyncssh.SSHClientConnection) -> None:
        self._bastion = bastion

    async def create_connection(
        self, session_factory: Callable[[], Any], remote_host: str, remote_port: int
    ) -> tuple[asyncssh.SSHTCPChannel[bytes], asyncssh.SSHTCPSession[bytes]]:
        """Open a channel to a port that the bastion reaches."""
        channel, session = await self._bastion.create_connection(
            session_factory, remote_host, remote_port
        )
        channel.set_extra_info(server_version="")
        return channel, session


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


async def is_not_ssh(options: HostOptions, timeout_s: float) -> bool:
    """Ask a port that closed on us what it answers to an SSH greeting; silence tells nothing.

    asyncssh does not tell whether a server that closed early spoke another language or only had
    too many connections starting (``MaxStartups``); the first is final, the second is not.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            sock = await dial(options, timeout_s)
            with sock:
                await loop.sock_sendall(sock, b"SSH-2.0-lazytui\r\n")
                said = await loop.sock_recv(sock, 256)
    except OSError:
        return False
    return bool(said) and not said.startswith(SSH_GREETINGS)


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
