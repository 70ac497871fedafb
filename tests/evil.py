"""Odd servers: ports that are not SSH, and SSH servers that behave badly.

Plain TCP peers run in a thread, so that real clients can meet them from any test. The asyncssh
servers run in the test's own loop. Each gives an :class:`OddServer`, which ``farm.add_entry``
writes into the ssh config.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncssh

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    Behaviour = Callable[[socket.socket, threading.Event], None]

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class OddServer:
    """Where an odd server listens, its key in known_hosts form, and what it has seen so far."""

    address: str
    port: int
    public_key: str = ""
    seen: list[str] = field(default_factory=list)
    server: Any = None  # the class of its connections

    def accept(self, password: str) -> None:
        """Take another password from now on."""
        self.server.password = password

    def hang_up(self) -> None:
        """End the connection that came last."""
        self.server.last.abort()


# --- plain TCP -------------------------------------------------------------------------------


class TcpPeer:
    """A listening port; every connection is given to ``behave`` in a thread of its own.

    ``behave`` gets the connection and an event that is set when the peer is closed. With
    ``behave=None`` nothing is ever accepted: the kernel completes the TCP handshake and no byte
    is ever sent, which is what a hung host looks like.
    """

    def __init__(self, address: str, port: int, behave: Behaviour | None = None) -> None:
        self._closing = threading.Event()
        self._behave = behave
        self._threads: list[threading.Thread] = []
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, port))
        self._socket.listen(128)
        self.address, self.port = self._socket.getsockname()
        if behave is not None:
            self._start(self._accept)

    def close(self) -> None:
        """Close the port and wait until its threads have ended."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the accept() of the other thread
        self._socket.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        assert self._behave is not None
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            self._behave(connection, self._closing)


