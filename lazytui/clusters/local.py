"""A process on the manager that belongs to a cluster: its master."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from typing import TYPE_CHECKING

from lazytui.errors import MasterStartError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

STOP_S = 5.0  # between asking it to end and killing it
RETRY_S = 0.05  # between two knocks at its port; a port tells nobody that it opens
TAIL = 1500  # characters of its output in an error


class LocalProcess:
    """A process with its output in a file. Its stdin is a pipe that ends with this process.

    Args:
        name: what it is, for errors.
        command: program and arguments.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._command = list(command)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._process: asyncio.subprocess.Process | None = None

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
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,  # Ctrl-C is for the script, which then ends it in order
            )
        except OSError as error:
            raise MasterStartError(f"{self.name} cannot be started here: {error}") from error
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

    def log(self) -> str:
        """Give what it printed."""
        if self._output.closed:
            return ""
        self._output.seek(0)
        return self._output.read().decode("utf-8", "replace")

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
                process.kill()
                await process.wait()
        self._output.close()

    async def _given_up(self, why: str) -> str:
        said = sanitize(self.log()[-TAIL:]).strip()
        await self.stop()
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
