"""The folder of one job on a host: how a job is remembered when everyone who knew of it is gone.

* cmd    the script; never on a command line
* lock   locked by the launcher, then by the job's leader, for as long as one of them lives
* claim/ made by whoever may start the job
* id     "<pid> <start> <boot id>" of the command, then its leader's; without it nothing ran
* alive  a FIFO that the leader holds open: its end is noticed without asking again and again
* out    what the command prints, append only
* call   what a function job unpickles and calls, instead of cmd; spec is how it is to be run
* result what a function returned or raised, for as long as the manager has not got it
* slot   64 bytes reserved before the start, so that a full disk cannot lose the exit status
* fin/   made (renamed: a full disk allows that) by whoever may write the exit status
* exit   "<code> <epoch> <size of out> <1 if the disk was full>"; the proof of the end
"""

import errno
import fcntl
import posix
import time

from lazytui.remote import process, system
from lazytui.remote.agent import RefusedError
from lazytui.remote.process import Who

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

SLOT_BYTES = 64
YOUNG_S = 5.0  # a claim this fresh may still be starting, where locks cannot tell


def root() -> bytes:
    """The folder of all jobs of this user."""
    state = posix.environ.get(b"XDG_STATE_HOME", b"")
    if not state.startswith(b"/"):
        state = system.home() + b"/.local/state"
    return state + b"/lazytui/jobs"