def speaks_http(connection: socket.socket, closing: threading.Event) -> None:
    """Answer whatever comes as a web server would."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def hangs_up(connection: socket.socket, closing: threading.Event) -> None:
    """Close at once, without a byte: an sshd over its MaxStartups, a TCP wrapper."""


def sends(data: bytes) -> Behaviour:
    """Send ``data`` as the very first thing, read what comes, then close."""

    def behave(connection: socket.socket, closing: threading.Event) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    return behave


def delays(delay_s: float, target: tuple[str, int]) -> Behaviour:
    """Stay silent for ``delay_s`` seconds, then be a plain pipe to ``target``."""

    def behave(connection: socket.socket, closing: threading.Event) -> None:
        if closing.wait(delay_s):
            return
        with socket.create_connection(target, 10) as upstream:
            _splice(connection, upstream, closing)

    return behave


def resets(target: tuple[str, int], cuts: list[threading.Event]) -> Behaviour:
    """Be a plain pipe to ``target``; each connection adds an event that resets it when set.

    Both ends get a TCP RST, as from a firewall that has lost its state.
    """

    def behave(connection: socket.socket, closing: threading.Event) -> None:
        cut = threading.Event()
        cuts.append(cut)
        with socket.create_connection(target, 10) as upstream:
            _splice(connection, upstream, closing, cut)
            for end in (connection, upstream):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


def _splice(left: socket.socket, right: socket.socket, *endings: threading.Event) -> None:
    other = {left: right, right: left}
    while not any(ending.is_set() for ending in endings):
        readable, _, _ = select.select(list(other), [], [], 0.1)
        for end in readable:
            data = end.recv(65536)
            if not data:
                return
            other[end].sendall(data)


@contextmanager
def tcp_peer(behave: Behaviour | None) -> Iterator[OddServer]:
    """Run a plain TCP peer on a free port of the loopback for the length of the ``with``."""
    peer = TcpPeer(LOOPBACK, 0, behave)
    try:
        yield OddServer(peer.address, peer.port)
    finally:
        peer.close()


def old_version() -> contextlib.AbstractContextManager[OddServer]:
    """A server that speaks protocol 1.5 only."""
    return tcp_peer(sends(b"SSH-1.5-OpenSSH_1.2\r\n"))


def escapes_in_version() -> contextlib.AbstractContextManager[OddServer]:
    """A server whose first lines and version are escape sequences: title, clipboard, C1."""
    greeting = b"\x1b]0;owned\x07 hello \x1b[2J\r\nSSH-9.9-\x1b]52;c;ZXZpbA==\x07\xc2\x9b31m\r\n"
    return tcp_peer(sends(greeting))


# --- SSH servers that behave badly -----------------------------------------------------------


class _Open(asyncssh.SSHServer):
    """Takes everyone, without authentication."""

    last: asyncssh.SSHServerConnection

    def __init__(self, seen: list[str]) -> None:
        self.seen = seen
        self.connection: asyncssh.SSHServerConnection

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = type(self).last = conn
        self.seen.append("connection")

    def begin_auth(self, username: str) -> bool:
        return False


class _Password(_Open):
    """Takes one password. ``seen`` gets every password that was tried."""

    password = ""

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def kbdint_auth_supported(self) -> bool:
        return False  # or asyncssh would ask for the password by that, too

    def validate_password(self, username: str, password: str) -> bool:
        self.seen.append(f"password {password}")
        return password == self.password


class _Keyboard(_Open):
    """Asks questions by keyboard-interactive, as a second factor does."""

    prompts: tuple[str | tuple[str, bool], ...] = ()
    answers: tuple[str, ...] = ()

    def begin_auth(self, username: str) -> bool:
        return True

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        prompts = [(p, False) if isinstance(p, str) else p for p in self.prompts]
        return "Second factor", "Look at your token", lang, prompts

    def validate_kbdint_response(self, username: str, responses: Any) -> bool:
        self.seen.extend(f"answer {r}" for r in responses)
        return tuple(responses) == self.answers


class _TwoSteps(_Keyboard):
    """Asks for a password first and then for a code, as PAM does with two modules."""

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", lang, [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        self.seen.extend(f"answer {r}" for r in responses)
        if tuple(responses) == self.answers[:1]:
            return "", "", "", [("Code: ", False)]
        return tuple(responses) == self.answers[1:]


class _Leaves(_Open):
    """Disconnects with a reason as soon as a user name comes."""

    reason = ""

    def begin_auth(self, username: str) -> bool:
        self.connection.disconnect(asyncssh.DISC_BY_APPLICATION, self.reason)
        return True


class _Banner(_Open):
    """Sends a banner before the authentication."""

    banner = ""

    def begin_auth(self, username: str) -> bool:
        self.connection.send_auth_banner(self.banner)
        return False


class _NoSessions(_Open):
    """Authenticates everyone and then refuses every session (MaxSessions 0, or a full host)."""

    def session_requested(self) -> bool:
        self.seen.append("session")
        return False


async def _says_hi(process: asyncssh.SSHServerProcess[bytes]) -> None:
    process.stdout.write(b"hi\n")
    process.exit(0)


@asynccontextmanager
async def _serve(kind: type[_Open], **attributes: object) -> AsyncIterator[OddServer]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    seen: list[str] = []
    server_kind = type(kind.__name__, (kind,), attributes)
    # With a process factory asyncssh would never ask the server about a session.
    process_factory = None if issubclass(kind, _NoSessions) else _says_hi
    acceptor = await asyncssh.listen(
        LOOPBACK,
        0,
        server_factory=lambda: server_kind(seen),
        server_host_keys=[key],
        process_factory=process_factory,
        encoding=None,
    )
    try:
        public_key = key.export_public_key().decode().strip()
        yield OddServer(LOOPBACK, acceptor.get_port(), public_key, seen, server_kind)
    finally:
        acceptor.close()
        await acceptor.wait_closed()


def password_only(password: str) -> contextlib.AbstractAsyncContextManager[OddServer]:
    """A server that takes one password and no key; ``seen`` lists the passwords tried."""
    return _serve(_Password, password=password)


def keyboard_interactive(
    prompts: tuple[str | tuple[str, bool], ...], answers: tuple[str, ...]
) -> contextlib.AbstractAsyncContextManager[OddServer]:
    """A server that asks ``prompts`` and wants ``answers``; ``seen`` lists what came.

    A prompt may come with whether its answer may be seen; else it may not.
    """
    return _serve(_Keyboard, prompts=prompts, answers=answers)


def two_steps(password: str, code: str) -> contextlib.AbstractAsyncContextManager[OddServer]:
    """A server that asks for a password and then for a code; ``seen`` lists what came."""
    return _serve(_TwoSteps, answers=(password, code))


def disconnects(reason: str) -> contextlib.AbstractAsyncContextManager[OddServer]:
    """A server that disconnects with ``reason`` (any text) before authentication."""
    return _serve(_Leaves, reason=reason)


def shows_banner(banner: str) -> contextlib.AbstractAsyncContextManager[OddServer]:
    """A server that sends ``banner`` (any text) before it lets everyone in."""
    return _serve(_Banner, banner=banner)


def refuses_sessions() -> contextlib.AbstractAsyncContextManager[OddServer]:
    """A server that lets everyone in and opens no session; ``seen`` counts the attempts."""
    return _serve(_NoSessions)
