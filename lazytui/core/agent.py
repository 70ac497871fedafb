"""The manager's end of the agent on one host.

One control channel carries everything: requests and answers, metrics, and the output of jobs as
streams with credit, so that a busy job delays neither an answer nor the manager's memory.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lazytui.core import bundle
from lazytui.core.frames import FrameError, FrameReader, Header, encode
from lazytui.errors import AgentError, ConnectError, ConnectionLostError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.ssh.connection import Channel, Connection

MIN_PYTHON = (3, 6)
MAX_NUMBER = (1 << 63) - 1
MAX_UNHEARD = 16  # events kept until somebody listens


@dataclass(frozen=True, slots=True)
class Hello:
    """What the agent tells of its host when it starts. Memory in bytes."""

    python: str
    boot_id: str
    os: str
    cores: int
    memory: int
    gpus: tuple[str, ...] | None  # None: the names follow
    home: str


class JobEvents(Protocol):
    """What a followed job tells. Called on the loop; none of it may block."""

    def output(self, offset: int, data: bytes) -> None:
        """Bytes of the job's output, beginning at an offset."""

    def ended(self, end: Header) -> None:
        """All output was sent, and the job is over (see PROTOCOL ``end`` in remote/jobs.py)."""


class Agent:
    """A started agent. Make one with :func:`start`."""

    def __init__(self, reader: FrameReader) -> None:
        self._reader = reader
        self._channel: Channel | None = None
        self._answers: dict[int, asyncio.Future[Header]] = {}
        self._streams: dict[int, JobEvents] = {}
        self._loaded: set[str] = set()
        self._number = 0
        self._complaints = b""
        self._hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self.lost = asyncio.Event()
        self._on_event: Callable[[Header], None] | None = None
        self._unheard: deque[Header] = deque(maxlen=MAX_UNHEARD)
        self.last_heard = asyncio.get_running_loop().time()

    # -- what the channel tells

    def received(self, data: bytes) -> None:
        """Take bytes from the host."""
        self.last_heard = asyncio.get_running_loop().time()
        try:
            for header, payload in self._reader.feed(data):
                self._handle(header, payload)
        except (FrameError, KeyError, TypeError, ValueError, OverflowError) as error:
            self._fail(f"the agent speaks nonsense: {error}")
            self.close()

    def complained(self, data: bytes) -> None:
        """Keep the end of what the host's shell or Python wrote to stderr."""
        self._complaints = (self._complaints + data)[-4096:]

    def ended(self, exit_status: int | None, error: Exception | None) -> None:
        """The channel is closed: everything that waits for an answer is told."""
        if exit_status is None:
            self._fail("connection lost")
        else:
            self._fail(f"the agent ended (exit {exit_status})")

    def complaint(self) -> str:
        """Give the last line of stderr, made harmless."""
        lines = self._complaints.decode("utf-8", "replace").strip().splitlines()
        return sanitize(lines[-1], max_chars=200) if lines else ""

    # -- what the engine asks

    async def wait_hello(self) -> Hello:
        """Wait for the agent's first word."""
        return await asyncio.shield(self._hello)

    def listen(self, on_event: Callable[[Header], None]) -> None:
        """Say who is told of events, first of those that came together with the first word."""
        self._on_event = on_event
        while self._unheard:
            on_event(self._unheard.popleft())

    async def request(self, op: str, payload: bytes = b"", **fields: Any) -> Header:
        """Ask the agent something and wait for the answer.

        Args:
            op: the operation.
            payload: raw bytes that go along.
            fields: the operation's arguments.

        Raises:
            AgentError: the agent says no.
            ConnectionLostError: the connection broke; whether it was done is not known.
        """
        if self.lost.is_set():
            raise ConnectionLostError("connection lost")
        self._number += 1
        number = self._number
        answer: asyncio.Future[Header] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            self._write(self._part_for(op) + encode({"id": number, "op": op, **fields}, payload))
            header = await answer
        finally:
            self._answers.pop(number, None)
        if not header.get("ok"):
            text = sanitize(str(header.get("error", "no reason given")), max_chars=300)
            raise AgentError(text, kind=str(header.get("kind", "error")))
        return header

    def notify(self, op: str, **fields: Any) -> None:
        """Tell the agent something whose answer nobody needs; a lost connection is ignored."""
        if self.lost.is_set():
            return
        self._number += 1
        self._write(self._part_for(op) + encode({"id": self._number, "op": op, **fields}))

    def new_stream(self, events: JobEvents) -> int:
        """Register who is told about a followed job; gives the stream's number."""
        self._number += 1
        self._streams[self._number] = events
        return self._number

    def end_stream(self, stream: int) -> None:
        """Forget a stream; what still arrives for it is dropped."""
        self._streams.pop(stream, None)

    def credit(self, stream: int, size: int) -> None:
        """Allow the agent to send more bytes of a stream; a lost connection is ignored."""
        if stream in self._streams and not self.lost.is_set():
            self._write(encode({"op": "credit", "s": stream, "n": size}))

    def close(self) -> None:
        """End the agent; jobs go on."""
        if self._channel is not None:
            self._channel.close()

    # -- inside

    async def open(self, connection: Connection, python: str, marker: bytes) -> None:
        """Start the program on the host and send it what to run."""
        source = bundle.boot_source(marker)
        self._channel = await connection.open(bundle.exec_line(python, len(source)), self)
        self._channel.write(source)

    def _part_for(self, op: str) -> bytes:
        """Give the frames that load what an operation needs, once."""
        part = bundle.PART_OF_OP.get(op)
        if part is None or part in self._loaded:
            return b""
        frames = []
        for wanted in (*bundle.PARTS_BEFORE.get(part, ()), part):
            if wanted not in self._loaded:
                self._loaded.add(wanted)
                self._number += 1
                ask = {"id": self._number, "op": "load", "part": wanted}
                frames.append(encode(ask, bundle.part_source(wanted)))
        return b"".join(frames)

    def _write(self, data: bytes) -> None:
        assert self._channel is not None
        try:
            self._channel.write(data)
        except ConnectionLostError as error:
            self._fail(str(error))

    def _handle(self, header: Header, payload: bytes) -> None:
        event = header.get("ev")
        if event == "out":
            stream = self._streams.get(header["s"])
            if stream is not None:
                stream.output(int(header["off"]), payload)
        elif event == "end":
            stream = self._streams.pop(header["s"], None)
            if stream is not None:
                stream.ended({**header, "payload": payload} if payload else header)
        elif event in ("hello", "unfit"):
            self._greet(header)
        elif event is not None:
            if self._on_event is not None:
                self._on_event(header)
            else:
                self._unheard.append(header)
        else:
            answer = self._answers.get(header["id"])
            if answer is not None and not answer.done():
                answer.set_result({**header, "payload": payload} if payload else header)

    def _greet(self, header: Header) -> None:
        if self._hello.done():
            return
        if header["ev"] == "unfit":
            self._hello.set_exception(no_python(sanitize(str(header.get("python", "")))))
            return
        gpus = header.get("gpus")
        self._hello.set_result(
            Hello(
                python=sanitize(str(header["python"]), max_chars=40),
                boot_id=sanitize(str(header["boot_id"]), max_chars=100),
                os=sanitize(str(header["os"]), max_chars=200),
                cores=whole(header["cores"]),
                memory=whole(header["memory"]),
                gpus=None if gpus is None else gpu_names(gpus),
                home=sanitize(str(header.get("home", "")), max_chars=1000),
            )
        )

    def _fail(self, text: str) -> None:
        if self.lost.is_set():
            return
        self.lost.set()
        if not self._hello.done():
            self._hello.set_exception(ConnectionLostError(text))
            self._hello.exception()  # it may be that nobody waits any more
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionLostError(text))
        self._streams.clear()