def make_folders(path: bytes) -> None:
    """Make a folder and those above it, each for the user alone; others may be doing the same."""
    try:
        posix.mkdir(path, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_folders(path.rpartition(b"/")[0])
        try:
            posix.mkdir(path, 0o700)
        except FileExistsError:
            return


def is_job_id(name: "Any") -> bool:
    """Whether a name is a job's: 32 hex digits, perhaps a dash and a number."""
    if not isinstance(name, str):
        return False
    head, dash, tail = name.partition("-")
    ends_well = tail.isdigit() and tail.isprintable() if dash else True
    return len(head) == 32 and not set(head) - set("0123456789abcdef") and ends_well


class Folder:
    """One job's folder.

    Args:
        job: the job's id.

    Raises:
        RefusedError: not an id, or the folder is not ours.
    """

    def __init__(self, job: "Any") -> None:
        if not is_job_id(job):
            raise RefusedError("error", "not a job id: " + repr(job))
        self.job: str = job
        self.path: bytes = root() + b"/" + job.encode("ascii")
        try:
            found = posix.lstat(self.path)
        except OSError:
            return
        if found.st_mode & 0o170000 != 0o040000 or found.st_uid != posix.geteuid():
            raise RefusedError("not-ours", "the job's folder belongs to somebody else")

    def at(self, name: bytes) -> bytes:
        """The path of a file in the folder."""
        return b"/".join((self.path, name))

    def exists(self, name: bytes = b"") -> bool:
        """Whether the folder, or something in it, is there."""
        try:
            posix.lstat(self.at(name) if name else self.path)
        except OSError:
            return False
        return True

    def write(self, name: bytes, data: bytes) -> None:
        """Put a file there, whole or not at all."""
        fd = posix.open(
            self.at(name + b".tmp"), posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC, 0o600
        )
        try:
            while data:
                data = data[posix.write(fd, data) :]
        finally:
            posix.close(fd)
        posix.rename(self.at(name + b".tmp"), self.at(name))

    def reserve(self) -> None:
        """Take now all the room that the end of the job will need.

        Raises:
            OSError: the disk is full.
        """
        fd = posix.open(self.at(b"slot"), posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC, 0o600)
        try:
            posix.write(fd, b" " * (SLOT_BYTES - 1) + b"\n")
        finally:
            posix.close(fd)
        for name, make in ((b"fin.free", posix.mkdir), (b"alive", posix.mkfifo)):
            try:
                make(self.at(name), 0o700)
            except FileExistsError:
                pass  # left by a launcher that died
            except OSError as problem:
                # Some file systems have no FIFOs: the agent then asks again and again.
                if name == b"fin.free" or problem.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise

    def destroy(self) -> None:
        """Remove the folder. It is renamed first, so that half a job is never found."""
        gone = self.path + b".gone"
        remove(gone)
        try:
            posix.rename(self.path, gone)
        except FileNotFoundError:
            return
        remove(gone)

    # --- the lock

    def grab(self, kind: int = fcntl.LOCK_EX) -> "Optional[int]":
        """Lock the folder; None when somebody else holds it, else what `posix.close` releases.

        Raises:
            FileNotFoundError: the folder was removed.
            LocksUnknownError: this file system has no locks.
        """
        while True:
            fd = posix.open(self.at(b"lock"), posix.O_RDWR | posix.O_CREAT, 0o600)
            try:
                fcntl.flock(fd, kind | fcntl.LOCK_NB)
                if posix.fstat(fd).st_ino == posix.stat(self.at(b"lock")).st_ino:
                    return fd
            except BlockingIOError:
                posix.close(fd)
                return None
            except FileNotFoundError:
                posix.close(fd)
                raise
            except OSError as problem:
                posix.close(fd)
                raise LocksUnknownError(str(problem)) from problem
            posix.close(fd)  # that lock was removed while we took it

    def is_held(self) -> "Optional[bool]":
        """Whether a launcher or the leader lives; None where locks cannot tell."""
        if not self.exists(b"lock"):
            return False
        try:
            fd = self.grab(fcntl.LOCK_SH)  # two who look must not take each other for a leader
        except FileNotFoundError:
            return False
        except LocksUnknownError:
            return None
        if fd is None:
            return True
        posix.close(fd)
        return False

    def grab_orphan(self, who: Who) -> "Optional[int]":
        """Lock a job whose leader is gone; None when it has one. To be closed."""
        try:
            return self.grab()
        except LocksUnknownError:
            if process.is_alive(who.leader_pid, who.leader_start):
                return None
            return posix.open("/dev/null", posix.O_RDONLY)
        except FileNotFoundError:
            return None

    # --- what it says

    def who(self) -> "Optional[Who]":
        """Who runs the command, or None when it was never started."""
        fields = system.read(self.at(b"id")).split()
        if len(fields) != 5 or not (fields[0].isdigit() and fields[3].isdigit()):
            return None
        return Who(int(fields[0]), fields[1], fields[2], int(fields[3]), fields[4])

    def ended(self) -> "Optional[Dict[str, Any]]":
        """The exit status, or None as long as there is none."""
        fields = system.read(self.at(b"exit")).split()
        if len(fields) < 2 or not (fields[0].isdigit() and fields[1].isdigit()):
            return None
        size = int(fields[2]) if len(fields) > 2 else self.size()
        found = {"state": "exited", "rc": int(fields[0]), "at": int(fields[1]), "size": size}
        if fields[3:4] == ["1"]:
            found["disk_full"] = True
        try:
            found["result"] = posix.stat(self.at(b"result")).st_size
        except OSError:
            pass  # a command, or a function that did not get so far
        return found

    def result(self, offset: int, size: int) -> bytes:
        """A piece of what the function returned.

        Raises:
            OSError: it cannot be read.
        """
        fd = posix.open(self.at(b"result"), posix.O_RDONLY)
        try:
            return posix.pread(fd, size, offset)
        finally:
            posix.close(fd)

    def size(self) -> int:
        """How many bytes of output there are."""
        try:
            return posix.stat(self.at(b"out")).st_size
        except OSError:
            return 0

    def look(self) -> "Dict[str, Any]":
        """The job's state as the protocol's `end` event and `job_status` tell it."""
        found = self.ended()
        if found is not None:
            return found
        if not self.exists():
            return {"state": "unknown"}
        held = self.is_held()
        if held:
            return {"state": "running", "size": self.size()}
        who = self.who()
        if who is None:
            if held is None and self.is_young():
                return {"state": "running", "size": 0}
            return {"state": "not-started", "reason": "its launcher died before the start"}
        if who.boot != system.boot_id():
            return self.lost("host was rebooted")
        if held is None and process.is_alive(who.leader_pid, who.leader_start):
            return {"state": "running", "size": self.size()}
        if process.is_alive(who.pid, who.start):
            return {"state": "running", "size": self.size(), "unsupervised": True}
        # The leader may have ended properly between our first look and the others.
        return self.ended() or self.lost("its supervisor was killed")

    def lost(self, reason: str) -> "Dict[str, Any]":
        """The state of a job whose exit status nobody will ever know."""
        return {"state": "lost", "reason": reason, "size": self.size()}

    def is_young(self) -> bool:
        """Whether the claim was made a moment ago."""
        try:
            return abs(time.time() - posix.stat(self.at(b"claim")).st_mtime) < YOUNG_S
        except OSError:
            return False

    # --- the end

    def may_finish(self) -> bool:
        """Take the right to write the exit status; True for exactly one caller, ever."""
        try:
            posix.rename(self.at(b"fin.free"), self.at(b"fin"))
        except OSError:
            return False
        return True

    def finish(self, status: int, size: int) -> None:
        """Write the exit status into the room reserved for it.

        Raises:
            OSError: it could not be written; trying again is right.
        """
        text = b"%d %d %d %d" % (status, int(time.time()), size, not self.has_room())
        fd = posix.open(self.at(b"slot"), posix.O_WRONLY)
        try:
            posix.write(fd, text.ljust(SLOT_BYTES - 1) + b"\n")
        finally:
            posix.close(fd)
        posix.rename(self.at(b"slot"), self.at(b"exit"))

    def has_room(self) -> bool:
        """Whether a little more can be written here: also quotas count, which statvfs hides."""
        path = self.at(b"room")
        try:
            fd = posix.open(path, posix.O_WRONLY | posix.O_CREAT, 0o600)
            try:
                return posix.write(fd, bytes(4096)) == 4096
            finally:
                posix.close(fd)
                posix.unlink(path)
        except OSError:
            return False


class LocksUnknownError(Exception):
    """The file system of the job folders has no locks."""


def remove(path: bytes) -> None:
    """Remove a job's folder; what cannot be removed stays."""
    try:
        names = posix.listdir(path)
    except OSError:
        return
    for name in names:
        target = path + b"/" + name
        try:
            if posix.lstat(target).st_mode & 0o170000 == 0o040000:
                posix.rmdir(target)
            else:
                posix.unlink(target)
        except OSError:
            continue
    try:
        posix.rmdir(path)
    except OSError:
        pass
