"""A program on the manager with a pseudo-terminal of ours: ``$EDITOR``, ``$PAGER``."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import shlex
import shutil
import signal
import struct
import sys
import termios
from typing import TYPE_CHECKING, cast

from lazytui.errors import LazytuiError
from lazytui.program import Ended
from lazytui.pump.greeting import ENVIRON
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lazytui.program import ProgramEvents

EDITORS = ("sensible-editor", "editor", "nano", "vi")
PAGERS = ("sensible-pager", "pager", "less", "more")
PIECE = 1 << 16
GRACE_S = 5.0  # for a program whose terminal is gone to save what it has
# The terminal has to become the child's own, which only the child can do. A function run between
# fork and exec would, but not safely in a process with threads.
_TAKE_TERMINAL = (
    "import fcntl,os,sys,termios;"
    "fcntl.ioctl(0,termios.TIOCSCTTY,0);os.execvp(sys.argv[1],sys.argv[1:])"
)


class LocalProgram(asyncio.SubprocessProtocol):
    """A running program. Made by :func:`start_program`.

    Args:
        title: what it is, for people.
        terminal: our end of its pseudo-terminal, not blocking.
    """

    def __init__(self, title: str, terminal: int) -> None:
        self.title = title
        self._terminal = terminal
        self._open = True
        self._held = True
        self._typed = bytearray()
        self._loop = asyncio.get_running_loop()
        self._events: ProgramEvents | None = None
        self._end: Ended | None = None
        self._process: asyncio.SubprocessTransport

    # -- what whoever has the terminal asks

    @property
    def unread(self) -> int:
        """Bytes that were typed, and that it has not taken yet."""
        return len(self._typed)

    def start(self, events: ProgramEvents) -> None:
        """Tell these what it prints, from now on."""
        self._events = events
        if self._end is None:
            self.go_on()
        else:
            self._over()

    def type(self, data: bytes) -> None:
        """Give it what was typed."""
        if not self._open:
            return
        if not self._typed:
            self._loop.add_writer(self._terminal, self._write)
        self._typed += data

    def resize(self, columns: int, rows: int) -> None:
        """Tell it the size of its terminal: the system sends it SIGWINCH."""
        if self._open:
            _set_size(self._terminal, columns, rows)

    def hold(self) -> None:
        """Read nothing more: it waits in its next write."""
        if self._open and not self._held:
            self._held = True
            self._loop.remove_reader(self._terminal)

    def go_on(self) -> None:
        """Read again."""
        if self._open and self._held:
            self._held = False
            self._loop.add_reader(self._terminal, self._read)

    def hang_up(self) -> None:
        """Close its terminal: it gets SIGHUP, and after a while no choice."""
        self._close()
        if self._end is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGHUP)
            self._loop.call_later(GRACE_S, self._process.close)

    # -- what the system tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It runs."""
        self._process = cast("asyncio.SubprocessTransport", transport)

    def process_exited(self) -> None:
        """It has ended."""
        status = self._process.get_returncode()
        assert status is not None
        if status < 0:
            self._end = Ended(None, f"ended by signal {signal.Signals(-status).name}")
        else:
            self._end = Ended(status)
        self._process.close()
        if self._events is not None:
            self._over()

    def _over(self) -> None:
        """Tell of the end, after what was printed last."""
        while self._open and self._read():
            pass
        self._close()
        assert self._events is not None
        assert self._end is not None
        self._events.ended(self._end)

    def _read(self) -> bool:
        """Hand on what it printed; False when there is nothing now."""
        try:
            data = os.read(self._terminal, PIECE)
        except BlockingIOError:
            return False
        except OSError:  # Linux: the last of its processes has closed it
            data = b""
        if not data:
            self._close()
        elif self._events is not None:
            self._events.printed(data)
        return bool(data)

    def _write(self) -> None:
        try:
            del self._typed[: os.write(self._terminal, self._typed)]
        except BlockingIOError:
            return
        except OSError:  # it has closed its terminal
            self._typed.clear()
        if not self._typed:
            self._loop.remove_writer(self._terminal)

    def _close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._terminal)
        self._loop.remove_writer(self._terminal)
        os.close(self._terminal)


async def start_program(
    words: Sequence[str],
    *,
    size: tuple[int, int],
    environ: Mapping[str, str],
    cwd: str | None = None,
) -> LocalProgram:
    """Start a program on the manager, on a terminal that nobody sees yet.

    Args:
        words: the program and its arguments.
        size: columns and rows.
        environ: of whoever's terminal it will have; see :func:`environ_for`.
        cwd: the folder it starts in.

    Raises:
        LazytuiError: there is no such program, or it cannot be started.
    """
    name = words[0]
    if shutil.which(name, path=environ.get("PATH")) is None:
        raise LazytuiError(f"there is no program {sanitize(name)} on the manager")
    ours, theirs = pty.openpty()
    try:
        os.set_blocking(ours, False)
        _set_size(theirs, *size)
        program = LocalProgram(sanitize(os.path.basename(name)), ours)  # noqa: PTH119 - a word
        await asyncio.get_running_loop().subprocess_exec(
            lambda: program,
            sys.executable,
            *("-I", "-S", "-c", _TAKE_TERMINAL, *words),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environ,
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        os.close(ours)
        raise LazytuiError(f"{sanitize(name)} cannot be started: {error.strerror}") from error
    finally:
        os.close(theirs)
    return program


def editor(environ: Mapping[str, str]) -> list[str]:
    """Give the words of the user's editor.

    Raises:
        LazytuiError: none is named, and none of the usual ones is there.
    """
    return _chosen(environ, ("VISUAL", "EDITOR"), EDITORS)


def pager(environ: Mapping[str, str]) -> list[str]:
    """Give the words of the user's pager.

    Raises:
        LazytuiError: none is named, and none of the usual ones is there.
    """
    return _chosen(environ, ("PAGER",), PAGERS)


def environ_for(client: Mapping[str, str]) -> dict[str, str]:
    """Give the environment for a program on somebody's terminal.

    What a terminal brings with it is the client's, also where it lacks something; the rest is
    that of this process.

    Args:
        client: the environment of whoever is at the terminal.
    """
    ours = {
        name: value
        for name, value in os.environ.items()
        if name not in ENVIRON and not name.startswith("LC_")
    }
    return {**ours, **client}


def _chosen(
    environ: Mapping[str, str], variables: Sequence[str], usual: Sequence[str]
) -> list[str]:
    path = environ.get("PATH")
    for variable in variables:
        try:
            words = shlex.split(environ.get(variable, ""))
        except ValueError as error:
            raise LazytuiError(f"${variable} cannot be read: {error}") from error
        if not words:
            continue
        if shutil.which(words[0], path=path) is None:
            raise LazytuiError(f"${variable} is {sanitize(words[0])}, and there is no such program")
        return words
    for name in usual:
        if shutil.which(name, path=path):
            return [name]
    raise LazytuiError(f"none of {', '.join(usual)} is on the PATH: set ${variables[-1]}")


def _set_size(terminal: int, columns: int, rows: int) -> None:
    columns, rows = (max(1, min(number, 0xFFFF)) for number in (columns, rows))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
