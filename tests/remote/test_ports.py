"""Ports of a host: who listens there, does it answer, and which sshd holds them for us."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.remote.agent_process import interpreters, until

if TYPE_CHECKING:
    from tests.remote.agent_process import AgentProcess
    from tests.remote.conftest import StartAgent


@pytest.mark.parametrize("version", sorted(interpreters()))
def test_every_python_tells_who_listens_on_a_port(start_agent: StartAgent, version: str) -> None:
    agent = start_agent(python=interpreters()[version])

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reply = agent.call("ports_listening", ports=[port], who=True)

    ((found, address, _, uid, program, pid),) = reply["listening"]
    assert (found, address, uid, pid) == (port, "127.0.0.1", os.getuid(), os.getpid())
    assert program


def test_ipv6_addresses_are_told_as_people_write_them(agent: AgentProcess) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        reply = agent.call("ports_listening", ports=[port])

    assert [row[1] for row in reply["listening"]] == ["::1"]


def test_without_ports_all_listeners_are_told(agent: AgentProcess) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        reply = agent.call("ports_listening")

        ports = {row[0] for row in reply["listening"]}
        assert {one.getsockname()[1], two.getsockname()[1]} <= ports


def test_a_port_that_listens_is_connected_to_from_a_port_that_is_told(agent: AgentProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reply = agent.call("ports_connect", address="127.0.0.1", port=port, timeout=5)
        client, address = server.accept()
        client.close()

    assert (reply["error"], reply["port"]) == ("", address[1])
    assert reply["ms"] >= 0


def test_a_port_that_nobody_has_is_refused(agent: AgentProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    reply = agent.call("ports_connect", address="127.0.0.1", port=port, timeout=5)

    assert reply["error"] == "Connection refused"


def test_only_an_sshd_that_started_when_we_say_is_ended(agent: AgentProcess) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        reply = agent.call("ports_end_session", pid=other.pid, start="1")
        lives = other.poll() is None
        other.kill()

    assert (reply["ended"], lives) == (False, True)


def test_a_knock_that_is_over_leaves_no_socket(agent: AgentProcess) -> None:
    def sockets() -> int:
        folder = f"/proc/{agent.process.pid}/fd"
        links = (os.readlink(f"{folder}/{name}") for name in os.listdir(folder))
        return sum(link.startswith("socket:") for link in links)

    before = sockets()
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(5):
            agent.call(
                "ports_connect", address="127.0.0.1", port=server.getsockname()[1], timeout=5
            )

    until("no socket is left", lambda: sockets() == before)
