"""Makes connections: the way to the host, the trust in its key, the proof of who we are."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import asyncssh

from lazytui.errors import ConnectError
from lazytui.ssh import algorithms, reasons
from lazytui.ssh.connection import Connection
from lazytui.ssh.credentials import KeyRing
from lazytui.ssh.destination import split_target
from lazytui.ssh.dial import ProxyProcess, Tunnel, dial, is_not_ssh, run_proxy
from lazytui.ssh.hostkeys import HostKeyJudge
from lazytui.ssh.limiter import StartLimiter
from lazytui.ssh.proof import Proof
from lazytui.ssh.secrets import Secrets
from lazytui.text import sanitize

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lazytui.ssh.config import HostOptions, SSHConfig
    from lazytui.ssh.credentials import Asker
    from lazytui.ssh.login import Login
    from lazytui.ssh.trust import Trust

MAX_HOPS = 8
BUSY_PAUSES_S = (0.2, 0.6, 1.2)  # before the next tries when the server hangs up at once


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


@dataclass(frozen=True, slots=True)
class _Hop:
    """One host on the way: as it was named, and what the ssh config says of it."""

    target: str
    options: HostOptions


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a bastion could not be reached, for all who waited for it."""

    reason: str
    kind: str
    retry: bool

    def again(self) -> ConnectError:
        """Give an error of one's own: a shared one would collect everybody's traceback."""
        return ConnectError(self.reason, kind=self.kind, retry=self.retry)


class _Client(asyncssh.SSHClient):
    """Watches one connection attempt; what it is asked, the proof answers."""

    def __init__(self, attempt: reasons.Attempt, proof: Proof) -> None:
        self._attempt = attempt
        self._proof = proof
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

    def public_key_auth_requested(self) -> None:
        self._proof.no_key_left()

    async def password_auth_requested(self) -> str | None:
        return await self._proof.password()

    def kbdint_auth_requested(self) -> str | None:
        return self._proof.keyboard()

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        return await self._proof.challenge(name, instructions, prompts)


