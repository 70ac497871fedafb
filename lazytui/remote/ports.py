"""Ports of a host: who listens, does a listener answer, and the sshd that served us before."""

import errno
import posix
import select
import socket
import sys
import time

from lazytui.remote.agent import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from lazytui.remote.agent import Agent, Answer

MOST = 2000  # listeners told at most
LISTEN = b"0A"
TERM = 15
CONT = 18 if sys.platform == "linux" else 19


def listeners(ports: "Optional[List[int]]") -> "List[List[Any]]":
    """The sockets that listen: port, address, inode, uid; only those of ``ports`` if given."""
    wanted = None if ports is None else set(ports)
    found = []
    for path, family in ((b"/proc/net/tcp", socket.AF_INET), (b"/proc/net/tcp6", socket.AF_INET6)):
        for line in whole(path).split(b"\n")[1:]:
            fields = line.split()
            if len(fields) < 10 or fields[3] != LISTEN:
                continue
            address, _, number = fields[1].partition(b":")
            port = int(number, 16)
            if wanted is None or port in wanted:
                found.append([port, address_of(address, family), int(fields[9]), int(fields[7])])
    return found[:MOST]


def address_of(text: bytes, family: int) -> str:
    """An address as people write it; the kernel prints words of 32 bits in its own byte order."""
    raw = b""
    for at in range(0, len(text), 8):
        raw += int(text[at : at + 8], 16).to_bytes(4, sys.byteorder)
    return socket.inet_ntop(family, raw)


def whole(path: bytes) -> bytes:
    """All of a file of /proc, empty when it cannot be read."""
    try:
        fd = posix.open(path, posix.O_RDONLY)
    except OSError:
        return b""
    pieces: "List[bytes]" = []
    try:
        while True:
            piece = posix.read(fd, 262144)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
    except OSError:
        return b"".join(pieces)
    finally:
        posix.close(fd)


def programs(inodes: "List[int]") -> "Dict[int, Tuple[str, int]]":
    """The name and pid of the program that has each socket, as far as we may see it."""
    wanted = {b"socket:[%d]" % inode: inode for inode in inodes}
    found: "Dict[int, Tuple[str, int]]" = {}
    try:
        pids = [name for name in posix.listdir(b"/proc") if name.isdigit()]
    except OSError:
        return found
    for pid in pids:
        if len(found) == len(wanted):
            break
        folder = b"/proc/" + pid + b"/fd"
        try:
            names = posix.listdir(folder)
        except OSError:
            continue  # another user's, or gone
        for name in names:
            try:
                inode = wanted.get(posix.readlink(folder + b"/" + name))
            except OSError:
                continue
            if inode is not None and inode not in found:
                found[inode] = (comm(pid), int(pid))
    return found


def comm(pid: bytes) -> str:
    """The name of a process."""
    return whole(b"/proc/" + pid + b"/comm").decode("utf-8", "replace").strip()


def ports_listening(ask: "Dict[str, Any]", payload: bytes) -> "Answer":
    """Who listens: port, address, inode, uid, and with ``who`` also the program and its pid.

    ``known`` is false where this host cannot tell (no /proc).
    """
    rows = listeners(ask.get("ports"))
    if ask.get("who") and rows:
        named = programs([row[2] for row in rows])
        rows = [row + list(named.get(row[2], ("", 0))) for row in rows]
    else:
        rows = [row + ["", 0] for row in rows]
    return {"listening": rows, "known": bool(whole(b"/proc/net/tcp"))}


# --- our own sshd --------------------------------------------------------------------------


def session(pid: int) -> "Optional[str]":
    """The start time of a living sshd of ours, or None for anything else."""
    stat = whole(b"/proc/%d/stat" % pid)
    if not stat or not comm(b"%d" % pid).startswith("sshd"):
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def ports_session(ask: "Dict[str, Any]", payload: bytes) -> "Answer":
    """Which sshd serves this connection: it holds the ports that are asked of it."""
    pid = posix.getppid()
    return {"pid": pid, "start": session(pid) or ""}


def ports_end_session(ask: "Dict[str, Any]", payload: bytes) -> "Answer":
    """End the sshd of a connection of ours that is lost on the manager's side.

    It keeps our ports until TCP gives up, which can take hours.
    """
    pid = int(ask["pid"])
    if pid in (0, 1, posix.getppid()) or not ask["start"] or session(pid) != ask["start"]:
        return {"ended": False}
    try:
        posix.kill(pid, TERM)
        posix.kill(pid, CONT)  # a stopped one takes the signal only then
    except OSError as problem:
        if problem.errno != errno.ESRCH:
            text = "sshd %d cannot be ended: %s" % (pid, problem.strerror)
            raise RefusedError("not-ours", text) from problem
    return {"ended": True}


# --- does a listener answer ----------------------------------------------------------------


class Knocks:
    """Connects to ports of this host and says how long that took."""

    def __init__(self, agent: "Agent") -> None:
        self.agent = agent

    def connect(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Connect; the answer has our own port, by which the other end knows us."""
        family = socket.AF_INET6 if ":" in ask["address"] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        started = time.monotonic()
        problem = sock.connect_ex((ask["address"], ask["port"]))
        fd = sock.fileno()

        def over(problem: int) -> None:
            self.agent.timers.pop(late, None)
            reply: "Dict[str, Any]" = {"error": "", "port": 0}
            if problem:
                reply["error"] = posix.strerror(problem)
            else:
                reply["port"] = sock.getsockname()[1]
                reply["ms"] = (time.monotonic() - started) * 1000.0
            if fd in self.agent.watched:
                self.agent.unwatch(sock.detach())
            else:
                sock.close()
            self.agent.answer(ask["id"], reply)

        def ready() -> None:
            over(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

        def late() -> None:
            over(errno.ETIMEDOUT)

        if problem in (errno.EINPROGRESS, errno.EAGAIN):
            self.agent.watch(fd, ready, select.POLLOUT)
            self.agent.after(ask["timeout"], late)
        else:
            over(problem)
        return None


def install(agent: "Agent") -> None:
    """Add the operations of this part to the agent."""
    agent.ops.update(
        ports_listening=ports_listening,
        ports_session=ports_session,
        ports_end_session=ports_end_session,
        ports_connect=Knocks(agent).connect,
    )
