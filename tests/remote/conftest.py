"""Fixtures: a home with nothing in it, and agents in it that leave nothing behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.remote.agent_process import AgentProcess, start_time

if TYPE_CHECKING:
    from pathlib import Path

StartAgent = Callable[..., AgentProcess]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A host's home folder. What jobs in it still run at the end is killed."""
    folder = tmp_path / "home"
    folder.mkdir()
    yield folder
    for path in folder.glob(".local/state/lazytui/jobs/*/id"):
        fields = path.read_text().split()
        if len(fields) != 5 or not (fields[0].isdigit() and fields[3].isdigit()):
            continue  # forged by a test
        pid, start, _, leader, leader_start = fields
        for number, born in ((leader, leader_start), (pid, start)):
            if start_time(int(number)) == born:
                os.kill(int(number), signal.SIGKILL)
                try:
                    os.killpg(int(number), signal.SIGKILL)
                except ProcessLookupError:
                    continue


@pytest.fixture
def start_agent(home: Path) -> Iterator[StartAgent]:
    """Starts agents in the home; all are killed at the end."""
    with ExitStack() as stack:

        def start(**options: object) -> AgentProcess:
            agent = AgentProcess(home, **options)  # type: ignore[arg-type]
            return stack.enter_context(agent)

        yield start


@pytest.fixture
def agent(start_agent: StartAgent) -> AgentProcess:
    """One agent that has said hello."""
    started = start_agent()
    started.hello()
    return started
