"""A host as the engine sees it: connected and healed by itself, or inactive with a reason."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from typing import TYPE_CHECKING

from lazytui.core import agent as agents
from lazytui.core.events import Notice, RuntimeChanged
from lazytui.core.model import HostState, Metrics, RuntimeInfo
from lazytui.core.probes import Answers, Probe
from lazytui.core.samples import read_sample
from lazytui.core.series import Series
from lazytui.errors import AgentError, ConnectError, ConnectionLostError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.agent import Agent, Hello
    from lazytui.core.events import EventBus
    from lazytui.core.frames import Header
    from lazytui.core.settings import Settings
    from lazytui.ssh.config import HostEntry, HostOptions
    from lazytui.ssh.connection import Connection
    from lazytui.ssh.credentials import Question
    from lazytui.ssh.late_connector import LateConnector

log = logging.getLogger(__name__)

GPU_WAIT_S = 10.0
SPARE_SESSIONS = 2
POSTPONED = "asks"
LOGOUT = (
    "{host} ends jobs when the last connection to it ends (KillUserProcesses=yes in its"
    " logind.conf); KillExcludeUsers={user} there lets them outlive it"
)
STABLE_S = 30.0  # a connection that lasted so long starts the backoff anew


class Runtime:
    """One host: its state, what it is, how loaded it is, and the agent on it.

    Args:
        host: the alias.
        entry: where it stands in the ssh config; None for a host that is not in it (any more).
        connector: makes connections.
        settings: intervals and per-host overrides.
        events: where changes are published.
    """

    def __init__(
        self,
        host: str,
        entry: HostEntry | None,
        connector: LateConnector,
        settings: Settings,
        events: EventBus,
    ) -> None:
        self.host = host
        self.entry = entry
        self.state = HostState.LISTED
        self.reason = ""
        self.error_kind = ""
        self.info: RuntimeInfo | None = None
        self.metrics: Metrics | None = None
        self.latency_ms: float | None = None
        self.since = time.monotonic()
        self.alive_runs = 0
        self.waiting_runs = 0  # that may be placed here
        self.exposures = 0  # that need the connection
        self.question: Question | None = None
        # For what needs a channel beside the agent's: sshd gives ten of them to a connection.
        self.spare_sessions = asyncio.Semaphore(SPARE_SESSIONS)
        self.boot_id = ""
        self.route: tuple[str, ...] = ()
        self.log: deque[str] = deque(maxlen=50)
        self.persistent = False  # go on trying although nobody waits
        self.series = Series()
        self.answers = Answers()
        self.attempts = 0  # in a row without success
        self.error: ConnectError | None = None  # why the last attempt failed, if it did
        self._connector = connector
        self._settings = settings
        self._events = events
        self._agent: Agent | None = None
        self._connection: Connection | None = None
        self._change = asyncio.Event()
        self._retry = asyncio.Event()
        self._next_try: float | None = None
        self._last_try: float | None = None
        self._metrics_interval = 0.0
        self._gpus_known = asyncio.Event()
        self._running = False

    # -- facts

    @property
    def cpu_history(self) -> Sequence[float]:
        """Shares of cpu use, 0 to 1, newest last, one a metrics interval."""
        return self.series.of("cpu")

    @property
    def agent(self) -> Agent | None:
        """The agent, while the host is connected."""
        agent = self._agent
        return agent if agent is not None and not agent.lost.is_set() else None

    @property
    def connection(self) -> Connection | None:
        """The connection, while it is known to live."""
        return self._connection if self.agent is not None else None

    @property
    def python(self) -> str:
        """The interpreter that is used on it."""
        return self._settings.for_host(self.host).python

    @property
    def options(self) -> HostOptions:
        """What the ssh config says of it."""
        return self._connector.config.resolve(self.host)

    async def connect_beside(self) -> Connection:
        """Open one more connection, for a host that gives no more sessions on the first.

        Raises:
            ConnectError: it cannot be had.
        """
        return await self._connector.connect(self.host)

    def tags(self) -> Sequence[str]:
        """The tags the user gave it; there are none yet."""
        return ()

    def answer(self, probe: Probe) -> bool | None:
        """What it answered to a question; None while that is not known."""
        return self.answers.get(probe)

    @property
    def address(self) -> str:
        """Where it is: ``user@hostname:port`` of the ssh config."""
        options = self.options
        return sanitize(f"{options.user}@{options.hostname}:{options.port}")

    @property
    def settled(self) -> bool:
        """True when the first attempt is over: active, or inactive with a reason."""
        return self.state not in (HostState.LISTED, HostState.CONNECTING)

    def next_try_s(self) -> float | None:
        """Seconds until the next attempt by itself, or None when there will be none."""
        return None if self._next_try is None else max(0.0, self._next_try - time.monotonic())

    def last_try_s(self) -> float | None:
        """Seconds since the last attempt began, or None before the first."""
        return None if self._last_try is None else max(0.0, time.monotonic() - self._last_try)

    @property
    def jumps(self) -> tuple[str, ...]:
        """The hosts that the way leads through, as the ssh config names them, nearest first."""
        return self.options.proxy_jump

    async def probe(self, probes: Iterable[Probe]) -> None:
        """Have questions answered, in one round trip; see :meth:`Answers.ask`."""
        if await self.answers.ask(self, probes):
            self._publish()

    # -- what others wait for

    async def wait_settled(self) -> None:
        """Wait until the host is known as active or inactive, with its information complete."""
        while not self.settled:
            await self._next_change()
        if self.state is HostState.ACTIVE:
            try:
                async with asyncio.timeout(GPU_WAIT_S):
                    await self._gpus_known.wait()
            except TimeoutError:
                self._note("nvidia-smi does not answer")

    async def reach(self) -> Agent:
        """Give the agent; waits while connecting.

        Raises:
            ConnectError: the host is inactive; the reason says why.
        """
        while True:
            if (agent := self.agent) is not None:
                return agent
            if self.state is HostState.INACTIVE:
                raise ConnectError(self.reason, kind=self.error_kind, retry=False)
            await self._next_change()

    async def wait_agent(self) -> Agent:
        """Give the agent, however long it takes until the host is back."""
        while True:
            if (agent := self.agent) is not None:
                return agent
            await self._next_change()

    def refresh(self) -> None:
        """Try again now, if the host is not connected."""
        self._retry.set()
        if self._running and self.state is HostState.INACTIVE and not self.is_postponed:
            self._become(HostState.CONNECTING, self.address)

    def rest(self) -> None:
        """Be as before the first connection, after nobody keeps it connected any more."""
        self._become(HostState.LISTED, "")

    def set_metrics_interval(self, seconds: float) -> None:
        """Ask for a metrics sample every so many seconds; 0 for none."""
        self._metrics_interval = seconds
        if (agent := self.agent) is not None:
            agent.notify("metrics", interval=seconds)

    # -- the life of the connection

    async def supervise(self) -> None:
        """Connect, and connect again whenever the connection breaks; runs until cancelled."""
        if self._running:
            return
        self._running = True
        try:
            while True:
                try:
                    await self._session()
                except ConnectError as error:
                    self.error = error.with_traceback(None)
                    self._become(HostState.INACTIVE, error.reason, error.kind)
                    self.attempts += 1
                    needed = self.alive_runs + self.waiting_runs + self.exposures
                    wanted = self.persistent or needed > 0
                    await self._pause(self.attempts if error.retry and wanted else 0)
                except Exception as error:
                    # A fault of ours with one host must not end the engine for the others.
                    log.exception("%s", self.host)
                    self._become(HostState.INACTIVE, f"fault in lazytui: {error!r}", "fault")
                    await self._pause(0)
                else:
                    lasted = time.monotonic() - self.since
                    self._become(HostState.STALE, "connection lost, connecting again", "lost")
                    self.attempts = 0 if lasted > STABLE_S else self.attempts + 1
                    if self.attempts > 1:  # up and down again: the first time is not waited for
                        await self._pause(self.attempts)
        finally:
            self._running = False

    async def _session(self) -> None:
        """Connect, start the agent, and stay until the connection is lost."""
        self._next_try = None
        self._last_try = time.monotonic()
        self.error = None
        self._retry.clear()
        if self.state is HostState.LISTED:  # later tries leave the last reason to be read
            self._become(HostState.CONNECTING, self.address)
        try:
            connection = await self._connector.connect(self.host, log=self._note)
        finally:
            for problem in self._connector.news():
                self._events.publish(Notice(problem))
        try:
            override = self._settings.for_host(self.host)
            agent, hello = await agents.start(
                connection,
                python=override.python,
                timeout_s=self._settings.connect.agent_start_s,
            )
            self._greet(connection, hello)
            self._agent, self._connection = agent, connection
            agent.listen(self._on_event)
            self._become(HostState.ACTIVE, "")
            await self._stay(agent)
        finally:
            self._agent = self._connection = None
            await connection.close()

    async def _stay(self, agent: Agent) -> None:
        if self._metrics_interval:
            agent.notify("metrics", interval=self._metrics_interval)
        if self.latency_ms is None:
            await self._measure_latency(agent)
        while not agent.lost.is_set():
            interval = self._metrics_interval or 60.0
            try:
                async with asyncio.timeout(interval):
                    await agent.lost.wait()
            except TimeoutError:
                self._judge_silence(agent, interval)
        self._note("connection lost")

    def _judge_silence(self, agent: Agent, interval: float) -> None:
        """Three samples missed is stale: what is shown is no longer the present."""
        if not self._metrics_interval:
            return
        silent = asyncio.get_running_loop().time() - agent.last_heard
        if silent > 3 * interval and self.state is HostState.ACTIVE:
            self._become(HostState.STALE, "no answer", "silent")

    async def _measure_latency(self, agent: Agent) -> None:
        started = time.monotonic()
        try:
            await agent.request("ping")
        except (AgentError, ConnectionLostError):
            return
        self.latency_ms = (time.monotonic() - started) * 1000
        self._publish()

    async def _pause(self, attempts: int) -> None:
        """Wait before the next attempt: with backoff and full jitter, or until asked to.

        Args:
            attempts: how many have failed in a row; 0 waits until asked to.
        """
        connect = self._settings.connect
        timeout: float | None = None
        if attempts:
            ceiling = min(connect.backoff_max_s, connect.backoff_first_s * 2 ** min(attempts, 20))
            timeout = random.uniform(connect.backoff_first_s / 2, ceiling)  # noqa: S311
            self._next_try = time.monotonic() + timeout
            self._publish()
        try:
            async with asyncio.timeout(timeout):
                await self._retry.wait()
        except TimeoutError:
            return

    # -- what the agent tells

    def _greet(self, connection: Connection, hello: Hello) -> None:
        self.info = RuntimeInfo(
            os=hello.os,
            cpu_cores=hello.cores,
            memory=hello.memory,
            python_version=hello.python,
            gpus=hello.gpus or (),
        )
        self.boot_id = hello.boot_id
        self.route = connection.route
        if hello.gpus is not None:
            self._gpus_known.set()
        self.latency_ms = None if connection.latency_s is None else connection.latency_s * 1000

    def _on_event(self, header: Header) -> None:
        if header["ev"] == "gpus" and self.info is not None:
            self.info = RuntimeInfo(
                os=self.info.os,
                cpu_cores=self.info.cpu_cores,
                memory=self.info.memory,
                python_version=self.info.python_version,
                gpus=agents.gpu_names(header.get("gpus")),
            )
            self._gpus_known.set()
            self._publish()
        elif header["ev"] == "logout":
            self._events.publish(Notice(LOGOUT.format(host=self.host, user=self.options.user)))
        elif header["ev"] == "metrics":
            self.metrics = read_sample(header)
            self.series.add(self.metrics)
            if self.state is HostState.STALE:
                self._become(HostState.ACTIVE, "")
            else:
                self._publish()

    # -- telling

    def _become(self, state: HostState, reason: str, kind: str = "") -> None:
        reason = sanitize(reason, max_chars=400)
        if (state, reason) != (self.state, self.reason):
            if state is not self.state:
                self.since = time.monotonic()
            self.state, self.reason, self.error_kind = state, reason, kind
            self._publish()
        self._change.set()
        self._change = asyncio.Event()

    async def wait_change(self) -> None:
        """Wait until its state or reason changes."""
        await self._next_change()

    async def _next_change(self) -> None:
        await self._change.wait()

    def _publish(self) -> None:
        self._events.publish(RuntimeChanged(self.host))

    def _note(self, line: str) -> None:
        self.log.append(f"{time.strftime('%H:%M:%S')} {line}")

    def ask(self, question: Question | None) -> None:
        """Note that a question about this host waits for an answer, or no longer does."""
        self.question = question
        if question is None:
            self.wait_on()
        self._publish()

    @property
    def is_postponed(self) -> bool:
        """The attempt waits for an answer that nobody wants to give now."""
        return self.error_kind == POSTPONED

    def postpone(self, reason: str) -> None:
        """Count as inactive, although the attempt goes on when there is an answer."""
        if not self.settled:
            self._become(HostState.INACTIVE, reason, POSTPONED)

    def wait_on(self) -> None:
        """Be waited for again after :meth:`postpone`."""
        if self.is_postponed:
            self._become(HostState.CONNECTING, self.address)
