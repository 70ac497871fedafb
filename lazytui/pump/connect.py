"""Finds the engine of this user, or starts it: the client's end of the socket."""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import stat
import struct
import sys

from lazytui.pump import wire
from lazytui.pump.errors import EngineLostError, PumpError, RefusedError

TYPE_CHECKING = False  # typing takes 3 ms to import
if TYPE_CHECKING:
    from lazytui.rendezvous import Rendezvous

WELCOME_TIMEOUT_S = 15.0
SILENCE_S = 2.0  # after which the user is told what is waited for
START_TIMEOUT_S = 60.0
# What belongs to the terminal that happens to be the first: each one tells the engine its own.
_OF_TERMINAL = ("TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TMUX",
    "TMUX_PANE", "STY", "SSH_TTY", "SSH_CONNECTION", "SSH_CLIENT", "TERM_PROGRAM")  # fmt: skip


class Met:
    """An engine that has welcomed this client.

    Args:
        engine: the connected socket.
        reader: of the stream that comes from it.
        arrived: frames that came right behind the welcome.
        pid: of the engine.
    """

    def __init__(
        self,
        engine: socket.socket,
        reader: wire.FrameReader,
        arrived: list[tuple[bytes, bytes]],
        pid: int,
    ) -> None:
        self.engine = engine
        self.reader = reader
        self.arrived = arrived
        self.pid = pid


def reach(meeting: Rendezvous) -> socket.socket | None:
    """Connect to a running engine; None when none runs.

    Raises:
        PumpError: what is there cannot be trusted, or not be reached.
    """
    path = meeting.socket
    try:
        _check(path)
        engine = socket.socket(socket.AF_UNIX)
        try:
            engine.connect(path)
        except BaseException:
            engine.close()
            raise
    except (FileNotFoundError, ConnectionRefusedError):  # none, or its engine was killed
        return None
    except OSError as error:
        raise PumpError(f"the engine's socket {path}: {error.strerror}") from error
    uid, _ = peer(engine)
    if uid != os.getuid():
        engine.close()
        raise PumpError(f"at {path} another user answers (uid {uid}); nothing was sent there")
    return engine


def meet(meeting: Rendezvous, hello: bytes) -> Met | None:
    """Greet a running engine, and wait for its welcome; None when none runs.

    Raises:
        RefusedError: it does not serve this client.
        PumpError: it cannot be reached, or does not answer.
    """
    engine = reach(meeting)
    if engine is None:
        return None
    try:
        return _greet(engine, hello)
    except EngineLostError:  # it was just ending
        engine.close()
        return None
    except BaseException:
        engine.close()
        raise


def meet_or_start(meeting: Rendezvous, hello: bytes) -> Met:
    """Greet the engine, started now if none runs.

    Raises:
        RefusedError: it does not serve this client.
        PumpError: it cannot be reached or started, or does not answer.
    """
    met = meet(meeting, hello)
    if met is not None:
        return met
    import fcntl

    lock = _open_start_lock(meeting)
    try:
        # Who comes second waits here, and then finds the engine that the first one started.
        fcntl.flock(lock, fcntl.LOCK_EX)
        met = meet(meeting, hello)
        if met is None:
            start(meeting)
            met = meet(meeting, hello)
    except OSError as error:
        raise PumpError(f"{meeting.starting} cannot be locked: {error.strerror}") from error
    finally:
        os.close(lock)
    if met is None:
        raise PumpError(f"the engine ended right after its start; see {meeting.state_dir}")
    return met


def start(meeting: Rendezvous) -> None:
    """Start the engine's process, and wait until it answers.

    Raises:
        PumpError: it did not start; the message is its own.
    """
    import subprocess

    environ = {name: value for name, value in os.environ.items() if name not in _OF_TERMINAL}
    told, tell = os.pipe()
    # -P: a folder that happens to be the current one is nothing to import from.
    command = [sys.executable, "-P", "-m", "lazytui.door.process"]
    command += ["--tell", str(tell), meeting.config]
    try:
        # It detaches by itself: what is waited for is only its first half.
        subprocess.run(  # noqa: S603 - this very program
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(tell,),
            start_new_session=True,
            check=False,
        )
    except OSError as error:
        raise PumpError(f"{sys.executable} cannot be started: {error.strerror}") from error
    finally:
        os.close(tell)
    with open(told, "rb", buffering=0) as answer:
        said = _read_answer(answer.fileno())
    if said != "ready":
        raise PumpError(said or f"the engine ended at its start; see {meeting.state_dir}")


