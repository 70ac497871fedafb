"""A program on a terminal of its own, driven from a test on the event loop."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT_S = 30.0


class OnPty:
    """A program on a pty, for an ``async with``; killed at the end.

    Args:
        words: of ``python -m lazytui``.
        env: its whole environment.
        size: columns and rows.
        program: what is run instead of ``python -m lazytui``.
    """

    def __init__(
        self,
        words: Sequence[str],
        env: Mapping[str, str],
        size: tuple[int, int] = (80, 24),
        program: Sequence[str] = (sys.executable, "-m", "lazytui"),
    ) -> None:
        self._words = (*program, *words)
        self._env = {"TERM": "xterm-256color", "LANG": "C.UTF-8", **env}
        self._master, self._slave = pty.openpty()
        self._grew = asyncio.Event()
        self.resize(*size, tell=False)
        self.before = self.modes()
        self.seen = b""

    async def __aenter__(self) -> Self:
        self.process = subprocess.Popen(
            self._words,
            env=self._env,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.set_blocking(self._master, False)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.stop_reading()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(self.process.wait)
        for number in (self._master, self._slave):
            with suppress(OSError):
                os.close(number)

    def _read(self) -> None:
        with suppress(OSError):
            self.seen += os.read(self._master, 65536)
        self._grew.set()

    def type(self, data: bytes) -> None:
        """Press keys."""
        os.write(self._master, data)

    def resize(self, columns: int, rows: int, *, tell: bool = True) -> None:
        """Give the terminal another size."""
        size = struct.pack("4H", rows, columns, 0, 0)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, size)
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def modes(self) -> list[object]:
        """What stty would tell."""
        return termios.tcgetattr(self._slave)

    def stop_reading(self) -> None:
        """Let nothing that the program writes get through any more, after what the kernel holds."""
        asyncio.get_running_loop().remove_reader(self._master)

    def read_again(self) -> None:
        """End :meth:`stop_reading`."""
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def hang_up(self) -> None:
        """Close the terminal, as closing its window does."""
        self.stop_reading()
        os.close(self._slave)
        os.close(self._master)

    async def wait_for(self, text: bytes) -> bytes:
        """Wait until the program has written something; gives all it wrote."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while text not in self.seen:
                    self._grew.clear()
                    await self._grew.wait()
        except TimeoutError:
            raise AssertionError(f"{text!r} was never written, but {self.seen[-2000:]!r}") from None
        return self.seen

    async def wait_exit(self) -> int:
        """Wait for the end of the program; gives its exit status."""
        async with asyncio.timeout(TIMEOUT_S):
            return await asyncio.to_thread(self.process.wait)
