"""A shell on a pretend host: a local one, on a terminal of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncssh

from lazytui.core.local_program import start_program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lazytui.program import Ended, Program

PIECE = 64 * 1024
USUAL_SIZE = 80, 24


class _Printed:
    """What the shell prints, a piece at a time: it waits while the client does not read."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.end: Ended | None = None

    def printed(self, data: bytes) -> None:
        self._program.hold()
        self._pieces.put_nowait(data)

    def ended(self, end: Ended) -> None:
        self.end = end
        self._pieces.put_nowait(b"")

    async def copy_to(self, client: asyncssh.SSHWriter[bytes]) -> None:
        """Hand it to the client, until the shell has ended; hang up when the client is gone."""
        try:
            while data := await self._pieces.get():
                client.write(data)
                await client.drain()
                self._program.go_on()
        except (asyncssh.Error, OSError):
            self._program.hang_up()


async def serve_terminal(
    process: asyncssh.SSHServerProcess[bytes],
    words: Sequence[str],
    environ: Mapping[str, str],
    cwd: str,
) -> int:
    """Run a program on a terminal of the client's size; gives its exit status.

    Args:
        process: the session, which asked for a terminal.
        words: the program and its arguments.
        environ: what it finds in its environment.
        cwd: the folder it starts in.
    """
    columns, rows, *_ = process.term_size
    program = await start_program(
        words,
        size=(columns, rows) if columns and rows else USUAL_SIZE,
        environ={**environ, "TERM": process.term_type or "dumb"},
        cwd=cwd,
    )
    printed = _Printed(program)
    program.start(printed)
    async with asyncio.TaskGroup() as tasks:
        typing = tasks.create_task(_type(process.stdin, program))
        await printed.copy_to(process.stdout)
        typing.cancel()
    end = printed.end
    return 1 if end is None or end.status is None else end.status


async def _type(source: asyncssh.SSHReader[bytes], program: Program) -> None:
    """Give the program what the client types, and tell it the size of the client's terminal."""
    while True:
        try:
            data = await source.read(PIECE)
        except asyncssh.TerminalSizeChanged as change:
            program.resize(change.width, change.height)
            continue
        except (asyncssh.BreakReceived, asyncssh.SignalReceived):
            continue
        except (asyncssh.Error, OSError):
            data = b""
        if not data:
            program.hang_up()
            return
        program.type(data)
