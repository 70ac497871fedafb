"""The operations on functions: put what is to be called there, and start it as a job.

A function runs in a fork of its *nursery*: a Python of its own, started with the first function,
that has imported what all of them need. So a call costs two forks, and what it does to its process
is seen by nobody. See `nursery`.
"""

import marshal
import posix
import sys

from lazytui.remote.agent import RefusedError, refused
from lazytui.remote.folder import Folder, make_folders, root
from lazytui.remote.jobs import working_folder
from lazytui.remote.launch import Launch

import _socket  # `socket` imports enum and selectors: 5 ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    from lazytui.remote.agent import Agent, Answer
    from lazytui.remote.jobs import Jobs
    from lazytui.remote.launch import Lead

START_S = 20.0  # a Python whose site-packages lie on a slow network may take long
READER = b"import sys;exec(compile(sys.stdin.buffer.read(),'lazytui/remote nursery','exec'))"
CONTROL_FD = 3
NURSERY = b""  # the program of a nursery, put here by the manager


class Functions:
    """The functions of this user on this host, as one agent serves them."""

    def __init__(self, agent: "Agent") -> None:
        self.agent = agent
        self.jobs: "Jobs" = agent.services["jobs"]
        self.nurseries: "Dict[str, Nursery]" = {}

    def put(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Take a piece of what is to be called, before the job is started."""
        folder = Folder(ask["job"])
        make_folders(folder.path)
        path = folder.at(b"call.part")
        fd = posix.open(path, posix.O_WRONLY | posix.O_CREAT, 0o600)
        try:
            posix.ftruncate(fd, ask["off"])
            posix.lseek(fd, ask["off"], 0)
            while payload:
                payload = payload[posix.write(fd, payload) :]
        finally:
            posix.close(fd)
        return {}

    def start(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Start a function as a job, once: the same id never starts a second time.

        Without a payload, what was put there before is called; ``size`` says how much that is.
        """
        folder = Folder(ask["job"])
        cwd = working_folder(ask.get("cwd"))
        done = self.jobs.answering(ask, folder)

        def launch(nursery: "Nursery") -> None:
            how = (cwd, self.jobs.environment(ask), self.jobs.login_umask)
            files = {b"spec": marshal.dumps(how, 2)}
            if payload:
                files[b"call"] = payload
            elif folder.who() is None and folder.ended() is None:
                take(folder, ask["size"])
            bear: "Lead" = lambda lock: nursery.bear(folder, lock)  # noqa: E731
            Launch(self.agent, folder, files, bear, done).attempt()

        def ready(nursery: "Nursery") -> None:
            try:
                nursery.check()
                launch(nursery)
            except Exception as problem:
                done(refused(problem))

        def begin() -> None:
            try:
                self.nursery(ask).when_ready(ready)
            except Exception as problem:  # no room for its program, no process left
                done(refused(problem))

        self.jobs.line_buffering.when_known(begin)
        return None

    def nursery(self, ask: "Dict[str, Any]") -> "Nursery":
        """The nursery of an interpreter, started if there is none."""
        python = ask.get("python") or sys.executable
        found = self.nurseries.get(python)
        if found is None or found.gone:
            found = self.nurseries[python] = Nursery(self.agent, python, ask["version"])
        return found


def take(folder: Folder, size: int) -> None:
    """Use what was put into a job's folder piece by piece.

    Raises:
        RefusedError: it is not whole.
    """
    try:
        if posix.stat(folder.at(b"call.part")).st_size == size:
            posix.rename(folder.at(b"call.part"), folder.at(b"call"))
            return
    except OSError:
        pass
    raise RefusedError("not-put", "the function did not arrive whole")


class Nursery:
    """A Python that forks one process for each function.

    Args:
        agent: watches its pipe and the clock.
        python: the interpreter.
        version: the minor version it must have, as ``3.11``.
    """

    def __init__(self, agent: "Agent", python: str, version: str) -> None:
        self.agent = agent
        self.python = python
        self.version = version
        self.words = b""
        self.ready = False
        self.gone = False
        self.waiting: "List[Callable[[Nursery], None]]" = []
        program = unnamed_file(NURSERY)
        said, tell = posix.pipe()
        self.said = said
        self.control, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self.control.setblocking(False)
        self.pid = posix.fork()
        if self.pid == 0:
            self.become(program, tell, theirs.fileno())
        for fd in (program, tell):
            posix.close(fd)
        theirs.close()
        agent.watch(said, self.hear)
        agent.after(START_S, self.late)

    def become(self, program: int, tell: int, control: int) -> None:
        """Turn this forked process into the interpreter; never returns."""
        try:
            posix.setsid()
            posix.chdir("/")
            kept = posix.dup(control)  # so that none of the three is overwritten by another
            posix.dup2(program, 0)
            posix.dup2(tell, 1)
            posix.dup2(tell, 2)
            posix.dup2(kept, CONTROL_FD)
            posix.set_inheritable(CONTROL_FD, True)  # also if it came as that number by itself
            env = dict(posix.environ)
            env[b"PYTHONUNBUFFERED"] = b"1"
            path = self.python.encode("utf-8", "surrogateescape")
            posix.execve(path, [path, b"-c", READER], env)
        except OSError as problem:
            posix.write(2, str(problem).encode("utf-8", "replace"))
        finally:
            posix._exit(127)

    def when_ready(self, act: "Callable[[Nursery], None]") -> None:
        """Call ``act`` when the interpreter has said whether it can be used."""
        if self.ready or self.gone:
            act(self)
        else:
            self.waiting.append(act)

    def check(self) -> None:
        """See that it can be used.

        Raises:
            RefusedError: it is not the Python that was asked for, or did not start.
        """
        said = self.words.decode("utf-8", "replace").strip()
        if not self.ready:
            last = said.splitlines()[-1:] or ["it says nothing"]
            raise RefusedError("python", self.python + " did not start: " + last[0])
        if said != self.version:
            text = "%s is Python %s, not %s" % (self.python, said, self.version)
            raise RefusedError("python", text)

    def hear(self) -> None:
        """Read what the interpreter says at its start: its version, or why it cannot."""
        piece = posix.read(self.said, 4096)
        self.words += piece
        _, end, rest = self.words.partition(b"ready ")
        if end and rest.endswith(b"\n"):
            self.words = rest
            self.ready = True
            self.agent.watch(self.control.fileno(), self.lost)
        elif piece:
            return
        else:
            self.gone = True
            self.control.close()
        self.agent.timers.pop(self.late, None)
        self.agent.unwatch(self.said)
        waiting, self.waiting = self.waiting, []
        for act in waiting:
            act(self)

    def late(self) -> None:
        """It takes too long: what waits for it is told when it is gone."""
        self.words += b"\nno answer in %d s" % START_S
        try:
            posix.kill(self.pid, 9)
        except OSError:
            pass  # it went by itself

    def lost(self) -> None:
        """It has ended, because nobody needed it for long or because it was killed."""
        self.gone = True
        self.agent.unwatch(self.control.detach())

    def bear(self, folder: Folder, lock: "Optional[int]") -> int:
        """Have the leader of a job forked there; gives the pipe on which that reports."""
        report, tell = posix.pipe()
        fds = b"".join(fd.to_bytes(4, sys.byteorder) for fd in (tell, lock) if fd is not None)
        try:
            rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, fds)
            self.control.sendmsg([folder.job.encode("ascii") + b"\n"], [rights])
        except OSError:
            posix.close(report)
            raise
        finally:
            posix.close(tell)
        return report


def unnamed_file(data: bytes) -> int:
    """Keep bytes in a file without a name; gives it open for reading."""
    make_folders(root())
    path = root() + b"/.nursery-%d" % posix.getpid()
    fd = posix.open(path, posix.O_RDWR | posix.O_CREAT | posix.O_TRUNC, 0o600)
    posix.unlink(path)
    while data:
        data = data[posix.write(fd, data) :]
    posix.lseek(fd, 0, 0)
    return fd


def install(agent: "Agent") -> None:
    """Add the operations of this part to the agent."""
    functions = Functions(agent)
    agent.ops.update(function_start=functions.start, function_put=functions.put)