class Connector:
    """Makes connections for one engine: shares keys, known hosts, bastions and the limits.

    Args:
        config: the ssh config.
        settings: timeouts and limits.
        asker: who is asked about unknown host keys, for passwords and passphrases.
        home: the user's home, for default keys.
    """

    def __init__(
        self, config: SSHConfig, settings: ConnectSettings, asker: Asker, *, home: Path
    ) -> None:
        self.config = config
        self.settings = settings
        self.judge = HostKeyJudge(asker)
        self._keys = KeyRing(home)
        self._secrets = Secrets(asker, self._keys)
        self._limiter = StartLimiter(settings.starts_per_address, settings.starts_total)
        self._bastions: dict[tuple[str, ...], Connection] = {}
        self._locks: dict[tuple[str, ...], asyncio.Lock] = {}
        self._failures: dict[tuple[str, ...], tuple[float, _Failure]] = {}
        self.logins: dict[str, Login] = {}  # how a script wants to log in, by host

    async def connect(self, host: str, *, log: Callable[[str], None] | None = None) -> Connection:
        """Connect to a host and log in.

        Args:
            host: an alias of the ssh config, or any name that ssh would take.
            log: gets a line for each step of the way.

        Raises:
            ConnectError: with the reason in plain words.
            HostKeyError: the host's key is unknown and nobody accepted it, or it has changed.
        """
        log = log or _discard
        route = await self._route(host)
        bastion = await self._bastion(route[:-1], log) if len(route) > 1 else None
        return await self._reach(route[-1], bastion, log)

    async def close(self) -> None:
        """Close the shared bastion connections."""
        bastions, self._bastions = list(self._bastions.values()), {}
        for bastion in bastions:
            await bastion.close()

    async def _route(self, target: str, passed: tuple[str, ...] = ()) -> tuple[_Hop, ...]:
        """Give the hops to a target, itself last.

        All are resolved before anything is connected: a circle is found before two connections
        wait for each other in it.
        """
        if target in passed or len(passed) >= MAX_HOPS:
            raise ConnectError(
                f"ProxyJump goes in a circle at {sanitize(target)}", kind="config", retry=False
            )
        hop = _Hop(target, await self._resolve(target))
        if not hop.options.proxy_jump:
            return (hop,)
        # As with `ssh -J a,b`: the way to the first one is what its own config says.
        first, *others = hop.options.proxy_jump
        way = await self._route(first, (*passed, target))
        return (*way, *[_Hop(other, await self._resolve(other)) for other in others], hop)

    async def _reach(
        self, hop: _Hop, bastion: Connection | None, log: Callable[[str], None]
    ) -> Connection:
        """Log in to one hop, asking the user whatever it takes.

        No place of the limiter is held while a person thinks.
        """
        options = hop.options
        attempt = reasons.Attempt(hop.target, options.connect_timeout or self.settings.timeout_s)
        way = bastion.route if bastion else ()
        login = self.logins.get(hop.target)
        proof = Proof(options, attempt, self._secrets, self._keys, login, way)
        try:
            while True:
                try:
                    connection = await self._trusting(hop, attempt, proof, bastion, log)
                except ConnectError:
                    if not await proof.more():
                        raise
                else:
                    proof.succeeded()
                    return connection
        finally:
            await proof.close()

    async def _trusting(
        self,
        hop: _Hop,
        attempt: reasons.Attempt,
        proof: Proof,
        bastion: Connection | None,
        log: Callable[[str], None],
    ) -> Connection:
        """Log in to one hop, asking about its host key if need be."""
        options = hop.options
        trust = self.judge.trust(options)
        try:
            return await self._attempt(options, trust, attempt, proof, bastion, log)
        except asyncssh.HostKeyNotVerifiable as error:
            pinned = await self.judge.decide(options, trust, attempt, error)
        try:
            return await self._attempt(options, pinned, attempt, proof, bastion, log)
        except asyncssh.HostKeyNotVerifiable as error:
            raise self.judge.swapped(pinned, attempt, error) from error

    async def _resolve(self, target: str) -> HostOptions:
        user, host, port = split_target(target)
        if self.config.has_match_exec:
            options = await asyncio.to_thread(self.config.resolve, host, run_exec=True)
        else:
            options = self.config.resolve(host)
        if user:
            options = replace(options, user=user)
        if port:
            options = replace(options, port=port)
        login = self.logins.get(target)
        return login.apply(options) if login else options

    async def _bastion(self, route: tuple[_Hop, ...], log: Callable[[str], None]) -> Connection:
        """Give the one connection to a jump host that all targets behind it share."""
        below = await self._bastion(route[:-1], log) if len(route) > 1 else None
        hop = route[-1]
        way = tuple(each.target for each in route)
        loop = asyncio.get_running_loop()
        asked = loop.time()
        async with self._locks.setdefault(way, asyncio.Lock()):
            bastion = self._bastions.get(way)
            if bastion is not None:
                if not bastion.is_closed:
                    return bastion
                del self._bastions[way]
                await bastion.close()  # it is gone; its ProxyCommand may not be
            failed_at, failure = self._failures.get(way, (-1.0, None))
            if failure is not None and failed_at >= asked:
                raise failure.again()  # it was tried for us while we waited
            log(f"via {sanitize(hop.target)}")
            try:
                bastion = await self._reach(hop, below, log)
            except ConnectError as error:
                failure = _Failure(
                    f"bastion {sanitize(hop.target)}: {error.reason}", error.kind, error.retry
                )
                self._failures[way] = (loop.time(), failure)
                raise failure.again() from error
            self._bastions[way] = bastion
            return bastion

    async def _attempt(
        self,
        options: HostOptions,
        trust: Trust,
        attempt: reasons.Attempt,
        proof: Proof,
        bastion: Connection | None,
        log: Callable[[str], None],
    ) -> Connection:
        gate = f"via {'/'.join(bastion.route)}" if bastion else _address(options)
        async with self._limiter.starting(gate) as leave_place:

            async def once() -> Connection:
                return await self._try(options, trust, attempt, proof, leave_place, bastion, log)

            for pause_s in BUSY_PAUSES_S:
                try:
                    return await once()
                except ConnectError as error:
                    if error.kind != "closed" or proof.is_tried:
                        raise
                # It had too many logins starting (MaxStartups counts some that are just over, and
                # those of others). Our place is kept meanwhile, so that it meets fewer of ours.
                await asyncio.sleep(random.uniform(pause_s / 2, pause_s))  # noqa: S311
            return await once()

    async def _try(
        self,
        options: HostOptions,
        trust: Trust,
        attempt: reasons.Attempt,
        proof: Proof,
        leave_place: Callable[[], None],
        bastion: Connection | None,
        log: Callable[[str], None],
    ) -> Connection:
        address = sanitize(_address(options))
        attempt.server_version = ""
        try:
            connection = await self._log_in(options, trust, attempt, proof, leave_place, bastion)
        except asyncssh.HostKeyNotVerifiable:
            raise
        except (asyncssh.Error, OSError, ValueError, OverflowError) as error:
            if isinstance(error, asyncssh.PermissionDenied | asyncssh.ProtocolError):
                proof.failed()
            reason = reasons.explain(error, attempt)
            direct = not bastion and not options.proxy_command and not attempt.looked_twice
            if reason.kind == "closed" and not attempt.server_version and direct:
                attempt.looked_twice = True
                if await is_not_ssh(options, min(1.0, attempt.timeout_s)):
                    reason = reasons.not_ssh()
            log(f"{address}: {reason.reason}")
            raise reason from error
        log(f"{address}: logged in as {sanitize(options.user)}")
        return connection

    async def _log_in(
        self,
        options: HostOptions,
        trust: Trust,
        attempt: reasons.Attempt,
        proof: Proof,
        leave_place: Callable[[], None],
        bastion: Connection | None,
    ) -> Connection:
        loop = asyncio.get_running_loop()
        client = _Client(attempt, proof)
        proxy: ProxyProcess | None = None
        sock: socket.socket | None = None
        try:
            async with (
                contextlib.AsyncExitStack() as stack,
                asyncio.timeout(self.settings.login_timeout_s) as deadline,
            ):
                proof.begin(leave_place, deadline, self.settings.login_timeout_s)

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
                        tunnel=Tunnel(bastion.asyncssh_connection) if bastion else (),
                        client_factory=lambda: client,
                        client_keys=await proof.offered_keys(stack),
                        **self._login_options(options, trust),
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

    def _login_options(self, options: HostOptions, trust: Trust) -> dict[str, Any]:
        settings = self.settings
        return {
            # Everything was resolved before; asyncssh would parse the files for each connection.
            "config": None,
            "username": options.user,
            "agent_path": None,
            "agent_forwarding": False,
            "known_hosts": (list(trust.keys), list(trust.authorities), list(trust.revoked)),
            "host_key_alias": options.host_key_alias or options.hostname,
            "preferred_auth": algorithms.authentication(options),
            "connect_timeout": None,
            "login_timeout": 0,  # ours stands still while a person thinks
            # Also a 0 ("off") of the ssh config is replaced: without, a dead host is never noticed.
            "keepalive_interval": options.server_alive_interval or settings.keepalive_s,
            "keepalive_count_max": options.server_alive_count_max or settings.keepalive_count,
            "gss_auth": False,
            "gss_kex": False,
            **algorithms.choose(options, trust),
        }


def _address(options: HostOptions) -> str:
    return f"{options.hostname}:{options.port}"


def _discard(line: str) -> None:
    """Keep no log."""