def peer(connected: socket.socket) -> tuple[int, int]:
    """Give uid and pid of the process at the other end; the pid is 0 where it is not told."""
    if hasattr(socket, "SO_PEERCRED"):
        known = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid, uid, _ = struct.unpack("3i", known)
        return uid, pid
    # macOS and the BSDs: getpeereid(3), as LOCAL_PEERCRED's struct xucred.
    known = connected.getsockopt(0, 1, 76)
    return struct.unpack_from("I", known, 4)[0], 0


def _check(path: str) -> None:
    """Refuse a socket that somebody else could have put there, or could talk to."""
    found = os.lstat(path)
    if found.st_uid != os.getuid():
        raise PumpError(f"{path} belongs to another user (uid {found.st_uid}); nothing was sent")
    if not stat.S_ISSOCK(found.st_mode):
        raise PumpError(f"{path} is no socket; remove it and start again")
    if found.st_mode & 0o077:
        raise PumpError(f"{path} is open to others; run: chmod 600 {path}")


def _greet(engine: socket.socket, hello: bytes) -> Met:
    _, pid = peer(engine)
    engine.settimeout(WELCOME_TIMEOUT_S)
    reader = wire.FrameReader()
    found: list[tuple[bytes, bytes]] = []
    try:
        engine.sendall(hello)
        _wait_patiently(engine, pid)
        while not found:
            data = engine.recv(wire.PIECE)
            if not data:
                raise EngineLostError("the engine was just ending")
            found = reader.feed(data)
    except TimeoutError:
        raise PumpError(
            f"the engine (pid {pid}) does not answer; `kill {pid}` ends it, and jobs go on at "
            "their hosts meanwhile"
        ) from None
    except OSError as error:
        if error.errno in (errno.ECONNRESET, errno.EPIPE):
            raise EngineLostError("the engine was just ending") from None
        raise
    except wire.WireError as error:
        raise PumpError(f"what answers is no engine: {error}") from None
    kind, payload = found.pop(0)
    if kind == wire.WELCOME:
        return Met(engine, reader, found, pid)
    if kind != wire.REFUSED:
        raise PumpError("what answers is no engine of lazytui")
    said = json.loads(payload)
    raise RefusedError(said["why"], said["message"], said["version"], pid)


def _wait_patiently(engine: socket.socket, pid: int) -> None:
    """Wait for the answer of a busy engine; a user at a terminal is told about it."""
    waiting = select.poll()
    waiting.register(engine, select.POLLIN)
    if not waiting.poll(SILENCE_S * 1000) and os.isatty(2):
        print(f"lazytui: waiting for the engine (pid {pid}) ...", file=sys.stderr)  # noqa: T201


def _open_start_lock(meeting: Rendezvous) -> int:
    try:
        umask = os.umask(0o077)
        try:
            os.makedirs(meeting.state_dir, exist_ok=True)
        finally:
            os.umask(umask)
        owner = os.stat(meeting.state_dir).st_uid
        if owner != os.getuid():  # as with sudo: what we made there would be in the owner's way
            raise PumpError(
                f"the state folder {meeting.state_dir} belongs to another user (uid {owner}); "
                "set HOME, or XDG_STATE_HOME, to a folder of yours"
            )
        return os.open(meeting.starting, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PumpError(
            f"the state folder {meeting.state_dir} cannot be used: {error.strerror}; "
            "set XDG_STATE_HOME to a folder of yours, or use `lazytui --in-process`"
        ) from error


def _read_answer(told: int) -> str:
    """Read what a starting engine has to say, until it closes its end."""
    waiting = select.poll()
    waiting.register(told, select.POLLIN)
    said = b""
    while waiting.poll(START_TIMEOUT_S * 1000):
        data = os.read(told, 4096)
        if not data:
            return said.decode(errors="replace")
        said += data
    raise PumpError(f"the engine did not start within {START_TIMEOUT_S:.0f} s")
