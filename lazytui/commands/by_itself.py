"""Carrying out a command line in the process it was given to, with an engine of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytui.commands import common
from lazytui.commands.call import Call

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator

    from lazytui.commands.table import Command
    from lazytui.core.engine import Engine
    from lazytui.ssh.config import SSHConfig


def carry_out(command: Command, arguments: argparse.Namespace) -> int:
    """Carry out a command in this process; gives the exit code.

    Raises:
        LazytuiError: what went wrong, in words for the user.
        BrokenPipeError: nobody reads stdout any more.
        KeyboardInterrupt: Ctrl-C where the command does not handle it.
    """
    work = _to_its_end(command, OwnCall(arguments))
    # What asks for no engine waits for nothing, and asyncio takes longer to import than all of it.
    try:
        work.send(None)
    except StopIteration as end:
        return int(end.value)
    import asyncio

    return asyncio.run(_go_on(work))


async def _to_its_end(command: Command, call: Call) -> int:
    code = await command(call)
    await call.drain()  # now, as at exit nobody could tell a broken pipe from a fault
    return code


async def _go_on(work: Coroutine[Any, Any, int]) -> int:
    return await _Begun(work)


class _Begun:
    """A coroutine that has begun, which cannot be awaited as it is."""

    def __init__(self, work: Coroutine[Any, Any, int]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, Any, int]:
        return self._work.__await__()


class _Loop:
    """Awaited, it leaves the rest of a command to asyncio, which is imported only now."""

    def __await__(self) -> Generator[None]:
        yield


class OwnOutput:
    """A stream of this process.

    Args:
        stream: ``sys.stdout`` or ``sys.stderr``.
        at_once: people see each piece when it is written.
    """

    def __init__(self, stream: Any, *, at_once: bool) -> None:
        self._file = stream.buffer
        self.is_terminal: bool = stream.isatty()
        self.encoding: str = stream.encoding or "utf-8"
        self._at_once = at_once or self.is_terminal

    def write(self, data: bytes) -> None:
        """Write bytes."""
        self._file.write(data)
        if self._at_once:
            self._file.flush()

    async def drain(self) -> None:
        """Let everything be seen."""
        self._file.flush()


class OwnCall(Call):
    """A command line with the streams, the signals and an engine of this process.

    Args:
        arguments: its words, parsed.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        super().__init__(
            arguments,
            OwnOutput(sys.stdout, at_once=False),
            OwnOutput(sys.stderr, at_once=True),
            cwd=Path.cwd(),
            environ=os.environ,
        )
        if self.stderr.is_terminal:
            self.columns = shutil.get_terminal_size().columns
        self._config: SSHConfig | None = None

    @contextlib.asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """Give an engine that lives as long as the command."""
        await _Loop()
        async with common.engine(self.arguments, config=await self.config()) as engine:
            yield engine

    async def loop(self) -> None:
        """Go on in a loop of asyncio."""
        await _Loop()

    async def config(self) -> SSHConfig:
        """Read the ssh config, once."""
        if self._config is None:
            self._config = common.load_config(self.arguments)
        return self._config

    @contextlib.contextmanager
    def on_interrupt(self, handler: Callable[[], None]) -> Iterator[None]:
        """Let SIGINT call the handler."""
        import asyncio
        import signal

        loop = asyncio.get_running_loop()
        with super().on_interrupt(handler):
            loop.add_signal_handler(signal.SIGINT, self._interrupted)
            try:
                yield
            finally:
                if len(self._interrupts) == 1:
                    loop.remove_signal_handler(signal.SIGINT)

    def _interrupted(self) -> None:
        self._interrupts[-1]()
