"""The operations on jobs: start, follow, signal, tell the state of, forget."""

import _signal  # type: ignore[import-not-found]
import posix

from lazytui.remote import leader, logout, process, system
from lazytui.remote.agent import RefusedError
from lazytui.remote.folder import Folder, LocksUnknownError, remove, root
from lazytui.remote.launch import Launch, LineBuffering
from lazytui.remote.leader import AGAIN_S, Spec
from lazytui.remote.stream import Streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict

    from lazytui.remote.agent import Agent, Answer

    Done = Callable[[Dict[str, Any]], None]

DEATH_LOOK_S = 0.02  # between two looks whether a killed command has gone


class Jobs:
    """The jobs of this user on this host, as one agent serves them."""

    def __init__(self, agent: "Agent") -> None:
        self.agent = agent
        self.streams = Streams(agent)
        self.login_umask = posix.umask(0o077)
        self.line_buffering = LineBuffering(agent)

    # --- start

    def start(self, ask: "Dict[str, Any]", script: bytes) -> "Answer":
        """Start a job, once: the same id never starts a second time."""
        folder = Folder(ask["job"])
        cwd = working_folder(ask.get("cwd"))

        done = self.answering(ask, folder)

        def launch() -> None:
            spec = Spec(cwd, self.environment(ask), self.login_umask, bool(ask.get("tty")))
            # On the first line, so that the shell counts the lines as the user does.
            files = {b"cmd": b"exec %d<&-;" % leader.SCRIPT_FD + script}
            Launch(
                self.agent, folder, files, lambda lock: leader.fork(folder, spec, lock), done
            ).attempt()

        self.line_buffering.when_known(launch)
        return None

    def answering(self, ask: "Dict[str, Any]", folder: Folder) -> "Done":
        """What to do when it is known how a start went: answer, and send the output if asked to."""

        def done(reply: "Dict[str, Any]") -> None:
            self.agent.answer(ask["id"], reply)
            if reply.get("ok", True) and ask.get("follow"):
                self.streams.follow(folder, ask["follow"])

        return done

    def environment(self, ask: "Dict[str, Any]") -> "Dict[bytes, bytes]":
        """The login's variables, those that make output live, and the job's own, in this order."""
        found = dict(posix.environ)
        found[b"PYTHONUNBUFFERED"] = b"1"
        found.update(self.line_buffering.found or {})
        if ask.get("tty"):
            found.setdefault(b"TERM", b"xterm-256color")
        for name, value in (ask.get("env") or {}).items():
            found[name.encode("utf-8", "surrogateescape")] = value.encode(
                "utf-8", "surrogateescape"
            )
        return found

    # --- follow

    def follow(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Send a job's output from an offset on; the answer goes before it."""
        self.streams.follow(Folder(ask["job"]), ask)
        return {}

    def unfollow(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Stop sending a stream."""
        self.streams.unfollow(ask["s"])
        return {}

    def credit(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Let a stream send more; has no answer."""
        self.streams.grant(ask["s"], ask["n"])
        return None

    # --- signal

    def signal(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Signal the command's process group, if it is beyond doubt the job's own."""
        number = getattr(_signal, "SIG" + ask["signal"], None)
        if number is None:
            raise RefusedError("error", "no such signal: " + ask["signal"])
        folder = Folder(ask["job"])
        who = folder.who()
        if folder.ended() is not None:
            return {"state": "ended"}
        if who is None:
            raise RefusedError("not-started", "this job was never started here")
        if who.boot != system.boot_id():
            return {"state": "rebooted"}
        # Who kills a command that has no leader any more must write its exit status; until
        # then the lock tells everybody that the job has not ended.
        lock = folder.grab_orphan(who) if number == _signal.SIGKILL else None
        if not process.signal_group(who.pid, who.start, number):
            if lock is not None:
                posix.close(lock)
            # Its leader may be about to write the exit status.
            gone = folder.ended() is not None or folder.is_held()
            return {"state": "ended" if gone else "stale"}
        if lock is not None:
            self.bury(folder, who, lock)
        return {"state": "sent"}

    def bury(self, folder: Folder, who: "process.Who", lock: int) -> None:
        """Write the exit status of a command that we killed, when it has gone."""

        def look() -> None:
            if process.is_alive(who.pid, who.start):
                self.agent.after(DEATH_LOOK_S, look)
            elif folder.may_finish():
                write()
            else:
                posix.close(lock)

        def write() -> None:
            try:
                folder.finish(128 + _signal.SIGKILL, folder.size())
            except FileNotFoundError:
                pass  # forgotten meanwhile
            except OSError:
                self.agent.after(AGAIN_S, write)
                return
            posix.close(lock)

        look()

    # --- tell and forget

    def status(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """The states of jobs."""
        return {"jobs": {job: Folder(job).look() for job in ask["jobs"]}}

    def list(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """The ids of all jobs here, whoever's: hosts may share a home, managers a host."""
        return {"jobs": [name.decode("ascii") for name in listing(root()) if is_id(name)]}

    def result(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """A piece of what a function returned: ``ask["n"]`` bytes from ``ask["off"]`` on."""
        data = Folder(ask["job"]).result(ask["off"], ask["n"])
        self.agent.send({"id": ask["id"], "ok": True}, data)
        return None

    def forget(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Remove the folders of jobs that have ended, and only of those."""
        for name in listing(root()):
            if name.endswith(b".gone"):  # a removal that was cut short
                remove(root() + b"/" + name)
        return {"forgotten": [job for job in ask["jobs"] if forgotten(Folder(job))]}


def forgotten(folder: Folder) -> bool:
    """Remove an ended job's folder; whether it is gone. What may yet start is locked first."""
    state = folder.look()["state"]
    if state in ("running", "unknown"):
        return bool(state == "unknown")
    if state == "exited":
        folder.destroy()
        return True
    lock = None
    try:
        lock = folder.grab()
        if lock is None:
            return False  # somebody has just begun to start it
        folder.destroy()
    except FileNotFoundError:
        return True
    except LocksUnknownError:
        folder.destroy()
    finally:
        if lock is not None:
            posix.close(lock)
    return True


def working_folder(path: "Any") -> bytes:
    """The folder that a job asked for: home when it named none, a relative one below home.

    Raises:
        RefusedError: it is not there, or we may not enter it.
    """
    wanted = (path or "").encode("utf-8", "surrogateescape")
    if wanted == b"~" or wanted.startswith(b"~/"):
        wanted = wanted[2:]
    if not wanted.startswith(b"/"):
        wanted = system.home() + b"/" + wanted
    try:
        is_folder = posix.stat(wanted).st_mode & 0o170000 == 0o040000
    except OSError as problem:
        raise RefusedError("bad-cwd", "%s: %s" % (path, problem.strerror)) from problem
    if not is_folder or not posix.access(wanted, posix.X_OK):
        raise RefusedError("bad-cwd", "%s: not a folder that can be entered" % path)
    return bytes(wanted)


def is_id(name: bytes) -> bool:
    """Whether a folder's name is a job's id."""
    return len(name) >= 32 and not name.strip(b"0123456789abcdef-")


def listing(path: bytes) -> "Any":
    """The names in a folder, none if it is not there."""
    try:
        return posix.listdir(path)
    except OSError:
        return []


def install(agent: "Agent") -> None:
    """Add the operations of this part to the agent."""
    jobs = Jobs(agent)
    agent.services["jobs"] = jobs
    agent.ops.update(
        job_start=jobs.start,
        job_follow=jobs.follow,
        unfollow=jobs.unfollow,
        credit=jobs.credit,
        job_signal=jobs.signal,
        job_status=jobs.status,
        job_list=jobs.list,
        job_forget=jobs.forget,
        job_result=jobs.result,
    )
    if logout.ends_jobs():
        agent.send({"ev": "logout"})
