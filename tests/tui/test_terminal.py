"""A real terminal: what leaves it clean, and what ends the program when it goes away."""

from __future__ import annotations

import errno
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio, signal, sys
if "ignore-hup" in sys.argv:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
from tests.tui.fake_engine import lab
from lazytui.tui.run import run_app
asyncio.run(run_app(lab()))
"""
RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?2004l")


class Terminal:
    """The program on a pseudo-terminal of 80x24."""

    def __init__(self, *arguments: str) -> None:
        self.fd, inner = pty.openpty()
        ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(inner)
        self.seen = b""
        self.program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdin=inner, stdout=inner, stderr=inner, start_new_session=True, cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)},
            preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(inner)

    def read_until(self, wanted: bytes) -> None:
        while wanted not in self.seen:
            self.seen += os.read(self.fd, 65536)

    def read_all(self) -> None:
        try:
            while piece := os.read(self.fd, 65536):
                self.seen += piece
        except OSError as error:
            if error.errno != errno.EIO:  # all have closed the other end
                raise

    def hang_up(self) -> None:
        os.close(self.fd)
        self.fd = -1

    def close(self) -> None:
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()
        if self.fd >= 0:
            os.close(self.fd)


@pytest.fixture
def terminal():
    opened = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(*arguments))
        opened[-1].read_until(b"node07")
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.mark.parametrize("reason", ["q", "ctrl+q", signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_left_as_it_was(terminal, reason):
    opened = terminal()
    if reason == "q":
        os.write(opened.fd, b"q")
    elif reason == "ctrl+q":
        os.write(opened.fd, b"\x11")
    else:
        opened.program.send_signal(reason)
    opened.read_all()
    assert opened.program.wait() == 0
    for sequence in RESTORED:
        assert opened.seen.rfind(sequence) > opened.seen.rfind(b"node07")


@pytest.mark.parametrize("arguments", [(), ("ignore-hup",)])
def test_the_program_ends_when_its_terminal_is_gone(terminal, arguments):
    opened = terminal(*arguments)
    opened.hang_up()
    assert opened.program.wait(timeout=30) == 0
