"""A process on the manager that belongs to a cluster: its master."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from lazytui.clusters.workers import last_line
from lazytui.errors import MasterStartError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

STOP_S = 5.0  # between asking it to end and killing it
RETRY_S = 0.05  # between two knocks at its port; a port tells nobody that it opens
TAIL = 1500  # characters of its output in an error
KEPT = 256 * 1024  # bytes of its output that are kept

# For a program that would outlive a manager that is killed: it ends with the stdin of its guard,
# and on Linux with a guard that is killed, too.
_GUARD = """
import signal, subprocess, sys, threading
def follow_guard():
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
linux = sys.platform == "linux"
words = sys.argv[1:]
child = subprocess.Popen(
    words, stdin=subprocess.DEVNULL, preexec_fn=follow_guard if linux else None
)
def end(*_):
    child.terminate()
def follow():
    sys.stdin.buffer.read()
    end()
signal.signal(signal.SIGTERM, end)
threading.Thread(target=follow, daemon=True).start()
sys.exit(child.wait() & 255)
"""


def guarded(program: Sequence[str]) -> list[str]:
    """Give the words that run a program which ends when our end of its stdin does."""
    return [sys.executable, "-I", "-S", "-c", _GUARD, *program]


class LocalProcess:
    """A process whose last output is kept. Its stdin is a pipe that ends with this process.

    Args:
        name: what it is, for errors.
        command: program and arguments.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._command = list(command)
        self._kept = bytearray()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None before the start."""
        return None if self._process is None else self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self, port: int, timeout: float) -> None:
        """Start it and wait until it listens.

        Args:
            port: on 127.0.0.1.
            timeout: seconds to wait at most.

        Raises:
            MasterStartError: it ended, or did not listen in time; nothing is left of it.
        """
        try:
            process = self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the script, which then ends it in order
            )
        except OSError as error:
            raise MasterStartError(f"{self.name} cannot be started here: {error}") from error
        assert process.stdout is not None
        self._reader = asyncio.create_task(
            self._read(process.stdout), name=f"output of {self.name}"
        )
        try:
            async with asyncio.timeout(timeout):
                while self.is_alive and not await _listens(port):  # noqa: ASYNC110 - see RETRY_S
                    await asyncio.sleep(RETRY_S)
        except TimeoutError:
            why = f"does not listen on port {port} after {timeout:g} s; give it more time"
            raise MasterStartError(await self._given_up(why)) from None
        except BaseException:
            await self.stop()
            raise
        if not self.is_alive:
            raise MasterStartError(await self._given_up("ended at once"))

    def printed(self) -> bytes:
        """Give what it printed last."""
        return bytes(self._kept)

    async def wait(self) -> str:
        """Wait until it ends by itself; gives the reason in a line."""
        assert self._process is not None
        status = await self._process.wait()
        await self._end_reading()
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit {status}"
        said = last_line(self._kept.decode("utf-8", "replace"))
        return sanitize(
            f"{self.name} on this machine ended ({how})" + (f": {said}" if said else "")
        )

    async def stop(self) -> None:
        """End it and wait for that; one that has ended is fine."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with what it has started
                await process.wait()
        await self._end_reading()

    async def _read(self, output: asyncio.StreamReader) -> None:
        while piece := await output.read(1 << 16):
            self._kept += piece
            del self._kept[:-KEPT]

    async def _end_reading(self) -> None:
        """Have what it printed at its end; what it left running may hold the pipe."""
        if self._reader is not None:
            await asyncio.wait((self._reader,), timeout=1.0)
            self._reader.cancel()

    async def _given_up(self, why: str) -> str:
        await self.stop()
        said = sanitize(self._kept.decode("utf-8", "replace")[-TAIL:]).strip()
        return f"{self.name} on this machine {why}" + (f"\n{said}" if said else "")


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