async def start(connection: Connection, *, python: str, timeout_s: float) -> tuple[Agent, Hello]:
    """Start the agent on a connected host.

    Args:
        connection: to the host.
        python: the interpreter on the host.
        timeout_s: seconds until it must have answered.

    Raises:
        ConnectError: the host has no fit Python, no usable shell, or did not answer.
    """
    marker = secrets.token_hex(16).encode()
    reader = FrameReader(marker)
    agent = Agent(reader)
    try:
        async with asyncio.timeout(timeout_s):
            await agent.open(connection, python, marker)
            return agent, await agent.wait_hello()
    except TimeoutError as error:
        agent.close()
        raise ConnectError(
            f"the agent did not start in {timeout_s:g} s (does a login script read its input?)",
            kind="agent",
            retry=True,
        ) from error
    except ConnectionLostError as error:
        agent.close()
        if connection.is_closed:
            raise ConnectError("connection lost", kind="lost", retry=True) from error
        raise await _why_not(connection, python, agent, str(error)) from error
    except BaseException:
        agent.close()
        raise


def whole(raw: Any) -> int:
    """Make a host's number one that can be computed with: not negative, not beyond 64 bits.

    Raises:
        TypeError, ValueError, OverflowError: it is no number.
    """
    return min(max(int(raw), 0), MAX_NUMBER)


def gpu_names(raw: Any) -> tuple[str, ...]:
    """Make a host's list of GPU names harmless."""
    names = raw if isinstance(raw, list) else []
    return tuple(sanitize(str(name), max_chars=80) for name in names[:64])


def no_python(found: str) -> ConnectError:
    """The host's Python is too old or not there."""
    least = ".".join(map(str, MIN_PYTHON))
    tail = f": found {found}" if found else ": none found"
    return ConnectError(f"no Python >= {least}{tail}", kind="python", retry=False)


class _Words:
    """Collects the little that a probe prints."""

    def __init__(self) -> None:
        self.text = b""
        self.done = asyncio.Event()

    def received(self, data: bytes) -> None:
        self.text = (self.text + data)[-4096:]

    complained = received

    def ended(self, exit_status: int | None, error: Exception | None) -> None:
        self.done.set()


async def _why_not(
    connection: Connection, python: str, agent: Agent, fallback: str
) -> ConnectError:
    """Find out why the agent did not start: mostly there is no Python, or an old one."""
    words = _Words()
    token = secrets.token_hex(8)
    try:
        async with asyncio.timeout(5):
            # Valid in sh, csh and fish. `command` and quotes differ too much among them.
            asking = f"echo {token}; {python} -V; python3 -V; python -V; python2 -V"
            await connection.open(asking, words)
            await words.done.wait()
    except (TimeoutError, ConnectionLostError):
        return ConnectError(agent.complaint() or fallback, kind="agent", retry=True)
    lines = words.text.decode("utf-8", "replace").splitlines()
    if token not in (line.strip() for line in lines):
        said = next((line for line in reversed(lines) if line.strip()), "it says nothing")
        return ConnectError(
            f"no usable shell: {sanitize(said, max_chars=200)}", kind="shell", retry=False
        )
    versions = [word for line in lines if line.startswith("Python ") for word in line.split()[1:2]]
    fit = [v for v in versions if tuple(int(n) for n in v.split(".")[:2] if n.isdigit()) >= (3, 6)]
    if fit and fit[0] == versions[0]:
        return ConnectError(
            f"the agent did not start: {agent.complaint() or fallback}", kind="agent", retry=False
        )
    return no_python(sanitize(versions[0], max_chars=40) if versions else "")
