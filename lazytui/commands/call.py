"""One command line being carried out: its words, and the streams of whoever gave it.

A command takes a :class:`Call` and nothing of the process around it, so that the same code runs by
itself, and inside a running engine for a client at the other end of a socket. There ``print`` would
write into the engine's log and the current folder would be the engine's.
"""

from __future__ import annotations

import contextlib
import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from lazytui.text import sanitize

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from lazytui.core.engine import Engine
    from lazytui.ssh.config import SSHConfig


class Output(Protocol):
    """Where a command writes: a file of this process, or one of a client's."""

    @property
    def is_terminal(self) -> bool:
        """True when people look at it."""

    @property
    def encoding(self) -> str:
        """How text is to be written."""

    def write(self, data: bytes) -> None:
        """Add bytes; never waits for a client.

        Raises:
            BrokenPipeError: nobody reads it any more.
        """

    async def drain(self) -> None:
        """Wait until there is room for more.

        Raises:
            BrokenPipeError: nobody reads it any more.
        """


class Call(ABC):
    """One command line being carried out.

    Args:
        arguments: its words, parsed.
        stdout: where data goes.
        stderr: where messages go.
        cwd: the folder it was given in; relative paths begin there.
        environ: the environment it was given in.

    ``columns`` is the width of the terminal, where there is one.
    """

    columns = 80

    def __init__(
        self,
        arguments: argparse.Namespace,
        stdout: Output,
        stderr: Output,
        *,
        cwd: Path,
        environ: Mapping[str, str],
    ) -> None:
        self.arguments = arguments
        self.stdout = stdout
        self.stderr = stderr
        self.cwd = cwd
        self.environ = environ
        self._interrupts: list[Callable[[], None]] = []

    @abstractmethod
    def engine(self) -> AbstractAsyncContextManager[Engine]:
        """Give the engine to work with: the running one, or one that lives as long as this.

        Raises:
            LazytuiError: settings folder, journal or ssh config cannot be used.
        """

    @abstractmethod
    async def config(self) -> SSHConfig:
        """Give the ssh config, its problems told.

        Raises:
            UsageError: the file that ``-F`` names cannot be read.
        """

    async def loop(self) -> None:  # noqa: B027  # mostly there is one
        """See to it that what comes next runs in an event loop, as what waits for things must."""

    @property
    def lasting(self) -> bool:
        """Whether the engine lives on when the command is over: it can hold something."""
        return False

    @property
    def config_path(self) -> str:
        """The ssh config as the user knows it."""
        given: str | None = self.arguments.ssh_config
        return given or "~/.ssh/config"

    def path(self, text: str) -> Path:
        """Give the file on the manager that the user means by a path; ``~`` is the home."""
        if text == "~" or text.startswith("~/"):
            from pathlib import Path

            return Path(self.environ.get("HOME") or Path.home()) / text[2:]
        return self.cwd / text

    @contextlib.contextmanager
    def on_interrupt(self, handler: Callable[[], None]) -> Iterator[None]:
        """Let Ctrl-C call a handler inside the ``with``, instead of ending the command.

        Inside another such ``with`` the inner handler is the one called.
        """
        self._interrupts.append(handler)
        try:
            yield
        finally:
            self._interrupts.remove(handler)

    # -- messages

    def say(self, text: str) -> None:
        """Tell the user something on stderr."""
        self._write(self.stderr, f"lazytui: {sanitize(text)}\n")

    def complain(self, problems: Iterable[object]) -> None:
        """Tell problems on stderr, one a line."""
        for problem in problems:
            self.say(str(problem))

    # -- data

    def print(self, text: str = "") -> None:
        """Write a line to stdout."""
        self._write(self.stdout, f"{text}\n")

    def print_json(self, value: Any) -> None:
        """Write one JSON value to stdout, escaped where that is not UTF-8."""
        utf8 = self.stdout.encoding.lower().replace("-", "") == "utf8"
        self.stdout.write(json.dumps(value, ensure_ascii=not utf8).encode("utf-8", "replace"))
        self.stdout.write(b"\n")

    def print_table(self, rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
        """Write aligned columns to stdout, the first row as their heads.

        Args:
            rows: cells without control characters.
            right: indexes of columns that are numbers.
        """
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [
                cell.rjust(width) if at in right else cell.ljust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.print("  ".join(cells).rstrip())

    def write_output(self, data: bytes, *, prefix: str = "") -> None:
        """Write a run's output to stdout: raw in a pipe, made harmless on a terminal.

        Args:
            data: whole lines, or the last piece of the output.
            prefix: put before each line.
        """
        if not self.stdout.is_terminal and not prefix:
            self.stdout.write(data)
            return
        lines = data.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        if self.stdout.is_terminal:
            text = "".join(f"{prefix}{sanitize(line)}\n" for line in lines)
            self.stdout.write(text.encode(errors="replace"))
        else:
            begin = prefix.encode(errors="replace")
            self.stdout.write(b"".join(begin + line + b"\n" for line in lines))

    async def drain(self) -> None:
        """Wait until stdout has room for more; after each large piece, and at the end."""
        await self.stdout.drain()

    def _write(self, stream: Output, text: str) -> None:
        stream.write(text.encode(stream.encoding, "replace"))
