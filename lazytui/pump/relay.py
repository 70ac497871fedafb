"""Carries bytes between this process and the engine until one of them ends.

Everything waits in one poll(): an idle relay costs nothing. What the terminal does not take stays
in the engine, so one that has stopped reading stops this process only.
"""

from __future__ import annotations

import os
import select
import signal

from lazytui.pump import greeting, wire
from lazytui.pump.echo import Echo

TYPE_CHECKING = False  # typing takes 3 ms to import
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from lazytui.pump.terminal import Terminal

HELD_BYTES = 1 << 16  # beyond it nothing more is read from the other side
PIPE_PIECE = 4096  # what a pipe that is ready takes without blocking (PIPE_BUF)
PATIENCE = 3  # so many Ctrl-C end a command line also when the engine does not answer
LOST = "the engine ended unexpectedly; `lazytui` starts it again, jobs go on"


class Exit(Exception):  # noqa: N818 - it is no error: the relay is over
    """The relay is over.

    Args:
        status: for this process to exit with.
        message: for stderr, may be empty.
    """

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Outlet:
    """A file of this process, with the bytes that wait for it."""

    def __init__(self, number: int, terminal: Terminal | None = None) -> None:
        self.number = number
        self.waiting = bytearray()
        self._terminal = terminal
        self._piece = wire.PIECE if terminal is not None and terminal.is_own else PIPE_PIECE

    def write_some(self) -> None:
        """Write what fits without blocking.

        Raises:
            OSError: nobody reads it any more.
        """
        try:
            count = os.write(self.number, self.waiting[: self._piece])
        except BlockingIOError:
            return
        if self._terminal is not None:
            more = count < len(self.waiting)
            self._terminal.wrote(bytes(self.waiting[:count]), more=more)
        del self.waiting[:count]


