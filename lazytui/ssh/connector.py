"""Makes connections: the way to the host, the trust in its key, the proof of who we are."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import asyncssh

from lazytui.errors import ConnectError
from lazytui.ssh import algorithms, reasons
from lazytui.ssh.connection import Connection
from lazytui.ssh.credentials import KeyRing, agent_socket, public_keys_of
from lazytui.ssh.dial import ProxyProcess, dial, greeting, run_proxy
from lazytui.ssh.hostkeys import HostKeyJudge
from lazytui.ssh.limiter import StartLimiter
from lazytui.text import sanitize

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from lazytui.ssh.config import HostOptions, SSHConfig
    from lazytui.ssh.credentials import Asker
    from lazytui.ssh.trust import Trust

MAX_HOPS = 8
AGENT_TIMEOUT_S = 5.0


class ConnectSettings(Protocol):
    """What of the settings (section ``[connect]``) a connection needs; times in seconds."""

    @property
    def timeout_s(self) -> float:
        """Until the server has said its version."""

    @property
    def login_timeout_s(self) -> float:
        """Until the login is complete."""

    @property
    def keepalive_s(self) -> float:
        """Between two questions whether the host is still there."""

    @property
    def keepalive_count(self) -> int:
        """Unanswered ones before the connection counts as lost."""

    @property
    def starts_per_address(self) -> int:
        """Connections starting at once towards one address or bastion."""

    @property
    def starts_total(self) -> int:
        """Connections starting at once in all."""


class _Client(asyncssh.SSHClient):
    """Watches one connection attempt; answers nothing by itself."""

    def __init__(self, attempt: reasons.Attempt) -> None:
        self._attempt = attempt
        self._connection: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        self.saw_version()

    def saw_version(self) -> bool:
        """Tell whether the server has said its version, and note it."""
        if self._connection is not None:
            version = self._connection.get_extra_info("server_version", "")
            self._attempt.server_version = sanitize(str(version), max_chars=100)
        return bool(self._attempt.server_version)

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        # Asked only about keys that known_hosts does not have. The answer is always no: who
        # accepts one does so between two connections, and the second one is pinned to that key.
        self._attempt.offered_key = key
        return False

    def password_auth_requested(self) -> None:
        self._attempt.password_wanted = True

    def kbdint_auth_requested(self) -> None:
        self._attempt.password_wanted = True


class Connector:
    """Makes connections for one engine: shares keys, known hosts, bastions and the limits.

    Args:
        config: the ssh config.
        settings: timeouts and limits.
        asker: who is asked about unknown host keys.
        home: the user's home, for default keys.
    """

    def __init__(
        self, config: SSHConfig, settings: ConnectSettings, asker: Asker, *, home: Path
    ) -> None:
        self.config = config
        self.settings = settings
        self.judge = HostKeyJudge(asker)
        self._keys = KeyRing(home)
        self._limiter = StartLimiter(settings.starts_per_address, settings.starts_total)
        self._bastions: dict[tuple[str, ...], Connection] = {}
        self._locks: dict[tuple[str, ...], asyncio.Lock] = {}
        self._failures: dict[tuple[str, ...], tuple[float, ConnectError]] = {}

    async def connect(self, host: str, *, log: Callable[[str], None] | None = None) -> Connection:
        """Connect to a host and log in.

        Args:
            host: an alias of the ssh config, or any name that ssh would take.
            log: gets a line for each step of the way.

        Raises:
            ConnectError: with the reason in plain words.
            HostKeyError: the host's key is unknown and nobody accepted it, or it has changed.
        """
        return await self._reach(host, None, (), log or _discard)

    async def close(self) -> None:
        """Close the shared bastion connections."""
        bastions, self._bastions = list(self._bastions.values()), {}
        for bastion in bastions:
            await bastion.close()

    async def _reach(
        self,
        target: str,
        jumps: tuple[str, ...] | None,
        passed: tuple[str, ...],
        log: Callable[[str], None],
    ) -> Connection:
        """Connect to a target; ``jumps`` of None means those that its own config names."""
        options = await self._resolve(target)
        if jumps is None:
            jumps = options.proxy_jump
        attempt = reasons.Attempt(target, options.connect_timeout or self.settings.timeout_s)
        bastion = await self._bastion(target, jumps, passed, log) if jumps else None
        trust = self.judge.trust(options)
        try:
            return await self._attempt(options, trust, attempt, bastion, log)
        except asyncssh.HostKeyNotVerifiable as error:
            # No place of the limiter is held while a person thinks.
            pinned = await self.judge.decide(options, trust, attempt, error)
        return await self._attempt(options, pinned, attempt, bastion, log)

    async def _resolve(self, target: str) -> HostOptions:
        user, host, port = split_target(target)
        if self.config.has_match_exec:
            options = await asyncio.to_thread(self.config.resolve, host, run_exec=True)
        else:
            options = self.config.resolve(host)
        if user:
            options = replace(options, user=user)
        return replace(options, port=port) if port else options

    async def _bastion(
        self,
        target: str,
        jumps: tuple[str, ...],
        passed: tuple[str, ...],
        log: Callable[[str], None],
    ) -> Connection:
        """Give the one connection to the last jump host that all targets behind it share."""
        *before, hop = jumps
        passed = (*passed, target)
        if hop in passed or len(passed) > MAX_HOPS:
            raise ConnectError(
                f"ProxyJump goes in a circle at {sanitize(hop)}", kind="config", retry=False
            )
        loop = asyncio.get_running_loop()
        asked = loop.time()
        async with self._locks.setdefault(jumps, asyncio.Lock()):
            bastion = self._bastions.get(jumps)
            if bastion is not None and not bastion.is_closed:
                return bastion
            failed_at, failure = self._failures.get(jumps, (-1.0, None))
            if failure is not None and failed_at >= asked:
                raise failure  # it was tried for us while we waited
            log(f"via {sanitize(hop)}")
            try:
                bastion = await self._reach(hop, tuple(before) or None, passed, log)
            except ConnectError as error:
                failure = ConnectError(
                    f"bastion {sanitize(hop)}: {error.reason}", kind=error.kind, retry=error.retry
                )
                self._failures[jumps] = (loop.time(), failure)
                raise failure from error
            self._bastions[jumps] = bastion
            return bastion

    async def _attempt(
        self,
        options: HostOptions,
        trust: Trust,
        attempt: reasons.Attempt,
        bastion: Connection | None,
        log: Callable[[str], None],
    ) -> Connection:
        address = f"{options.hostname}:{options.port}"
        gate = f"via {'/'.join(bastion.route)}" if bastion else address
        async with self._limiter.starting(gate):
            try:
                connection = await self._log_in(options, trust, attempt, bastion)
            except asyncssh.HostKeyNotVerifiable:
                raise
            except (asyncssh.Error, OSError, ValueError) as error:
                reason = reasons.explain(error, attempt)
                if reason.kind == "closed" and not attempt.server_version and not bastion:
                    reason = await self._second_look(options, attempt, reason)
                log(f"{sanitize(address)}: {reason.reason}")
                raise reason from error
        log(f"{sanitize(address)}: logged in as {sanitize(options.user)}")
        return connection

    async def _second_look(
        self, options: HostOptions, attempt: reasons.Attempt, reason: ConnectError
    ) -> ConnectError:
        if options.proxy_command:
            return reason
        said = await greeting(options, min(1.0, attempt.timeout_s))
        # OpenSSH says these before it closes for lack of room.
        busy = said.startswith((b"SSH-", b"Exceeded MaxStartups", b"Not allowed at this time"))
        return reasons.not_ssh() if said and not busy else reason

    async def _log_in(
        self,
        options: HostOptions,
        trust: Trust,
        attempt: reasons.Attempt,
        bastion: Connection | None,
    ) -> Connection:
        loop = asyncio.get_running_loop()
        client = _Client(attempt)
        proxy: ProxyProcess | None = None
        sock: socket.socket | None = None
        try:
            async with (
                contextlib.AsyncExitStack() as stack,
                asyncio.timeout(self.settings.login_timeout_s) as deadline,
            ):

                def give_up_unless_it_speaks() -> None:
                    if not client.saw_version() and not deadline.expired():
                        deadline.reschedule(loop.time())

                timer = loop.call_later(attempt.timeout_s, give_up_unless_it_speaks)
                try:
                    if options.proxy_command and not bastion:
                        sock, proxy = await run_proxy(options.proxy_command)
                    elif not bastion:
                        sock = await dial(options, attempt.timeout_s)
                        attempt.address = str(sock.getpeername()[0])
                    connection = await asyncssh.connect(
                        options.hostname,
                        options.port,
                        sock=sock,
                        tunnel=bastion.asyncssh_connection if bastion else (),
                        client_factory=lambda: client,
                        **await self._login_options(options, trust, attempt, stack),
                    )
                finally:
                    timer.cancel()
        except BaseException:
            client.saw_version()
            if proxy:
                attempt.proxy_complaint = proxy.complaint()
                await proxy.close()
            if sock:
                sock.close()
            raise
        route = (*(bastion.route if bastion else ()), options.alias)
        return Connection(connection, route, proxy)

    async def _login_options(
        self,
        options: HostOptions,
        trust: Trust,
        attempt: reasons.Attempt,
        stack: contextlib.AsyncExitStack,
    ) -> dict[str, Any]:
        settings = self.settings
        return {
            # Everything was resolved before; asyncssh would parse the files for each connection.
            "config": None,
            "username": options.user,
            "client_keys": await self._offered_keys(options, attempt, stack),
            "agent_path": None,
            "agent_forwarding": False,
            "known_hosts": (list(trust.keys), list(trust.authorities), list(trust.revoked)),
            "host_key_alias": options.host_key_alias or options.hostname,
            "preferred_auth": algorithms.authentication(options),
            "connect_timeout": None,
            "login_timeout": settings.login_timeout_s,
            # Also a 0 ("off") of the ssh config is replaced: without, a dead host is never noticed.
            "keepalive_interval": options.server_alive_interval or settings.keepalive_s,
            "keepalive_count_max": options.server_alive_count_max or settings.keepalive_count,
            "gss_auth": False,
            "gss_kex": False,
            **algorithms.choose(options, trust),
        }

    async def _offered_keys(
        self, options: HostOptions, attempt: reasons.Attempt, stack: contextlib.AsyncExitStack
    ) -> Any:
        """Give the keys to offer: those that the config names first, then the ssh-agent's."""
        local = self._keys.keys_for(options)
        held, note = await _agent_keys(options, stack)
        attempt.tried = (*local.names, *(("ssh-agent",) if held else ()))
        attempt.skipped = (*local.skipped, *((note,) if note else ()))
        # None, not an empty list: for that, asyncssh would look for keys by itself.
        return [*local.keys, *held] or None


