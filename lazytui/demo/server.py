"""A pretend host: an SSH server on loopback that runs its commands as local processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

import asyncssh

from lazytui.demo.cast import Answer
from lazytui.demo.shell import serve_terminal
from lazytui.demo.stage import ADDRESS, Entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from lazytui.demo.cast import PretendHost
    from lazytui.demo.stage import HostFolder

PIECE = 64 * 1024
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@asynccontextmanager
async def pretend_host(
    host: PretendHost, folder: HostFolder, client_key: str
) -> AsyncIterator[Entry]:
    """Be a host for the length of the ``async with``; gives its entry for the ssh config.

    Args:
        host: who is played.
        folder: its folder, already built.
        client_key: the public key that is let in, as authorized_keys writes it.

    Raises:
        OSError: no port could be had.
    """
    if host.answer is not Answer.WELL:
        with _mute_port(listening=host.answer is Answer.SILENT) as port:
            yield Entry(host.name, port, "")
        return
    key = asyncssh.generate_private_key("ssh-ed25519")
    acceptor = await asyncssh.listen(
        ADDRESS,
        0,
        server_factory=_Forwards,
        server_host_keys=[key],
        authorized_client_keys=asyncssh.import_authorized_keys(client_key),
        process_factory=_Commands(folder, host.name).run,
        encoding=None,
        line_editor=False,  # programs on a terminal do that themselves
        agent_forwarding=False,
    )
    try:
        public_key = key.export_public_key().decode("ascii").strip()
        yield Entry(host.name, acceptor.get_port(), public_key)
    finally:
        acceptor.close()
        await acceptor.wait_closed()


class _Forwards(asyncssh.SSHServer):
    """Lets ports of this machine's loopback be forwarded, to and from: those that a client has."""

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> bool:
        """Connect to a service here, and nowhere else."""
        del dest_port, orig_host, orig_port
        return dest_host in LOOPBACK

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        """Listen here, for nobody else."""
        del listen_port
        return listen_host in LOOPBACK


@contextmanager
def _mute_port(*, listening: bool) -> Iterator[int]:
    """A port that is ours and never answers: refused unless ``listening``, silent if so."""
    with socket.socket() as port:
        port.bind((ADDRESS, 0))
        if listening:
            port.listen(64)  # the kernel completes the handshake; nobody accepts
        yield port.getsockname()[1]


class _Commands:
    """Runs the commands of one pretend host."""

    def __init__(self, folder: HostFolder, name: str) -> None:
        self._folder = folder
        self._environment = {**folder.environment(), "PS1": f"{name}$ "}

    async def run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Serve one session: bytes between the channel and a local process, then its status.

        asyncssh could redirect to pipes by itself; under load that lost the end of the input.
        """
        argv = ["/bin/sh", "-c", process.command] if process.command else ["/bin/sh"]
        if process.term_type is not None:
            home = str(self._folder.home)
            process.exit(await serve_terminal(process, argv, self._environment, home))
            return
        child = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            cwd=self._folder.home,
            start_new_session=True,
            limit=PIECE,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        async with asyncio.TaskGroup() as tasks:
            feeding = tasks.create_task(_feed(process.stdin, child.stdin))
            copies = [
                tasks.create_task(_copy(child.stdout, process.stdout, child)),
                tasks.create_task(_copy(child.stderr, process.stderr, child)),
            ]
            status = await child.wait()
            await asyncio.wait(copies)
            feeding.cancel()
        if status < 0:
            process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
        else:
            process.exit(status)


async def _feed(source: asyncssh.SSHReader[bytes], stdin: asyncio.StreamWriter) -> None:
    """Give the process what the client sends. A lost connection is its end of file."""
    try:
        while data := await source.read(PIECE):
            stdin.write(data)
            await stdin.drain()
    except (asyncssh.Error, OSError):
        return  # the connection is lost, or the process reads no more
    finally:
        stdin.close()


async def _copy(
    source: asyncio.StreamReader,
    target: asyncssh.SSHWriter[bytes],
    child: asyncio.subprocess.Process,
) -> None:
    """Send the client what the process prints. A process that prints to nobody is hung up on."""
    while data := await source.read(PIECE):
        try:
            target.write(data)
            await target.drain()
        except (asyncssh.Error, OSError):
            if child.returncode is None:  # else the number may be another's by now
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGHUP)
