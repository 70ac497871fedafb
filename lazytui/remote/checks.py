"""Small questions about a host: free ports, programs that are there, what commands print."""

import _signal  # type: ignore[import-not-found]
import posix
import socket

from lazytui.remote import system
from lazytui.remote.agent import become

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Set

    from lazytui.remote.agent import Agent, Answer

KEPT = 4096  # bytes of what a command printed last
MOST = 1 << 20  # bytes after which a command has said too much and is ended
BESIDE = 16  # commands of one request that run beside each other


def ports_free(ask: "Dict[str, Any]", payload: bytes) -> "Answer":
    """Those of the ports on which we could listen, on every address."""
    return {"free": [port for port in ask["ports"] if is_free(port)]}


def is_free(port: int) -> bool:
    """Whether a TCP port can be bound, on IPv4 and, if the host has it, on IPv6."""
    for family, address in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
        try:
            probe = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # no IPv6 here
        try:
            # Connections that have just ended must not count: a server would set this, too.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
        except OverflowError:
            return False
        except OSError as problem:
            if family == socket.AF_INET or problem.errno not in unsupported():
                return False
        finally:
            probe.close()
    return True


def unsupported() -> "Any":
    """The errors by which a host without IPv6 addresses refuses to bind one."""
    import errno

    return (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def which(ask: "Dict[str, Any]", payload: bytes) -> "Answer":
    """The paths of those of the programs that are on the PATH."""
    return {"found": programs(ask["names"])}


def programs(names: "List[str]") -> "Dict[str, str]":
    """The paths of those of some programs that are on the PATH, by their names."""
    found = {}
    for name in names:
        path = system.which(name.encode("utf-8", "surrogateescape"))
        if path is not None:
            found[name] = path.decode("utf-8", "replace")
    return found


class Asked:
    """A short command whose last words are wanted; ended with all it started when it is late.

    Args:
        agent: watches the pipe and the clock.
        command: text for the shell.
        timeout_s: seconds it may take.
        done: gets the end of what it printed to stdout; None when it was ended.
    """

    def __init__(
        self,
        agent: "Agent",
        command: str,
        timeout_s: float,
        done: "Callable[[Optional[bytes]], None]",
    ) -> None:
        self.agent = agent
        self.done = done
        self.said = b""
        self.size = 0
        # Kept once: each look at a bound method makes another object, and timers are found by it.
        self.late = self.end
        self.reader, writer = posix.pipe()
        try:
            self.pid = posix.fork()
        except OSError:
            posix.close(self.reader)
            posix.close(writer)
            raise
        if self.pid == 0:
            run_in_home(command, writer)
        posix.close(writer)
        agent.watch(self.reader, self.readable)
        agent.after(timeout_s, self.late)

    def readable(self) -> None:
        """Keep the end of what it says."""
        piece = posix.read(self.reader, 65536)
        self.size += len(piece)
        self.said = (self.said + piece)[-KEPT:]
        if self.size > MOST:
            self.end()
        elif not piece:
            self.leave(self.said)

    def end(self) -> None:
        """Kill it: it took too long or said too much."""
        try:
            posix.killpg(self.pid, _signal.SIGKILL)
        except OSError:
            pass  # it went by itself, or has not come to be a group of its own yet
        self.leave(None)

    def leave(self, said: "Optional[bytes]") -> None:
        """Forget the pipe and the clock, and tell."""
        self.agent.timers.pop(self.late, None)
        self.agent.unwatch(self.reader)
        self.done(said)


def run_in_home(command: str, stdout: int) -> None:
    """Turn this forked process into a shell in the home folder; never returns."""
    try:
        posix.chdir(system.home())
    except OSError:
        pass  # a home that is not there: where the agent is will do
    text = command.encode("utf-8", "surrogateescape")
    become([b"/bin/sh", b"-c", text], stdout)


class Probes:
    """Answers all questions of one request together, when the last command is over."""

    def __init__(self, agent: "Agent") -> None:
        self.agent = agent

    def probe(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Which of the programs are there, and what each of the commands printed last.

        ``said`` is in the order of the commands, null for one that was ended or could not begin.
        Only so many run beside each other; each has the whole time from its own beginning.
        """
        commands = ask["commands"]
        texts: "List[Optional[str]]" = [None] * len(commands)
        answer = {"found": programs(ask.get("names", [])), "said": texts}
        waiting = list(enumerate(commands))
        running: "Set[int]" = set()

        def go_on() -> None:
            while waiting and len(running) < BESIDE:
                begin(*waiting.pop(0))
            if not running:
                self.agent.answer(ask["id"], answer)

        def begin(place: int, command: str) -> None:
            def over(said: "Optional[bytes]") -> None:
                if said is not None:
                    texts[place] = said.decode("utf-8", "replace")
                running.discard(place)
                go_on()

            try:
                Asked(self.agent, command, ask["timeout"], over)
            except OSError:
                return  # there are no processes left: this one stays without an answer
            running.add(place)

        go_on()
        return None


def install(agent: "Agent") -> None:
    """Add the operations of this part to the agent."""
    agent.ops.update(ports_free=ports_free, which=which, probe=Probes(agent).probe)