async def _agent_keys(
    options: HostOptions, stack: contextlib.AsyncExitStack
) -> tuple[list[asyncssh.SSHKeyPair], str]:
    """Ask the ssh-agent what it has; the second value says why it has nothing to offer."""
    path = agent_socket(options)
    if path is None:
        return [], ""
    named = public_keys_of(options) if options.identities_only else None
    if named == []:
        return [], ""
    try:
        async with asyncio.timeout(AGENT_TIMEOUT_S):
            agent = await asyncssh.connect_agent(path)
            stack.callback(agent.close)  # it signs until the login is over
            identities = asyncssh.load_public_keys(named) if named else None
            keys = await agent.get_keys([key.public_data for key in identities or ()] or None)
    except (OSError, ValueError) as error:  # a TimeoutError is an OSError
        words = "does not answer" if isinstance(error, TimeoutError) else "gone: attach again"
        return [], f"ssh-agent {words}"
    return list(keys), ""


def split_target(target: str) -> tuple[str, str, int]:
    """Split ``[ssh://][user@]host[:port]`` into user, host and port ("" and 0 when not given)."""
    target = target.removeprefix("ssh://").rstrip("/")
    user, _, rest = target.rpartition("@")
    if rest.startswith("["):
        host, _, tail = rest[1:].partition("]")
        port = tail.removeprefix(":")
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    else:
        host, port = rest, ""
    return user, host, int(port) if port.isdigit() else 0


def _discard(line: str) -> None:
    """Keep no log."""
