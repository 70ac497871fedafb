"""Filters of create_group and check_filter: one question to each host, all hosts at once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from lazytui import NoRuntimesError, Runtime, RuntimeManager
from lazytui.core.agent import Agent
from lazytui.core.frames import FrameReader

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm

EVERYTHING: dict[str, Any] = {
    "min_memory": 1,
    "min_cpu_cores": 1,
    "installed_executables": ["sh", "tar"],
    "filter_commands": ["echo true", "test -d / && echo TRUE"],
}


class Wire:
    """What the agents were asked, as it was written to them."""

    def __init__(self) -> None:
        self._readers: dict[Agent, FrameReader] = defaultdict(lambda: FrameReader(b""))
        self._asked: dict[Agent, list[str]] = defaultdict(list)

    def wrote(self, agent: Agent, data: bytes) -> None:
        for header, _ in self._readers[agent].feed(data):
            self._asked[agent].append(header["op"])

    def take(self) -> list[list[str]]:
        """What each agent was asked since the last time, but for the code of an operation."""
        asked = [[op for op in ops if op != "load"] for ops in self._asked.values()]
        self._asked.clear()
        return [ops for ops in asked if ops]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    seen, write = Wire(), Agent._write

    def spy(agent: Agent, data: bytes) -> None:
        seen.wrote(agent, data)
        write(agent, data)

    monkeypatch.setattr(Agent, "_write", spy)
    return seen


def test_a_group_asks_each_host_once_for_all_filters_together(hosts: SSHFarm, wire: Wire) -> None:
    manager = RuntimeManager()
    wire.take()

    group = manager.create_group(**EVERYTHING)
    first = wire.take()
    manager.create_group(**EVERYTHING)

    assert group.hosts == ["host-1", "host-2"]
    assert first == wire.take() == [["probe"], ["probe"]]


def test_more_commands_than_run_beside_each_other_are_still_one_question(
    hosts: SSHFarm, wire: Wire
) -> None:
    manager = RuntimeManager()
    wire.take()

    group = manager.create_group(
        filter_commands=[f"[ {n} -lt 50 ] && echo true" for n in range(50)]
    )

    assert group.runtime_count == 2
    assert wire.take() == [["probe"], ["probe"]]


def test_what_the_connection_told_already_is_not_asked_for(hosts: SSHFarm, wire: Wire) -> None:
    manager = RuntimeManager()
    wire.take()

    manager.create_group(min_memory=1, min_cpu_cores=1)

    assert wire.take() == []


def test_hosts_are_asked_beside_each_other(hosts: SSHFarm, tmp_path: Path) -> None:
    here, there = tmp_path / "1", tmp_path / "2"
    # Each host waits for the other: one after the other, none of them would ever say true.
    command = (
        f"case $HOME in *host-1*) m={here} o={there};; *) m={there} o={here};; esac;"
        "touch $m; until [ -e $o ]; do sleep 0.02; done; echo true"
    )

    assert RuntimeManager().create_group(filter_commands=command).runtime_count == 2


@pytest.mark.fact(
    "Runtime.check_filter",
)
def test_one_runtime_is_asked_once_for_all_filters(hosts: SSHFarm, wire: Wire) -> None:
    runtime = Runtime("host-1")
    wire.take()

    assert runtime.check_filter(**EVERYTHING)
    assert wire.take() == [["probe"]]


def test_a_host_that_fulfils_only_some_of_the_filters_is_left_out(hosts: SSHFarm) -> None:
    (hosts.hosts["host-2"].home / "data").touch()
    manager = RuntimeManager()

    group = manager.create_group(filter_commands=["echo true", "[ -e ~/data ] && echo true"])

    assert group.hosts == ["host-2"]
    with pytest.raises(
        NoRuntimesError, match=r"fulfils installed:\"sh\" installed:\"no-such-program\""
    ):
        manager.create_group(installed_executables=["sh", "no-such-program"])


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"filter_commands": ""}, "a command to filter by is text that is not empty, not ''"),
        ({"filter_commands": ["true", " "]}, "a command to filter by is text that is not empty"),
        ({"installed_executables": [""]}, "a program to filter by is text that is not empty"),
        ({"installed_executables": [3]}, "a program to filter by is text .* not 3"),
        ({"min_memory": "8G"}, "min_memory is a number of MB, 0 or more, not '8G'"),
        ({"min_memory": -1}, "min_memory is a number of MB, 0 or more, not -1"),
        ({"min_cpu_cores": True}, "min_cpu_cores is a number of cores, 0 or more, not True"),
    ],
)
@pytest.mark.fact(
    "Runtime.check_filter ! ValueError",
)
def test_a_filter_that_means_nothing_is_refused(
    hosts: SSHFarm, filters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        RuntimeManager().create_group(**filters)
    with pytest.raises(ValueError, match=message):
        Runtime("host-1").check_filter(**filters)
