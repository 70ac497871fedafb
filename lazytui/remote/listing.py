"""What is in a folder, for people who look around: on the manager, and on a host.

A folder may be on a disk that does not answer, so that a host looks in a child of the agent, which
is left alone when it takes too long.
"""

import posix

from lazytui.remote import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Tuple

    from lazytui.remote.agent import Agent, Answer

MOST = 3000  # entries of one folder
KINDS = {0o100000: "f", 0o040000: "d", 0o120000: "l"}
PATIENCE_S = 10.0
MOST_BYTES = 1 << 20


def look(path: bytes) -> "Dict[str, Any]":
    """List a folder: name, kind (f, d, l for a link, D for one to a folder, x), size, time.

    Raises:
        OSError: it cannot be read.
    """
    path = absolute(path)
    rows: "List[List[Any]]" = []
    more = 0
    with posix.scandir(path) as listing:
        for item in listing:
            if len(rows) >= MOST:
                more += 1
                continue
            try:
                found = item.stat(follow_symlinks=False)
                kind = KINDS.get(found.st_mode & 0o170000, "x")
                if kind == "l" and item.is_dir():
                    kind = "D"
            except OSError:
                continue  # it has gone
            name = item.name.decode("utf-8", "surrogateescape")
            rows.append([name, kind, found.st_size, int(found.st_mtime)])
    disk = posix.statvfs(path)
    return {
        "path": path.decode("utf-8", "surrogateescape"),
        "rows": rows,
        "more": more,
        "free": disk.f_bavail * disk.f_frsize,
        "total": disk.f_blocks * disk.f_frsize,
    }


def absolute(path: bytes) -> bytes:
    """A path from the root, without detours; a relative one is below the home."""
    if path == b"~" or path.startswith(b"~/"):
        path = path[2:]
    parts: "List[bytes]" = []
    for part in (path if path.startswith(b"/") else system.home() + b"/" + path).split(b"/"):
        if part == b"..":
            parts = parts[:-1]
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/" + b"/".join(parts)


class Listings:
    """Answers of children that look."""

    def __init__(self, agent: "Agent") -> None:
        self.agent = agent

    def folder(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """What is in a folder; with ``make`` it is made first."""
        path = ask["path"].encode("utf-8", "surrogateescape")

        def work() -> "Tuple[Dict[str, Any], bytes]":
            if ask.get("make"):
                posix.mkdir(absolute(path), 0o777)
            return look(path), b""

        in_child(self.agent, ask["id"], PATIENCE_S, work)
        return None


def in_child(
    agent: "Agent",
    number: int,
    patience_s: float,
    work: "Callable[[], Tuple[Dict[str, Any], bytes]]",
) -> None:
    """Answer a request with what ``work`` gives in a child; a disk may not answer at all.

    Args:
        agent: who answers.
        number: of the request.
        patience_s: after so many seconds the child is left alone.
        work: gives the answer, and bytes that go along.
    """
    reader, writer = posix.pipe()
    if posix.fork() == 0:
        tell(writer, work)
    posix.close(writer)
    said: "List[bytes]" = []

    def readable() -> None:
        piece = posix.read(reader, 65536)
        if piece and sum(map(len, said)) < MOST_BYTES:
            said.append(piece)
            return
        agent.timers.pop(expire, None)
        agent.unwatch(reader)
        text, _, data = b"".join(said).partition(b"\n")
        reply = agent.scan(text.decode("ascii"), 0)[0] if text else no_answer()
        agent.send(dict({"id": number, "ok": True}, **reply), data)

    def expire() -> None:
        agent.unwatch(reader)
        agent.answer(number, no_answer())

    agent.watch(reader, readable)
    agent.after(patience_s, expire)


def no_answer() -> "Dict[str, Any]":
    """What is said of a folder that nothing is heard of."""
    return {"ok": False, "kind": "error", "error": "the disk does not answer"}


def tell(writer: int, work: "Callable[[], Tuple[Dict[str, Any], bytes]]") -> None:
    """Work, in a child of the agent, and write what came of it; never returns."""
    try:
        try:
            reply, data = work()
        except OSError as problem:
            words = problem.strerror or str(problem)
            reply, data = {"ok": False, "kind": "error", "error": words}, b""
        text = system.encode(reply).encode("ascii") + b"\n" + data
        while text:
            text = text[posix.write(writer, text) :]
    finally:
        posix._exit(0)


def install(agent: "Agent") -> None:
    """Add the operation of this part to the agent."""
    agent.ops["folder"] = Listings(agent).folder
