"""A Python that waits, with everything imported, to fork the leaders of function jobs.

It is not the agent: it has the site-packages and the environment of the user, and may be another
version. What comes in over its socket is the id of a job, with the job's lock and the pipe on which
its leader reports; see `functions` for the other end.
"""

import _signal  # type: ignore[import-not-found]
import gc
import marshal
import posix
import select
import sys

from lazytui.remote import call, leader
from lazytui.remote.folder import Folder

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

IDLE_S = 600.0  # without a function for so long, it makes room; the next one starts another
CONTROL_FD = 3
MOST_FDS = 2


def main() -> None:
    """Say that we are ready, then fork for whoever asks until nobody can any more."""
    control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, CONTROL_FD)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
    posix.write(1, b"ready %d.%d\n" % sys.version_info[:2])
    null = posix.open("/dev/null", posix.O_RDWR)
    for fd in (0, 1, 2):
        posix.dup2(null, fd)
    posix.close(null)
    # What is here stays: a collection in a fork would only copy all these pages.
    gc.collect()
    getattr(gc, "freeze", gc.collect)()
    while select.select([control], [], [], IDLE_S)[0]:
        data, extra, _, _ = control.recvmsg(256, _socket.CMSG_SPACE(4 * MOST_FDS))
        if not data:
            return
        fds = [fd for _, _, rights in extra for fd in numbers(rights)]
        bear(data.decode("ascii").strip(), fds)


def numbers(rights: bytes) -> "List[int]":
    """The file descriptors that came along."""
    return [int.from_bytes(rights[at : at + 4], sys.byteorder) for at in range(0, len(rights), 4)]


def bear(job: str, fds: "List[int]") -> None:
    """Fork the leader of a job."""
    if posix.fork() == 0:
        try:
            folder = Folder(job)
            lock = fds[1] if len(fds) > 1 else None
            leader.lead(folder, spec_of(folder), lock, fds[0], call.become)
        finally:
            posix._exit(1)
    for fd in fds:
        posix.close(fd)


def spec_of(folder: Folder) -> leader.Spec:
    """How the job is to be run."""
    fd = posix.open(folder.at(b"spec"), posix.O_RDONLY)
    try:
        pieces = iter(lambda: posix.read(fd, 1 << 20), b"")
        cwd, env, umask = marshal.loads(b"".join(pieces))
    finally:
        posix.close(fd)
    return leader.Spec(cwd, env, umask, False)
