"""The leader of one job: forked from the agent, it outlives the agent, its sshd and the manager.

It starts the command in a process group of its own, waits for it, and writes the exit status. It
holds the job's lock and FIFO as long as it lives, so that its own death is noticed, too.
"""

import _signal  # type: ignore[import-not-found]
import errno
import posix
import select

from lazytui.remote import process, system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, NamedTuple, NoReturn, Optional, Tuple

    from lazytui.remote.folder import Folder

    Started = Tuple[int, Optional[int], int]

    class Spec(NamedTuple):
        """What to run: folder to run it in, its environment, umask, and whether it gets a pty."""

        cwd: bytes
        env: Dict[bytes, bytes]
        umask: int
        tty: bool

else:
    from collections import namedtuple

    Spec = namedtuple("Spec", "cwd env umask tty")

SHELL = b"/bin/sh"
SCRIPT_FD = 9  # closed by the script's own first words
AGAIN_S = 1.0  # between two tries to write the exit status


def fork(folder: "Folder", spec: "Spec", lock: "Optional[int]") -> int:
    """Fork the leader; gives a pipe on which it reports: "started <pid>", or a kind and why not."""
    reader, writer = posix.pipe()
    if posix.fork() == 0:
        try:
            detach((lock, writer))
            lead(folder, writer, lambda: start(folder, spec))
        finally:
            posix._exit(1)
    posix.close(writer)
    return reader


def detach(kept: "Tuple[Optional[int], ...]") -> None:
    """Become a process of its own, which nothing that ends takes along; with some files only."""
    posix.setsid()
    posix.chdir("/")
    for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM):
        _signal.signal(number, _signal.SIG_IGN)
    for number in (_signal.SIGUSR1, _signal.SIGUSR2, _signal.SIGTSTP, _signal.SIGPIPE):
        _signal.signal(number, _signal.SIG_IGN)
    # The agent lets the kernel reap its children; we must see ours end. A handler that does
    # nothing, as only with one the signal wakes `poll`.
    _signal.signal(_signal.SIGCHLD, lambda number, frame: None)
    release_all_but(kept)


def lead(folder: "Folder", report: int, start: "Callable[[], Started]") -> None:
    """Be the leader: start the command, say so, wait, write down how it ended.

    Args:
        folder: the job's; its lock is ours.
        report: the pipe on which to tell how the start went.
        start: gives the command's output file, its terminal's other end if any, and its pid.
    """
    try:
        out, terminal, pid = start()
    except OSError as problem:
        folder.destroy()
        kind = "no-space" if problem.errno in (errno.ENOSPC, errno.EDQUOT) else "error"
        posix.write(report, ("%s %s" % (kind, problem)).encode("utf-8", "replace"))
        return
    posix.write(report, b"started %d" % pid)
    posix.close(report)
    if terminal is None:
        status = posix.waitpid(pid, 0)[1]
    else:
        status = copy(terminal, out, pid)
    if folder.may_finish():
        write_end(folder, exit_code(status), posix.fstat(out).st_size)


def release_all_but(kept: "Tuple[Optional[int], ...]") -> None:
    """Let go of everything of the agent's: the connection must be able to end without us."""
    null = posix.open("/dev/null", posix.O_RDWR)
    for fd in (0, 1, 2):
        posix.dup2(null, fd)
    for name in posix.listdir("/dev/fd"):
        if int(name) > 2 and int(name) not in kept:
            try:
                posix.close(int(name))
            except OSError:
                pass  # the one that listed the folder


def start(folder: "Folder", spec: "Spec") -> "Started":
    """Start the command: gives its output file, its terminal's other end if any, and its pid.

    The command waits until its identity is on the disk, and ends if that never comes to be. So a
    job without an identity never ran, and starting it again is right.

    Raises:
        OSError: the identity could not be written. Nothing has run.
    """
    out = open_files(folder)
    terminal, slave = posix.openpty() if spec.tty else (None, None)
    ready, tell_ready = posix.pipe()
    wait, go = posix.pipe()
    pid = posix.fork()
    if pid == 0:
        posix.close(go)
        try:
            make_ready(spec, out if slave is None else slave, tell_ready, wait)
            shell(folder, spec)
        finally:
            posix._exit(126)
    posix.close(wait)
    posix.close(tell_ready)
    if slave is not None:
        posix.close(slave)
    posix.read(ready, 1)
    posix.close(ready)
    try:
        sign(folder, identity(pid))
    except OSError:
        posix.close(go)
        posix.waitpid(pid, 0)
        raise
    posix.write(go, b"g")
    posix.close(go)
    return out, terminal, pid


def open_files(folder: "Folder") -> int:
    """Hold the job's FIFO, and give its output file.

    Raises:
        OSError: there is no room for it.
    """
    # Read and write, so that opening a FIFO does not wait for a reader.
    if folder.exists(b"alive"):
        posix.open(folder.at(b"alive"), posix.O_RDWR | posix.O_NONBLOCK)
    return posix.open(folder.at(b"out"), posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND, 0o600)


