"""Connects to the hosts of a farm as the engine does, and asks why when that fails."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import pytest

from lazytui.core.settings import ConnectSettings
from lazytui.errors import ConnectError
from lazytui.ssh.config import SSHConfig
from lazytui.ssh.connector import Connector
from lazytui.ssh.credentials import NobodyAsks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from lazytui.ssh.connection import Connection
    from lazytui.ssh.credentials import Asker, Question
    from tests.sshd import SSHFarm


class Answers:
    """An asker that answers every question alike and remembers it.

    Args:
        answer: the key of the choice, or None for nobody there.
        meanwhile: called, in a thread, between question and answer.
        think_s: seconds until it answers, in which others come to ask the same.
    """

    def __init__(
        self,
        answer: str | None,
        meanwhile: Callable[[], object] | None = None,
        *,
        think_s: float = 0.05,
    ) -> None:
        self.questions: list[Question] = []
        self._answer = answer
        self._meanwhile = meanwhile
        self._think_s = think_s

    async def ask(self, question: Question) -> str | None:
        """Answer."""
        self.questions.append(question)
        await asyncio.sleep(self._think_s)  # others get the time to ask as well
        if self._meanwhile is not None:
            await asyncio.to_thread(self._meanwhile)
        return self._answer

    def joined(self, question: Question, host: str) -> None:
        """The question has it in its ``waiting``."""


class Program:
    """A remote program that was started on a connection: what it prints, how it ends."""

    def __init__(self) -> None:
        self.stdout = b""
        self.status: int | None = None
        self.over = asyncio.Event()

    def received(self, data: bytes) -> None:
        """Keep stdout."""
        self.stdout += data

    def complained(self, data: bytes) -> None:
        """Pass over stderr."""

    def ended(self, exit_status: int | None, error: Exception | None) -> None:
        """Keep the exit status."""
        self.status = exit_status
        self.over.set()


@asynccontextmanager
async def connecting(
    farm: SSHFarm, asker: Asker | None = None, **settings: float
) -> AsyncIterator[Connector]:
    """Give a connector for the farm's ssh config; its bastions are closed at the end."""
    made = Connector(
        SSHConfig.load(farm.config, home=farm.home),
        ConnectSettings(**settings),  # type: ignore[arg-type]
        asker or NobodyAsks(),
        home=farm.home,
    )
    try:
        yield made
    finally:
        await made.close()


async def output(connection: Connection, command: str) -> bytes:
    """Run a command on a connection and give what it prints."""
    program = Program()
    await connection.open(command, program)
    async with asyncio.timeout(20):
        await program.over.wait()
    return program.stdout


async def reach(connector: Connector, host: str) -> None:
    """Log in to a host, see that it does what it is told, and leave."""
    connection = await connector.connect(host)
    try:
        assert await output(connection, "echo here") == b"here\n"
    finally:
        await connection.close()


async def refusal(connector: Connector, host: str) -> ConnectError:
    """Give the error of a host that cannot be reached."""
    with pytest.raises(ConnectError) as caught:
        await reach(connector, host)
    return caught.value


@contextmanager
def ssh_agent(folder: Path, *keys: Path) -> Iterator[Path]:
    """Run a real ssh-agent that holds some keys; gives its socket."""
    path = folder / "agent.sock"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.PIPE)
    assert agent.stdout is not None
    agent.stdout.readline()  # it listens before it tells so
    try:
        for key in keys:
            adding = ["ssh-add", "-q", str(key)]
            environment = {**os.environ, "SSH_AUTH_SOCK": str(path)}
            subprocess.run(adding, env=environment, check=True, capture_output=True)
        yield path
    finally:
        agent.terminate()
        agent.wait()
        agent.stdout.close()
