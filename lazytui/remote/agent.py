"""The agent: a loop that talks in frames with the manager over stdin and stdout.

A frame is a 4-byte big-endian length, a JSON header in one line, and raw bytes. Answers and events
go before output, output is asked for piece by piece, and nothing here ever waits: both ends are
non-blocking. When stdin ends, the agent ends; jobs do not.
"""

import _signal  # type: ignore[import-not-found]  # `signal` imports enum and re: 2 to 6 ms a host
import errno
import posix
import select
import sys
import time

from lazytui.remote import system
from lazytui.remote.system import frame

try:
    from _json import make_scanner
except ImportError:  # not CPython: the whole json module costs 9 ms, but is always there
    from json.scanner import make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    Answer = Optional[Dict[str, Any]]
    Handler = Callable[[Dict[str, Any], bytes], Answer]

LIMIT = 1 << 20  # bytes of the largest frame we take
BURST = 16  # frames written before we look at what came in


class RefusedError(Exception):
    """A request cannot be done; ``kind`` is the word for the manager, the text is for people."""

    def __init__(self, kind: str, error: str) -> None:
        super().__init__(error)
        self.kind = kind


class Grammar:
    """What the JSON scanner asks of its owner."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float
    memo: "Dict[str, str]" = {}


class Agent:
    """The loop, its timers, its operations, and what waits to be written."""

    def __init__(self, module: "Callable[[str, str], Any]") -> None:
        self.module = module
        self.ops: "Dict[str, Handler]" = {"ping": self.ping, "load": self.load, "bye": self.bye}
        self.parts: "List[str]" = []
        self.services: "Dict[str, Any]" = {}  # what a part has for others
        grammar: "Any" = Grammar
        self.scan = make_scanner(grammar)
        self.incoming = bytearray()
        self.control: "List[bytes]" = []  # frames that go before all output
        self.output: "Optional[Callable[[], Optional[List[bytes]]]]" = None
        self.writing: "List[Any]" = []  # the rest of the frame that is on its way
        self.waits_to_write = False
        self.leaving = False
        self.poller = select.poll()
        self.watched: "Dict[int, Callable[[], None]]" = {}
        self.timers: "Dict[Callable[[], None], float]" = {}

    # --- the loop

    def run(self) -> None:
        """Serve until stdin ends or the manager says bye."""
        posix.set_blocking(0, False)
        posix.set_blocking(1, False)
        self.incoming += system.ahead()
        self.watch(0, self.receive)
        self.take_requests()
        while True:
            self.write()
            if self.leaving and not self.writing:
                return
            for fd, _ in self.poller.poll(self.patience_ms()):
                act = self.watched.get(fd)
                if act is not None:
                    act()
            now = time.monotonic()
            for timer in [t for t, at in self.timers.items() if at <= now]:
                if self.timers.pop(timer, None) is not None:
                    timer()

    def patience_ms(self) -> "Optional[float]":
        """How long the loop may sleep, in milliseconds; None is for ever."""
        if not self.timers:
            return None
        # Half a millisecond more, as poll cuts to whole ones and the loop would spin.
        return max(0.0, (min(self.timers.values()) - time.monotonic()) * 1000.0 + 0.5)

    def watch(self, fd: int, act: "Callable[[], None]", events: int = select.POLLIN) -> None:
        """Call ``act`` whenever something happens to a file descriptor."""
        self.watched[fd] = act
        self.poller.register(fd, events)

    def unwatch(self, fd: int) -> None:
        """Forget a file descriptor, and close it."""
        if self.watched.pop(fd, None) is not None:
            self.poller.unregister(fd)
        posix.close(fd)

    def after(self, delay_s: float, act: "Callable[[], None]") -> None:
        """Call ``act`` once, in ``delay_s`` seconds; a call that was planned before is moved."""
        self.timers[act] = time.monotonic() + delay_s

    # --- out

    def send(self, header: "Dict[str, Any]", payload: bytes = b"") -> None:
        """Queue an answer or an event; it overtakes output that waits."""
        self.control.append(frame(header, len(payload)) + payload)

    def answer(self, request_id: int, reply: "Dict[str, Any]") -> None:
        """Queue the answer to a request."""
        self.send(dict({"id": request_id, "ok": True}, **reply))

    def next_frame(self) -> "List[Any]":
        """The buffers to write next: control frames first, then a piece of output."""
        if self.control:
            waiting, self.control = b"".join(self.control), []
            return [waiting]
        return self.output() or [] if self.output is not None else []

    def write(self) -> None:
        """Write until the pipe is full or a burst is done, never waiting."""
        for _ in range(BURST):
            self.writing = self.writing or self.next_frame()
            if not self.writing:
                break
            try:
                sent = posix.writev(1, self.writing)
            except BlockingIOError:
                break
            except OSError:
                posix._exit(0)  # nobody reads us any more
            while self.writing and sent >= len(self.writing[0]):
                sent -= len(self.writing.pop(0))
            if sent:
                self.writing[0] = memoryview(self.writing[0])[sent:]
        else:
            self.writing = self.writing or self.next_frame()
        if self.writing:
            self.poller.register(1, select.POLLOUT)
        elif self.waits_to_write:
            self.poller.unregister(1)
        self.waits_to_write = bool(self.writing)

    # --- in

    def receive(self) -> None:
        """Read what came in and do what it asks."""
        try:
            data = posix.read(0, 131072)
        except BlockingIOError:
            return
        if not data:
            posix._exit(0)
        self.incoming += data
        self.take_requests()

    def take_requests(self) -> None:
        """Do every request that has come in whole."""
        while len(self.incoming) >= 4:
            end = 4 + int.from_bytes(self.incoming[:4], "big")
            if end > LIMIT:
                sys.exit("lazytui agent: a frame of %d bytes came in: not the protocol" % end)
            if len(self.incoming) < end:
                return
            header, _, payload = bytes(self.incoming[4:end]).partition(b"\n")
            del self.incoming[:end]
            self.request(self.scan(header.decode("ascii"), 0)[0], payload)

    def request(self, ask: "Dict[str, Any]", payload: bytes) -> None:
        """Do one request; every failure becomes an answer in words."""
        try:
            operation = self.ops.get(ask["op"])
            if operation is None:
                raise RefusedError("unknown-op", "this agent cannot do " + str(ask["op"]))
            reply = operation(ask, payload)
        except Exception as problem:
            reply = refused(problem)
        if reply is not None and "id" in ask:
            self.answer(ask["id"], reply)

    # --- the operations of the boot part

    def ping(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Say that we are alive."""
        return {}

    def load(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Take a part: source text that makes its modules and installs its operations."""
        if ask["part"] not in self.parts:
            code = compile(payload, "lazytui/remote part " + ask["part"], "exec")
            exec(code, {"module": self.module, "agent": self})
            self.parts.append(ask["part"])
        return {}

    def bye(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """End when the answer is out."""
        self.leaving = True
        return {}

    # --- commands whose output we wait for beside everything else

    def spawn(
        self, argv: "List[bytes]", timeout_s: float, done: "Callable[[Optional[bytes]], None]"
    ) -> None:
        """Run a command; ``done`` gets what it printed, or None after ``timeout_s`` seconds."""
        reader, writer = posix.pipe()
        pid = posix.fork()
        if pid == 0:
            become(argv, writer)
        posix.close(writer)
        text: "List[bytes]" = []

        def readable() -> None:
            piece = posix.read(reader, 65536)
            if piece:
                text.append(piece)
                return
            self.timers.pop(expire, None)
            self.unwatch(reader)
            done(b"".join(text))

        def expire() -> None:
            self.unwatch(reader)
            try:
                posix.killpg(pid, _signal.SIGKILL)
            except OSError:
                pass  # it went by itself
            done(None)

        self.watch(reader, readable)
        self.after(timeout_s, expire)


def become(argv: "List[bytes]", stdout: int) -> None:
    """Turn this forked process into a command that prints to ``stdout``; never returns."""
    try:
        posix.setsid()
        null = posix.open("/dev/null", posix.O_RDWR)
        for source, target in ((null, 0), (stdout, 1), (null, 2)):
            posix.dup2(source, target)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
        posix.execve(argv[0], argv, posix.environ)
    finally:
        posix._exit(127)


def refused(problem: Exception) -> "Dict[str, Any]":
    """A failure as an answer."""
    kind = "error"
    if isinstance(problem, RefusedError):
        kind = problem.kind
    elif isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
        kind = "no-space"
    text = str(problem)
    if not isinstance(problem, (RefusedError, OSError)):
        text = type(problem).__name__ + ": " + text
    return {"ok": False, "kind": kind, "error": text}


def main(module: "Callable[[str, str], Any]") -> None:
    """Serve, and tell the names of the GPUs when nvidia-smi has found them."""
    # The kernel reaps our children: job leaders and commands are never waited for here.
    _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
    agent = Agent(module)
    smi = system.smi()
    if smi is not None:
        agent.spawn(
            [smi, b"--query-gpu=name", system.SMI_FORMAT],
            10.0,
            lambda text: agent.send({"ev": "gpus", "gpus": gpu_names(text)}),
        )
    agent.run()


def gpu_names(text: "Optional[bytes]") -> "List[str]":
    """The names that nvidia-smi printed, one a line; none when it failed."""
    lines = (text or b"").decode("utf-8", "replace").splitlines()
    if any("NVIDIA-SMI has failed" in line or "No devices" in line for line in lines):
        return []
    return [line.strip() for line in lines if line.strip()]