def identity(pid: int) -> "process.Who":
    """Who a command of ours is, and who we are."""
    born, own = process.start_time(pid), process.start_time(posix.getpid())
    return process.Who(pid, born, system.boot_id(), posix.getpid(), own)


def sign(folder: "Folder", who: "process.Who") -> None:
    """Put the identity of a command into the job's folder: from now on it counts as started.

    Raises:
        OSError: there is no room for it.
    """
    folder.write(b"id", b"%d %s %s\n%d %s\n" % tuple(as_bytes(field) for field in who))


def as_bytes(field: "Any") -> "Any":
    """Text as bytes, numbers as they are."""
    return field.encode("ascii") if isinstance(field, str) else field


def make_ready(spec: "Spec", out: int, tell_ready: int, wait: int) -> None:
    """Become the leader of a process group of our own, with nothing of the leader's left."""
    if spec.tty:
        import fcntl
        import termios

        posix.setsid()
        fcntl.ioctl(out, termios.TIOCSCTTY, 0)
        fcntl.ioctl(out, termios.TIOCSWINSZ, b"\x18\0\x50\0\0\0\0\0")  # 24 rows, 80 columns
    else:
        posix.setpgid(0, 0)
    # Before anybody can know us: a signal that comes now must not be ignored as by our leader.
    default_signals()
    posix.write(tell_ready, b"r")
    if not posix.read(wait, 1):
        posix._exit(127)  # our identity is not on the disk: we must not run
    if spec.tty:
        posix.dup2(out, 0)
    posix.dup2(out, 1)
    posix.dup2(out, 2)
    posix.umask(spec.umask)


def default_signals() -> None:
    """Have every signal do what it does to a program that was just started."""
    for number in range(1, _signal.NSIG):
        try:
            _signal.signal(number, _signal.SIG_DFL)
        except (OSError, ValueError):
            continue  # KILL, STOP, and those of the C library
    _signal.pthread_sigmask(_signal.SIG_SETMASK, [])


def shell(folder: "Folder", spec: "Spec") -> "NoReturn":
    """Become the shell that runs the job's script."""
    try:
        posix.dup2(posix.open(folder.at(b"cmd"), posix.O_RDONLY), SCRIPT_FD)
        posix.set_inheritable(SCRIPT_FD, True)  # also if the file came as that number by itself
        # A shell puts the script's name before its complaints: by this one, the same complaint
        # is the same text on every host.
        name = b"/dev/fd/%d" % SCRIPT_FD
        script = name if posix.access(name, posix.R_OK) else folder.at(b"cmd")
        posix.chdir(spec.cwd)
        posix.execve(SHELL, [SHELL, script], spec.env)
    except (OSError, ValueError) as problem:
        posix.write(2, ("lazytui: cannot start: %s\n" % problem).encode("utf-8", "replace"))
    posix._exit(126)


def copy(terminal: int, out: int, pid: int) -> int:
    """Copy what the terminal shows into the output until the command ends; gives its status.

    A full disk must not stop the command: what cannot be written then is dropped, as it would be
    for a command that writes into the file itself.
    """
    woken, wake = posix.pipe()
    for fd in (woken, wake, terminal):
        posix.set_blocking(fd, False)
    _signal.set_wakeup_fd(wake)
    poller = select.poll()
    poller.register(terminal, select.POLLIN)
    poller.register(woken, select.POLLIN)
    ended: "List[int]" = []
    open_ended = True
    while not ended:
        found, status = posix.waitpid(pid, posix.WNOHANG)
        if found:
            ended.append(status)
        elif open_ended:
            poller.poll()
            empty(woken)
        else:
            ended.append(posix.waitpid(pid, 0)[1])
        open_ended = open_ended and drain(terminal, out)
    return ended[0]


def empty(pipe: int) -> None:
    """Take what the signals have written into their pipe: a stopped command wakes us, too."""
    try:
        posix.read(pipe, 4096)
    except BlockingIOError:
        pass


def drain(terminal: int, out: int) -> bool:
    """Copy what is there now; False when the terminal has been closed by all who had it."""
    while True:
        try:
            data = posix.read(terminal, 65536)
        except BlockingIOError:
            return True
        except OSError:
            return False  # EIO: the last one has closed it
        if not data:
            return False
        try:
            while data:
                data = data[posix.write(out, data) :]
        except OSError:
            continue  # no space: see above


def exit_code(status: int) -> int:
    """The exit code of a wait status, 128 + n for signal n, as shells count."""
    if posix.WIFSIGNALED(status):
        return 128 + posix.WTERMSIG(status)
    return posix.WEXITSTATUS(status)


def write_end(folder: "Folder", code: int, size: int) -> None:
    """Write the exit status, however long the disk refuses it."""
    while True:
        try:
            folder.finish(code, size)
            return
        except FileNotFoundError:
            return  # the folder was removed: nobody wants to know
        except OSError:
            select.select([], [], [], AGAIN_S)