class Relay:
    """The loop of one client.

    Args:
        engine: the connected socket, greeted and welcomed.
        arrived: frames that came right behind the welcome.
        reader: of the stream they came from.
        size: of the terminal, as the greeting told it.
        terminal: raw already; None for a command line, whose stdin is read only when asked for.
    """

    def __init__(
        self,
        engine: socket.socket,
        reader: wire.FrameReader,
        arrived: Iterable[tuple[bytes, bytes]],
        size: tuple[int, int] = (0, 0),
        terminal: Terminal | None = None,
    ) -> None:
        engine.setblocking(False)
        self._engine = engine
        self._reader = reader
        self._arrived = list(arrived)
        self._size = size
        self._terminal = terminal
        self._out = Outlet(terminal.out if terminal is not None else 1, terminal)
        self._err = Outlet(2)
        self._to_engine = bytearray()
        self._reading = terminal is not None
        self._ending: Exit | None = None
        self._interrupts = 0
        self._echo = Echo()

    def run(self) -> Exit:
        """Carry bytes until the engine or the terminal ends, or a signal says so."""
        with self._echo, _Signals(self._numbers()) as signals:
            try:
                self._begin()
                while True:
                    self._turn(signals)
            except Exit as end:
                return end
            except wire.WireError as error:
                return Exit(1, f"what came from the engine makes no sense: {error}")

    def _begin(self) -> None:
        for kind, payload in self._arrived:
            self._take(kind, payload)
        size = greeting.terminal_size()
        if self._terminal is not None and size != self._size:  # before signals were heard
            self._to_engine += wire.size_frame(*size)

    def _numbers(self) -> tuple[int, ...]:
        always = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
        on_terminal = (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)
        return always if self._terminal is None else always + on_terminal

    def _turn(self, signals: _Signals) -> None:
        """Wait until something can be done, and do it."""
        outlets = [outlet for outlet in (self._out, self._err) if outlet.waiting]
        if self._ending is not None and not outlets:
            raise self._ending
        ready = dict(self._poll(signals, outlets).poll())
        if signals.number in ready:
            for number in signals.read():
                self._on_signal(number)
        for outlet in outlets:
            if outlet.number in ready:
                self._write(outlet)
        self._exchange(ready.get(self._engine.fileno(), 0))
        if ready.get(0, 0):
            self._read_stdin(ready[0])

    def _poll(self, signals: _Signals, outlets: list[Outlet]) -> select.poll:
        waiting = select.poll()
        waiting.register(signals.number, select.POLLIN)
        for outlet in outlets:
            waiting.register(outlet.number, select.POLLOUT)
        if self._ending is not None:
            return waiting
        held = len(self._out.waiting) + len(self._err.waiting)
        to_read = select.POLLIN if held < HELD_BYTES else 0
        to_write = select.POLLOUT if self._to_engine else 0
        waiting.register(self._engine, to_read | to_write)
        if self._reading:  # a hang-up is told also when nothing is asked for
            waiting.register(0, select.POLLIN if len(self._to_engine) < HELD_BYTES else 0)
        return waiting

    def _write(self, outlet: Outlet) -> None:
        try:
            outlet.write_some()
        except OSError:  # the terminal is gone, or who read our output
            gone = signal.SIGHUP if self._terminal is not None else signal.SIGPIPE
            raise Exit(128 + gone) from None

    def _exchange(self, ready: int) -> None:
        """Send to the engine what waits for it, and take what has come."""
        try:
            if ready & select.POLLOUT:
                del self._to_engine[: self._engine.send(self._to_engine)]
            if not ready & (select.POLLIN | select.POLLHUP | select.POLLERR):
                return
            data = self._engine.recv(wire.PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            raise Exit(1, LOST)
        for kind, payload in self._reader.feed(data):
            self._take(kind, payload)

    def _take(self, kind: bytes, payload: bytes) -> None:
        if kind == wire.STDOUT:
            self._out.waiting += payload
        elif kind == wire.STDERR:
            self._err.waiting += payload
        elif kind == wire.READ:
            self._reading = True
        elif kind == wire.ECHO and self._terminal is None:
            self._echo.switch(on=payload != b"0")
        elif kind == wire.STOP and self._terminal is not None:
            os.killpg(0, signal.SIGTSTP)  # all of this job, as the terminal does at Ctrl-Z
        elif kind == wire.EXIT and payload:
            self._ending = Exit(payload[0], payload[1:].decode(errors="replace"))

    def _read_stdin(self, ready: int) -> None:
        if not ready & select.POLLIN and self._terminal is not None:
            raise Exit(128 + signal.SIGHUP)
        try:
            data = os.read(0, wire.PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data and self._terminal is not None:
            raise Exit(128 + signal.SIGHUP)
        self._reading = bool(data)
        self._to_engine += wire.frame(wire.DATA, data)

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGINT and self._terminal is None and self._interrupts < PATIENCE - 1:
            self._interrupts += 1
            self._to_engine += wire.frame(wire.SIGNAL, b"INT")
        elif number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            raise Exit(128 + number)
        elif number == signal.SIGTSTP:
            self._pause()
        elif number == signal.SIGCONT:  # after a SIGSTOP, which nobody can see coming
            self._resume()
        elif number == signal.SIGWINCH:
            self._to_engine += wire.size_frame(*greeting.terminal_size())

    def _pause(self) -> None:
        """Stop, as Ctrl-Z stops a program, with the terminal in order meanwhile."""
        assert self._terminal is not None
        self._terminal.give_back()
        os.kill(os.getpid(), signal.SIGSTOP)  # what follows SIGCONT is _resume's

    def _resume(self) -> None:
        assert self._terminal is not None
        self._terminal.take_again()
        self._to_engine += wire.size_frame(*greeting.terminal_size())


class _Signals:
    """Makes signals readable from a file, for a ``with`` block."""

    def __init__(self, numbers: tuple[int, ...]) -> None:
        self._numbers = numbers
        self.number, self._end = os.pipe()
        os.set_blocking(self.number, False)
        os.set_blocking(self._end, False)

    def __enter__(self) -> _Signals:
        self._wakeup = signal.set_wakeup_fd(self._end, warn_on_full_buffer=False)
        self._former = [(number, signal.signal(number, _noticed)) for number in self._numbers]
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._former:
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self.number)
        os.close(self._end)

    def read(self) -> bytes:
        """Give the numbers of the signals that came."""
        return os.read(self.number, 4096)


def _noticed(_number: int, _frame: object) -> None:
    """Do nothing: the number is in the pipe."""
