"""The terminal of this process: raw while it is lent to the engine, and given back as it was."""

from __future__ import annotations

import os
import re
import select
import termios

GIVE_BACK_TIMEOUT_MS = 500  # a terminal that has stopped reading is left as it is

# What a program may switch in a terminal: private modes, and the stack of kitty's keyboard flags.
_SWITCH = re.compile(rb"\x1b\[(?:\?([0-9;]{1,64})([hl])|([<>])([0-9;]{0,16})u)")
_UNFINISHED = re.compile(rb"\x1b(?:\[[?<>]?[0-9;]{0,64})?\Z")
_ON_BY_DEFAULT = (b"7", b"25")  # wrapping at the edge, a visible cursor
# Aborts an escape sequence that was cut; colours and scrolling region as usual.
_SOBER = b"\x18\x1b[m"


class Switches:
    """Remembers what was switched in a terminal, to switch it back and on again."""

    def __init__(self) -> None:
        self._modes: dict[bytes, bool] = {}
        self._keys: list[bytes] = []
        self._rest = b""

    def note(self, data: bytes) -> None:
        """Look at bytes that were written to the terminal, cut anywhere."""
        data = self._rest + data
        end = 0
        for found in _SWITCH.finditer(data):
            modes, way, stack, flags = found.groups()
            if modes is not None:
                self._switch(modes.split(b";"), on=way == b"h")
            elif stack == b">":
                self._keys.append(flags)
            else:
                del self._keys[-int(flags or b"1") :]
            end = found.end()
        unfinished = _UNFINISHED.search(data, max(end, len(data) - 80))
        self._rest = unfinished.group() if unfinished else b""

    def off(self) -> bytes:
        """Give what switches everything back, the last first."""
        modes = [_mode(mode, on=not on) for mode, on in reversed(self._modes.items())]
        return b"\x1b[<u" * len(self._keys) + b"".join(modes)

    def on(self) -> bytes:
        """Give what switches everything as it was noted."""
        modes = [_mode(mode, on=on) for mode, on in self._modes.items()]
        return b"".join(modes) + b"".join(b"\x1b[>%su" % flags for flags in self._keys)

    def _switch(self, modes: list[bytes], *, on: bool) -> None:
        for mode in modes:
            self._modes.pop(mode, None)
            if mode and on != (mode in _ON_BY_DEFAULT):
                self._modes[mode] = on


class Terminal:
    """The controlling terminal, for a ``with`` block: raw inside, as before afterwards.

    Attributes:
        out: a file to write to.
        is_own: nobody else has that file, and writing to it never blocks.

    Raises:
        OSError: stdin is no terminal.
    """

    def __init__(self) -> None:
        self._former = termios.tcgetattr(0)
        self._switches = Switches()
        self._whole = True
        self.out, self.is_own = _open_again()

    def __enter__(self) -> Terminal:
        self._make_raw()
        return self

    def __exit__(self, *exc: object) -> None:
        self.give_back()
        if self.is_own:
            os.close(self.out)

    def wrote(self, data: bytes, *, more: bool) -> None:
        """Note bytes that went to the terminal; ``more`` of the same have not yet."""
        self._switches.note(data)
        self._whole = not more

    def give_back(self) -> None:
        """Switch everything back, and let the terminal be as it was before."""
        off = self._switches.off()
        # What was typed for the screen (a moving mouse types) is nothing for the shell.
        if off:
            _write(self.out, (b"" if self._whole else _SOBER) + off)
            termios.tcflush(0, termios.TCIFLUSH)
        termios.tcsetattr(0, termios.TCSANOW, self._former)

    def take_again(self) -> None:
        """Be raw again after a pause in which others had the terminal."""
        # What it is by now is nothing to come back to: a shell's fg has it as raw as we left it.
        self._make_raw()
        _write(self.out, self._switches.on())

    def _make_raw(self) -> None:
        raw = termios.tcgetattr(0)
        raw[0] &= ~(
            termios.BRKINT
            | termios.ICRNL
            | termios.INLCR
            | termios.IGNCR
            | termios.INPCK
            | termios.ISTRIP
            | termios.IXON
        )
        raw[1] &= ~termios.OPOST
        raw[2] = raw[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
        raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
        termios.tcsetattr(0, termios.TCSANOW, raw)


def _open_again() -> tuple[int, bool]:
    """Open the terminal once more: O_NONBLOCK on stdout itself would be the shell's, too."""
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    for name in (_name(1), _name(0), "/dev/tty"):
        try:
            return os.open(name, flags), True
        except OSError:  # another user's after su(1), or not in this container
            continue
    return 1, False


def _name(number: int) -> str:
    try:
        return os.ttyname(number)
    except OSError:
        return ""


def _mode(mode: bytes, *, on: bool) -> bytes:
    return b"\x1b[?%s%s" % (mode, b"h" if on else b"l")


def _write(number: int, data: bytes) -> None:
    """Write all of it, unless the terminal takes nothing."""
    waiting = select.poll()
    waiting.register(number, select.POLLOUT)
    while data and waiting.poll(GIVE_BACK_TIMEOUT_MS):
        try:
            data = data[os.write(number, data[:512]) :]
        except BlockingIOError:
            continue
        except OSError:  # it is gone
            return
