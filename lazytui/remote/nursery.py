"""A Python that waits, with everything imported, to lead function jobs.

It is not the agent: it has the site-packages and the environment of the user, and may be another
version. There is always one leader with its child forked ahead. Who is asked for comes in over a
socket that all of them share: the id of a job, with its lock and the pipe on which its leader
reports. The leader that takes it says so, and the next pair is forked. So nobody waits for a fork
but who calls faster than one can fork. See `functions` for the other end.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import gc
import marshal
import posix
import select
import sys

from lazytui.remote import call, leader
from lazytui.remote.folder import Folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, NoReturn, Set

IDLE_MS = 600000  # without a function for so long, it makes room; the next one starts another
AGAIN_S = 0.1  # after a leader that died before it had anything to do
CONTROL_FD = 3
MOST_FDS = 2
PID_BYTES = 4


def main() -> None:
    """Say that we are ready, then see to it that a leader waits, until nobody can ask any more."""
    posix.write(1, b"ready %d.%d\n" % sys.version_info[:2])
    null = posix.open("/dev/null", posix.O_RDWR)
    for fd in (0, 1, 2):
        posix.dup2(null, fd)
    posix.close(null)
    # What is here stays: a collection in a fork would only copy all these pages.
    gc.collect()
    getattr(gc, "freeze", gc.collect)()
    control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, CONTROL_FD)
    control.setblocking(True)
    Nursery(control).run()


class Nursery:
    """Forks leaders ahead.

    Args:
        control: where jobs come in; every leader that waits reads from it.
    """

    def __init__(self, control: "Any") -> None:
        self.control = control
        self.taken, self.take = posix.pipe()  # leaders say here that they have a job
        self.life, self.hold = posix.pipe()  # leaders see here that we are gone
        self.died, death = posix.pipe()
        for fd in (self.taken, self.died, death):
            posix.set_blocking(fd, False)
        _signal.signal(_signal.SIGCHLD, lambda number, frame: None)
        _signal.set_wakeup_fd(death)
        self.ready: "Set[int]" = set()

    def run(self) -> None:
        """Fork a leader whenever none waits."""
        poller = select.poll()
        poller.register(self.control, 0)  # only its end
        poller.register(self.taken, select.POLLIN)
        poller.register(self.died, select.POLLIN)
        while True:
            if not self.ready:
                self.bear()
            happened = poller.poll(IDLE_MS)
            if not happened or any(fd == CONTROL_FD for fd, _ in happened):
                return
            self.look()

    def look(self) -> None:
        """See which leaders have a job now, and which have died without one."""
        words = drain(self.taken)
        for at in range(0, len(words), PID_BYTES):
            self.ready.discard(int.from_bytes(words[at : at + PID_BYTES], "big"))
        drain(self.died)
        while True:
            try:
                pid = posix.waitpid(-1, posix.WNOHANG)[0]
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in self.ready:
                self.ready.discard(pid)
                select.select([], [], [], AGAIN_S)

    def bear(self) -> None:
        """Fork a leader, which forks its child and waits."""
        pid = posix.fork()
        if pid == 0:
            try:
                _signal.set_wakeup_fd(-1)
                leader.detach((CONTROL_FD, self.take, self.life))
                lead(self.control, self.take, self.life)
            finally:
                posix._exit(1)
        self.ready.add(pid)


def drain(pipe: int) -> bytes:
    """What is in a pipe now; whole words, as those are written at once."""
    try:
        return posix.read(pipe, 1024 * PID_BYTES)
    except BlockingIOError:
        return b""


def lead(control: "Any", take: int, life: int) -> None:
    """Wait for a job with a child that waits for its call, and lead it."""
    wait, go = posix.pipe()
    ready, tell_ready = posix.pipe()
    pid = posix.fork()
    if pid == 0:
        try:
            for fd in (CONTROL_FD, take, life, go, ready):
                posix.close(fd)
            be_called(wait, tell_ready)
        finally:
            posix._exit(126)
    posix.close(wait)
    posix.close(tell_ready)
    posix.read(ready, 1)
    posix.close(ready)
    who = leader.identity(pid)
    poller = select.poll()
    poller.register(control, select.POLLIN)
    poller.register(life, 0)  # only its end
    if any(fd == life for fd, _ in poller.poll()):
        return
    data, extra, _, _ = control.recvmsg(256, _socket.CMSG_SPACE(4 * MOST_FDS))
    if not data:
        return
    report = [fd for _, _, rights in extra for fd in numbers(rights)][0]  # the lock is just held
    posix.write(take, posix.getpid().to_bytes(PID_BYTES, "big"))
    for fd in (take, life):
        posix.close(fd)
    control.close()
    job = data.decode("ascii").strip()
    folder = Folder(job)

    def start() -> "leader.Started":
        out = leader.open_files(folder)
        leader.sign(folder, who)
        posix.write(go, data)
        posix.close(go)
        return out, None, pid

    leader.lead(folder, report, start)


def numbers(rights: bytes) -> "List[int]":
    """The file descriptors that came along."""
    return [int.from_bytes(rights[at : at + 4], sys.byteorder) for at in range(0, len(rights), 4)]


def be_called(wait: int, tell_ready: int) -> "NoReturn":
    """Be ready in a process group of our own, and call the function of the job that is named."""
    posix.setpgid(0, 0)
    leader.default_signals()
    call.prepare()
    posix.write(tell_ready, b"r")
    posix.close(tell_ready)
    job = posix.read(wait, 256)
    posix.close(wait)
    if not job:
        posix._exit(0)  # nobody needs us any more
    folder = Folder(job.decode("ascii").strip())
    spec = spec_of(folder)
    out = posix.open(folder.at(b"out"), posix.O_WRONLY | posix.O_APPEND)
    posix.dup2(out, 1)
    posix.dup2(out, 2)
    posix.close(out)
    posix.umask(spec.umask)
    call.become(folder, spec)


def spec_of(folder: Folder) -> leader.Spec:
    """How the job is to be run."""
    fd = posix.open(folder.at(b"spec"), posix.O_RDONLY)
    try:
        pieces = iter(lambda: posix.read(fd, 65536), b"")
        cwd, env, umask = marshal.loads(b"".join(pieces))
    finally:
        posix.close(fd)
    return leader.Spec(cwd, env, umask, False)
