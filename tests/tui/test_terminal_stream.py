"""What really reaches the user's terminal: nothing that a host wrote as a command.

A real app with its real driver runs on a pseudo-terminal. Run as a program this file is that app.
"""

from __future__ import annotations

import fcntl
import os
import pty
import random
import re
import select
import struct
import subprocess
import sys
import termios
import unicodedata
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.content import Content
from textual.widgets import Static

from lazytui.text import sanitize
from lazytui.tui.widgets.log_view import LogView

ROWS, COLUMNS = 60, 120
LINES = 25  # in the log, and once more in a static text
LAST = "the last line of all"

SEQUENCE = re.compile(
    r"\x1b\[(?P<private>[<-?]*)[0-9:;]*(?P<middle>[ -/]*)(?P<final>[@-~])"
    r"|\x1b(?P<string>[\]PX^_])(?P<number>[0-9]*)|\x1b(?P<other>[^\[\]PX^_])"
)
POINTER = "\x1b]22;default\x07"  # Textual's own, the shape of the mouse pointer
PIECES = [
    *(b"\x1b", b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b_", b"\x1bX", b"\x1b^", b"\x1bk", b"\x1b\\"),
    *(b"\x1b]52;c;cm0gLXJm\x07", b"\x1b]0;owned\x1b\\", b"\x1b]8;;http://evil\x07", b"\x1bPq#0~"),
    *(b"\x1b[2J", b"\x1b[31;1m", b"\x1b[>4;2m", b"\x1b[?1049l", b"\x1bc", b"\x1b[6n", b"\x1b[5i"),
    *("\u009b2J".encode(), "\u009d52;c;x\u009c".encode(), "\u0090q".encode(), "\u0085".encode()),
    *(b"\x9b2J", b"\xff\xfe", b"\x00", b"\x07", b"\x08", b"\r", b"\t", b"\x0e", b"\x7f", b"\x1a"),
    *("\u202e".encode(), "\u2066".encode(), "\u200f".encode(), "\u061c".encode()),
    *("\U000e0041".encode(), "\u2028".encode(), "日本".encode(), "e\u0301".encode()),
    *(b"[/x]", b"[@click=app.quit]", b"[red]", b"\\[", b"text", b" ", b"52;c;", b"0;", b"m"),
]


class StreamApp(App[None]):
    """Shows a file as a log and as a text until `q` is pressed."""

    BINDINGS = [("q", "quit", "Quit")]  # noqa: RUF012 (Textual's own, typed there)

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def compose(self) -> ComposeResult:
        yield Static(Content(sanitize(self.path.read_bytes(), keep_newlines=True)))
        yield LogView(self.path)


def stream_of(path: Path) -> str:
    """Everything that the app writes to its terminal for this file."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, __file__, str(path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=root
    ) as app:
        os.close(slave)
        stream = bytearray()
        asked = False
        try:
            # However slow the machine, it is asked to go when all was drawn and it fell silent.
            while True:
                silent = not select.select([master], [], [], 0.5)[0]
                if silent and not asked and stream.count(LAST.encode()) >= 2:
                    os.write(master, b"q")
                    asked = True
                elif not silent:
                    data = _read(master)
                    if not data:
                        break
                    stream += data
        finally:
            os.close(master)
            app.kill()
    return stream.decode("utf-8", "surrogateescape")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # EIO: the app has gone
        return b""


def kinds(stream: str) -> set[tuple[str | None, ...]]:
    """What sorts of sequences are in a stream, without their numbers."""
    return {match.groups() for match in SEQUENCE.finditer(stream)}


def controls(stream: str) -> set[str]:
    """Which control, format and undecodable characters are in a stream."""
    wanted = ("Cc", "Cf", "Cs", "Zl", "Zp")
    rest = stream.replace(POINTER, "")
    return {character for character in rest if unicodedata.category(character) in wanted}


def write(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"\n".join([*lines, LAST.encode()]) + b"\n")
    return path


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The stream for ordinary output in many colours."""
    lines = [b"\x1b[3%d;1mline %d\x1b[0m plain" % (n % 8, n) for n in range(LINES)]
    stream = stream_of(write(tmp_path_factory.mktemp("stream") / "harmless.log", lines))
    assert stream.count(LAST) >= 2
    return stream


@pytest.mark.parametrize("seed", [1, 2])
def test_hostile_output_reaches_the_terminal_as_plain_text(
    harmless: str, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    lines = [b"".join(dice.choices(PIECES, k=30)) for _ in range(LINES)]

    stream = stream_of(write(tmp_path / "hostile.log", lines))

    assert stream.count(LAST) >= 2
    assert kinds(stream) - kinds(harmless) == set()
    assert controls(stream) - controls(harmless) == set()


def test_the_check_would_see_what_a_widget_lets_through(harmless: str) -> None:
    leaked = harmless + "\x1b]52;c;x\x07\x9b2J\u202e\x1bPq\x1b\\"

    strings = {(match[3], match[4]) for match in kinds(leaked) - kinds(harmless) if match[3]}
    assert strings == {("]", "52"), ("P", "")}
    assert controls(leaked) - controls(harmless) == {"\x07", "\x9b", "\u202e"}


if __name__ == "__main__":
    StreamApp(Path(sys.argv[1])).run()
