"""Small questions to a host: programs that are there, and what commands print last."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui.remote.checks import BESIDE
from tests.remote.agent_process import interpreters, until

if TYPE_CHECKING:
    from tests.remote.agent_process import AgentProcess
    from tests.remote.conftest import StartAgent


def said(agent: AgentProcess, *commands: str, timeout: float = 20) -> list[str | None]:
    reply = agent.call("probe", commands=list(commands), timeout=timeout)
    assert reply["ok"], reply
    return reply["said"]


@pytest.mark.parametrize("version", sorted(interpreters()))
def test_every_python_asks_commands_and_answers_in_their_order(
    start_agent: StartAgent, version: str
) -> None:
    agent = start_agent(python=interpreters()[version])

    assert said(agent, "sleep 0.2; echo late", "echo 'wörd'", "exit 3") == [
        "late\n",
        "wörd\n",
        "",
    ]


def test_no_command_is_no_answer(agent: AgentProcess) -> None:
    assert said(agent) == []


def test_a_command_runs_in_the_home_with_nothing_to_read(agent: AgentProcess, home: Path) -> None:
    assert said(agent, "pwd; cat; echo complaint >&2") == [f"{home}\n"]


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(
    agent: AgentProcess, home: Path
) -> None:
    assert said(agent, "echo $$ > pid; sleep 600 & sleep 600", timeout=0.3) == [None]

    pid = int((home / "pid").read_text())
    until("the command is gone", lambda: not _group_lives(pid))
    assert agent.call("ping")["ok"]


def test_a_command_that_says_too_much_is_ended(agent: AgentProcess) -> None:
    assert said(agent, "yes true") == [None]


def test_only_the_end_of_a_long_answer_is_kept(agent: AgentProcess) -> None:
    (text,) = said(agent, "head -c 500000 /dev/zero | tr '\\0' x; echo; echo true")

    assert text is not None
    assert len(text) == 4096
    assert text.endswith("x\ntrue\n")


def test_other_requests_are_answered_while_a_command_runs(agent: AgentProcess, home: Path) -> None:
    os.mkfifo(home / "gate")
    asked = agent.ask("probe", commands=["read line < gate; echo $line"], timeout=60)

    assert agent.call("ping")["ok"]
    assert agent.call("which", names=["sh", "no-such-program"])["found"].keys() == {"sh"}
    (home / "gate").write_text("true\n")
    assert agent.answer(asked)["said"] == ["true\n"]


def test_programs_and_commands_are_answered_together(agent: AgentProcess) -> None:
    reply = agent.call("probe", names=["sh", "no-such-program"], commands=["echo true"], timeout=20)

    assert (reply["found"].keys(), reply["said"]) == ({"sh"}, ["true\n"])


def test_only_some_commands_run_beside_each_other_and_all_are_answered(
    agent: AgentProcess, home: Path
) -> None:
    count = 40
    command = "mkdir run.$$; ls -d run.* | wc -l; sleep 0.05; rmdir run.$$"

    beside = [int(text or 0) for text in said(agent, *[command] * count)]

    assert len(beside) == count
    assert max(beside) <= BESIDE
    assert list(home.glob("run.*")) == []


def _group_lives(pid: int) -> bool:
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[2] == str(pid) and fields[0] not in "ZX":
            return True
    return False
