"""Starting a job exactly once, however often and by how many agents it is asked for."""

import posix
import time

from lazytui.remote import system
from lazytui.remote.agent import RefusedError, refused
from lazytui.remote.folder import LocksUnknownError, make_folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    from lazytui.remote.agent import Agent
    from lazytui.remote.folder import Folder

    Lead = Callable[[Optional[int]], int]

BUSY_S = 0.02  # between two looks at a folder that somebody else has locked
GIVE_UP_S = 10.0


class Launch:
    """One request to start a job, until it is answered.

    Args:
        agent: whose loop this runs on.
        folder: the job's folder.
        files: what is to be in it before anything runs.
        lead: starts the job's leader, which takes the lock along; gives the pipe on which that
            reports.
        done: gets the answer.
    """

    def __init__(
        self,
        agent: "Agent",
        folder: "Folder",
        files: "Dict[bytes, bytes]",
        lead: "Lead",
        done: "Callable[[Dict[str, Any]], None]",
    ) -> None:
        self.agent = agent
        self.folder = folder
        self.files = files
        self.lead = lead
        self.done = done
        self.until = time.monotonic() + GIVE_UP_S
        self.lock: "Optional[int]" = None

    def attempt(self) -> None:
        """Start the job, or find that it was started, or come back when its lock is free."""
        try:
            self.try_once()
        except Exception as problem:
            self.release()
            self.done(refused(problem))

    def try_once(self) -> None:
        """One attempt; who holds the lock is either starting the job or running it."""
        folder = self.folder
        make_folders(folder.path)
        locked = self.take_lock()
        if folder.who() is not None or folder.ended() is not None:
            self.already()
        elif locked is False:
            self.come_back()
        elif not self.prepare(claim_decides=locked is None):
            self.already()
        else:
            report = self.lead(self.lock)
            self.release()  # the leader's copy holds it from now on
            self.agent.watch(report, lambda: self.reported(report))

    def take_lock(self) -> "Optional[bool]":
        """True: the lock is ours; False: somebody else's; None: this file system has no locks."""
        try:
            self.lock = self.folder.grab()
        except LocksUnknownError:
            return None
        except FileNotFoundError:
            return False  # removed this moment, by a launcher that found no room
        except OSError:
            if not self.folder.exists(b"claim"):
                self.folder.destroy()
            raise
        return self.lock is not None

    def prepare(self, claim_decides: bool) -> bool:
        """Fill the folder, and claim the job last; False when the claim is somebody else's.

        With the lock in our hands and no identity there, an older claim does not count: its
        launcher died before the start.
        """
        folder = self.folder
        if claim_decides and folder.exists(b"claim"):
            return False
        try:
            for name, data in self.files.items():
                folder.write(name, data)
            folder.reserve()
            posix.mkdir(folder.at(b"claim"), 0o700)
        except FileExistsError:
            return not claim_decides
        except OSError:
            folder.destroy()
            raise
        return True

    def come_back(self) -> None:
        """Somebody else is at it right now: look again soon."""
        self.release()
        if time.monotonic() > self.until:
            raise RefusedError("error", "another agent has been starting this job for too long")
        self.agent.after(BUSY_S, self.attempt)

    def already(self) -> None:
        """The job was started before."""
        self.release()
        who = self.folder.who()
        self.done({"state": "already", "pid": who.pid if who else 0})

    def reported(self, report: int) -> None:
        """The leader says how the start went, or died without a word."""
        words = posix.read(report, 4096).decode("utf-8", "replace")
        self.agent.unwatch(report)
        word, _, rest = words.partition(" ")
        if word == "started":
            self.done({"state": "started", "pid": int(rest)})
        else:
            text = rest or "the job's supervisor died at its start"
            self.done(refused(RefusedError(word or "died", text)))

    def release(self) -> None:
        """Close our copy of the lock."""
        if self.lock is not None:
            posix.close(self.lock)
            self.lock = None


class LineBuffering:
    """The variables by which `stdbuf -oL` makes programs print line by line, asked for once."""

    def __init__(self, agent: "Agent") -> None:
        self.found: "Optional[Dict[bytes, bytes]]" = None
        self.waiting: "List[Callable[[], None]]" = []
        stdbuf, env = system.which(b"stdbuf"), system.which(b"env")
        if stdbuf is None or env is None:
            self.found = {}
        else:
            agent.spawn([stdbuf, b"-oL", env], 2.0, self.printed)

    def printed(self, text: "Optional[bytes]") -> None:
        """Keep what stdbuf set, and let the jobs start that wait for it."""
        self.found = {}
        for line in (text or b"").split(b"\n"):
            name, _, value = line.partition(b"=")
            if name in (b"LD_PRELOAD", b"_STDBUF_O", b"DYLD_INSERT_LIBRARIES"):
                self.found[name] = value
        waiting, self.waiting = self.waiting, []
        for act in waiting:
            act()

    def when_known(self, act: "Callable[[], None]") -> None:
        """Call ``act`` now, or as soon as the variables are known."""
        if self.found is None:
            self.waiting.append(act)
        else:
            act()
