"""An agent as a local process behind its real exec line, and a small client that speaks frames."""

from __future__ import annotations

import glob
import json
import os
import pwd
import secrets
import select
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lazytui.core import bundle

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 30.0


def account_home() -> str:
    """The home of the account, not the empty one that tests get."""
    return pwd.getpwuid(os.getuid()).pw_dir


def interpreters() -> dict[str, str]:
    """Every Python 3 that lazytui's agent must run on and that is here: version -> path."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}
    for path in glob.glob(f"{account_home()}/.pyenv/versions/3.*/bin/python3"):
        version = Path(path).parents[1].name
        found[".".join(version.split(".")[:2])] = path
    for minor in range(6, 15):
        for folder in os.environ["PATH"].split(":"):
            path = f"{folder}/python3.{minor}"
            if "shims" not in folder and os.access(path, os.X_OK):
                found.setdefault(f"3.{minor}", path)
    return found


def new_job_id() -> str:
    """An id as the manager makes them."""
    return secrets.token_hex(16)


class AgentProcess:
    """One agent. Use it in a ``with`` block; it and its jobs' supervisors are gone afterwards.

    Args:
        home: its HOME; jobs live below it.
        python: the interpreter on this "host".
        shell: the login shell that gets the exec line.
        noise: what the login prints before the agent starts.
        env: more variables.
    """

    def __init__(
        self,
        home: Path,
        *,
        python: str = sys.executable,
        shell: str = "sh",
        noise: str = "",
        env: dict[str, str] | None = None,
    ) -> None:
        self.home = home
        self.marker = secrets.token_hex(16).encode()
        source = bundle.boot_source(self.marker)
        line = bundle.exec_line(python, len(source))
        if noise:
            line = f"echo {noise}; {line}"
        self.process = subprocess.Popen(
            [shell, "-c", line],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={"PATH": os.environ["PATH"], "HOME": str(home), **(env or {})},
        )
        self.write(source)
        self.buffer = bytearray()
        self.greeted = False
        self.before = b""  # what the login printed
        self.events: deque[tuple[dict[str, Any], bytes]] = deque()
        self.answers: dict[int, dict[str, Any]] = {}
        self.order: list[str] = []  # what came in, in order
        self.last_id = 0
        self.loaded: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Kill the agent as a crash would; its jobs go on."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view) :]

    # --- frames

    def receive(self, deadline: float) -> None:
        """Read once, and sort what came in."""
        assert self.process.stdout is not None
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
            raise TimeoutError(f"nothing came in {PATIENCE_S} s; so far {self.order[-10:]}")
        data = os.read(self.process.stdout.fileno(), 1 << 20)
        if not data:
            assert self.process.stderr is not None
            raise EOFError(self.process.stderr.read().decode(errors="replace"))
        self.buffer += data
        if not self.greeted:
            at = self.buffer.find(self.marker)
            if at < 0:
                return
            self.before = bytes(self.buffer[:at])
            del self.buffer[: at + len(self.marker)]
            self.greeted = True
        self.sort()

    def sort(self) -> None:
        start = 0
        while len(self.buffer) - start >= 4:
            end = start + 4 + int.from_bytes(self.buffer[start : start + 4], "big")
            if len(self.buffer) < end:
                break
            head, _, payload = bytes(self.buffer[start + 4 : end]).partition(b"\n")
            start = end
            header = json.loads(head)
            if "ev" in header:
                self.order.append(header["ev"])
                self.events.append((header, payload))
            else:
                self.order.append(f"answer {header['id']}")
                whole = {**header, "payload": payload} if payload else header
                self.answers[header["id"]] = whole
        del self.buffer[:start]

    def ask(self, op: str, payload: bytes = b"", **fields: Any) -> int:
        """Send a request (after the part that it needs); gives its id."""
        needed = bundle.PART_OF_OP.get(op)
        parts = [] if needed is None else [*bundle.PARTS_BEFORE.get(needed, ()), needed]
        for part in parts:
            if part not in self.loaded:
                self.loaded.add(part)
                reply = self.call("load", bundle.part_source(part), part=part)
                assert reply["ok"], reply
        self.last_id += 1
        self.write_frame({"id": self.last_id, "op": op, **fields}, payload)
        return self.last_id

    def write_frame(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Send a frame."""
        text = json.dumps(header).encode() + b"\n" + payload
        self.write(len(text).to_bytes(4, "big") + text)

    def receive_soon(self) -> None:
        """Read once."""
        self.receive(time.monotonic() + PATIENCE_S)

    def answer(self, request_id: int) -> dict[str, Any]:
        """Wait for an answer."""
        deadline = time.monotonic() + PATIENCE_S
        while request_id not in self.answers:
            self.receive(deadline)
        return self.answers.pop(request_id)

    def call(self, op: str, payload: bytes = b"", **fields: Any) -> dict[str, Any]:
        """Ask, and wait for the answer."""
        return self.answer(self.ask(op, payload, **fields))

    def event(self, name: str) -> tuple[dict[str, Any], bytes]:
        """Wait for the next event of one kind; those before it are dropped."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            while self.events:
                header, payload = self.events.popleft()
                if header["ev"] == name:
                    return header, payload
            self.receive(deadline)

    def hello(self) -> dict[str, Any]:
        """Wait for the first message."""
        return self.event("hello")[0]

    # --- jobs

    def start(self, script: str | bytes, job: str | None = None, **fields: Any) -> str:
        """Start a job and give its id; the answer must be that it was started."""
        job = job or new_job_id()
        text = script.encode() if isinstance(script, str) else script
        reply = self.call("job_start", text, job=job, **fields)
        assert reply["ok"], reply
        assert reply["state"] == "started", reply
        return job

    def follow(self, job: str, off: int = 0, credit: int = 1 << 40, s: int = 1) -> None:
        reply = self.call("job_follow", job=job, s=s, off=off, credit=credit)
        assert reply["ok"], reply

    def output(self, s: int = 1, off: int = 0) -> tuple[bytes, dict[str, Any]]:
        """Everything a followed job prints, from ``off``, and its end event."""
        pieces: list[bytes] = []
        deadline = time.monotonic() + PATIENCE_S
        while True:
            while self.events:
                header, payload = self.events.popleft()
                if header.get("s") != s:
                    continue
                if header["ev"] == "end":
                    return b"".join(pieces), header
                assert header["ev"] == "out"
                assert header["off"] == off, "a byte is missing or came twice"
                assert len(payload) <= 65536
                off += len(payload)
                pieces.append(payload)
            self.receive(deadline)

    def run(self, script: str | bytes, **fields: Any) -> tuple[bytes, dict[str, Any]]:
        """Start a job, follow it to its end; gives its output and the end event."""
        job = self.start(script, **fields)
        self.follow(job)
        return self.output()

    def folder(self, job: str) -> Path:
        """A job's folder."""
        return self.home / ".local/state/lazytui/jobs" / job


def start_time(pid: int) -> str:
    """Field 22 of /proc/PID/stat, empty when there is no such process (or only a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def until(what: str, holds: Callable[[], Any]) -> None:
    """Wait until something holds; fail with its name when it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.01)
