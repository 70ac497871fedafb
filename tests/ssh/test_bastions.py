"""Bastions and limits: many hosts behind one door, and no more knocks at once than it takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from lazytui.errors import ConnectError
from lazytui.ssh.limiter import StartLimiter
from tests import evil
from tests.ssh.reaching import Answers, connecting, output, reach, refusal

if TYPE_CHECKING:
    import socket
    import threading

    from tests.sshd import SSHFarm, SSHHost

pytestmark = pytest.mark.sshd


def behind(farm: SSHFarm, host: SSHHost, jump: str, count: int) -> list[str]:
    """Write ``count`` aliases of one host, all of them behind ``jump``."""
    names = [f"{host.name}-{number}" for number in range(count)]
    for name in names:
        farm.add_entry(name, host.address, host.port, client_options=[f"ProxyJump {jump}"])
    return names


# --- ProxyJump -------------------------------------------------------------------------------


async def test_many_hosts_share_one_connection_to_their_bastion(farm: SSHFarm) -> None:
    gateway = farm.add("gw1")
    names = behind(farm, farm.add("inner"), "gw1", 20)

    async with connecting(farm) as connector:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(reach(connector, name))

    assert gateway.connections() == 1


@pytest.mark.parametrize("jump", ["gw1,gw2", "gw2"])
async def test_two_bastions_in_a_row_are_shared_too(farm: SSHFarm, jump: str) -> None:
    first = farm.add("gw1")
    second = farm.add("gw2", jump=None if "," in jump else "gw1")
    inner = farm.add("inner")
    names = behind(farm, inner, jump, 6)

    async with connecting(farm) as connector:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(reach(connector, name))
        connection = await connector.connect(names[0])
        route = connection.route
        await connection.close()

    assert route == ("gw1", "gw2", names[0])
    assert (first.connections(), second.connections()) == (1, 1)
    assert f"Connection from {second.address} " not in inner.log.read_text()
    assert inner.connections() == 7


async def test_a_jump_may_name_user_and_port(farm: SSHFarm) -> None:
    gateway = farm.add("gw1")
    farm.add("inner", jump=f"{farm.user}@gw1:{gateway.port}")

    async with connecting(farm) as connector:
        await reach(connector, "inner")

    assert gateway.connections() == 1


async def test_a_refused_bastion_is_the_reason_of_all_behind_it(farm: SSHFarm) -> None:
    farm.add_refused("gw1")
    names = behind(farm, farm.add("inner"), "gw1", 10)

    async with connecting(farm) as connector:
        errors = await asyncio.gather(*(refusal(connector, name) for name in names))

    assert {error.reason for error in errors} == {"bastion gw1: refused"}
    assert all(error.retry for error in errors)


async def test_a_bastion_that_fails_slowly_is_tried_once_for_all_who_wait(farm: SSHFarm) -> None:
    tries = 0

    def never_answers(connection: socket.socket, closing: threading.Event) -> None:
        nonlocal tries
        tries += 1
        closing.wait(20)

    with evil.tcp_peer(never_answers) as server:
        farm.add_entry("gw1", server.address, server.port)
        names = behind(farm, farm.add("inner"), "gw1", 30)
        async with connecting(farm, timeout_s=0.3) as connector:
            errors = await asyncio.gather(*(refusal(connector, name) for name in names))
            waited_for = tries
            await refusal(connector, names[0])

    assert {error.reason for error in errors} == {"bastion gw1: no answer in 0.3 s"}
    assert (waited_for, tries) == (1, 2)


async def test_the_first_bastion_is_named_when_two_are_on_the_way(farm: SSHFarm) -> None:
    farm.add_refused("gw1")
    farm.add("gw2")
    farm.add("inner", jump="gw1,gw2")

    async with connecting(farm) as connector:
        error = await refusal(connector, "inner")

    assert error.reason == "bastion gw1: refused"


async def test_a_bastion_whose_key_changed_stops_hard(farm: SSHFarm) -> None:
    gateway = farm.add("gw1", known="wrong")
    farm.add("inner", jump="gw1")

    async with connecting(farm, asker := Answers("a")) as connector:
        error = await refusal(connector, "inner")

    assert error.reason.startswith("bastion gw1: host key changed: now ED25519")
    assert (error.kind, error.retry) == ("hostkey", False)
    assert asker.questions == []
    assert "Accepted" not in gateway.log.read_text()


async def test_an_unknown_bastion_is_asked_about_once(farm: SSHFarm) -> None:
    farm.add("gw1", known=False)
    names = behind(farm, farm.add("inner"), "gw1", 5)

    async with connecting(farm, asker := Answers("a")) as connector:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(reach(connector, name))

    assert [question.host for question in asker.questions] == ["gw1"]


async def test_a_host_behind_a_bastion_is_refused_by_its_own_reason(farm: SSHFarm) -> None:
    farm.add("gw1")
    farm.add_refused("down")
    farm.add_silent("hung")
    farm.config.write_text("Host down hung locked\n ProxyJump gw1\n" + farm.config.read_text())

    async with connecting(farm, timeout_s=0.5) as connector:
        down, hung = await refusal(connector, "down"), await refusal(connector, "hung")

    assert (down.reason, hung.reason) == ("refused", "no answer in 0.5 s")


async def test_a_bastion_that_forbids_forwarding_is_told(farm: SSHFarm) -> None:
    farm.add("gw1", options=["AllowTcpForwarding no"])
    farm.add("inner", jump="gw1")

    async with connecting(farm) as connector:
        error = await refusal(connector, "inner")

    assert error.reason == "the bastion does not allow forwarding"


async def test_a_bastion_that_died_is_connected_once_more_for_all(farm: SSHFarm) -> None:
    gateway = farm.add("gw1")
    names = behind(farm, farm.add("inner"), "gw1", 6)

    async with connecting(farm) as connector:
        connections = [await connector.connect(name) for name in names]
        gateway.kill_sessions()
        async with asyncio.timeout(10):
            for connection in connections:
                await connection.wait_closed()
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(reach(connector, name))

    assert gateway.connections() == 2


async def test_a_circle_of_jumps_is_a_reason(farm: SSHFarm) -> None:
    farm.add_entry("a", "192.0.2.1", 22, client_options=["ProxyJump b"])
    farm.add_entry("b", "192.0.2.2", 22, client_options=["ProxyJump a"])

    async with connecting(farm) as connector:
        error = await refusal(connector, "a")

    assert (error.reason, error.retry) == ("ProxyJump goes in a circle at a", False)


async def test_two_who_enter_a_circle_from_both_sides_do_not_wait_for_each_other(
    farm: SSHFarm,
) -> None:
    for name, jump in (("x", "a"), ("y", "b"), ("a", "b"), ("b", "a")):
        farm.add_entry(name, "192.0.2.1", 22, client_options=[f"ProxyJump {jump}"])

    async with connecting(farm) as connector, asyncio.timeout(10):
        errors = await asyncio.gather(refusal(connector, "x"), refusal(connector, "y"))

    assert all("circle" in error.reason for error in errors)


async def test_who_is_cancelled_while_connecting_the_bastion_hands_it_on(farm: SSHFarm) -> None:
    farm.add_slow("gw1", 0.2)
    names = behind(farm, farm.add("inner"), "gw1", 2)

    async with connecting(farm) as connector:
        first = asyncio.create_task(connector.connect(names[0]))
        second = asyncio.create_task(reach(connector, names[1]))
        await asyncio.sleep(0.1)
        first.cancel()
        await second


# --- Match exec ------------------------------------------------------------------------------


async def test_match_exec_is_run_for_a_connection_and_not_for_listing(farm: SSHFarm) -> None:
    host = farm.add("gpu01", known=False)
    ran = farm.root / "ran"
    block = f'Match host gpu01 exec "touch {ran}"\n HostKeyAlias only-when-connecting\n'
    farm.know("only-when-connecting", host.public_key)
    farm.config.write_text(block + farm.config.read_text())

    async with connecting(farm) as connector:
        assert [entry.alias for entry in connector.config.entries] == ["gpu01"]
        connector.config.resolve("gpu01")
        listed_without_running = not ran.exists()
        await reach(connector, "gpu01")

    assert listed_without_running
    assert ran.exists()


# --- limits ----------------------------------------------------------------------------------


async def test_200_connects_to_one_address_all_succeed(farm: SSHFarm) -> None:
    host = farm.add("gpu01", options=["MaxStartups 10:30:100"])
    names = [f"alias{number}" for number in range(200)]
    for name in names:
        farm.add_entry(name, host.address, host.port)
    said: list[bytes] = []

    async with connecting(farm) as connector:

        async def visit(name: str) -> None:
            connection = await connector.connect(name)
            if name == names[-1]:
                said.append(await output(connection, "echo here"))
            await connection.close()

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(visit(name))

    assert said == [b"here\n"]
    assert 200 <= host.connections() < 250  # sshd drops a few although no more than 8 start


async def test_a_busy_server_that_hangs_up_is_tried_again_without_a_word(farm: SSHFarm) -> None:
    host = farm.add("gpu01", known=False)
    dropped = 0

    def drops_the_first(connection: socket.socket, closing: threading.Event) -> None:
        nonlocal dropped
        if dropped < 2:
            dropped += 1
            connection.sendall(b"Exceeded MaxStartups\r\n")
            return
        evil.delays(0, (host.address, host.port))(connection, closing)

    with evil.tcp_peer(drops_the_first) as server:
        farm.add_entry("busy", server.address, server.port, public_key=host.public_key)
        async with connecting(farm) as connector:
            await reach(connector, "busy")

    assert dropped == 2


class Crowd:
    """Counts who is inside, in all and at each address."""

    def __init__(self) -> None:
        self.inside: dict[str, int] = {}
        self.most_at_one = self.most_in_all = 0

    async def visit(self, limiter: StartLimiter, address: str) -> None:
        async with limiter.starting(address):
            self.inside[address] = self.inside.get(address, 0) + 1
            self.most_at_one = max(self.most_at_one, self.inside[address])
            self.most_in_all = max(self.most_in_all, sum(self.inside.values()))
            await asyncio.sleep(0)
            self.inside[address] -= 1


async def test_no_more_start_at_once_than_allowed_at_an_address_and_in_all() -> None:
    limiter, crowd = StartLimiter(8, 64), Crowd()

    async with asyncio.TaskGroup() as group:
        for number in range(1000):
            group.create_task(crowd.visit(limiter, f"address{number % 20}"))
    async with asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(crowd.visit(limiter, "address"))

    assert (crowd.most_at_one, crowd.most_in_all) == (8, 64)


async def test_who_waits_at_a_busy_address_takes_no_place_of_others() -> None:
    limiter, crowd = StartLimiter(1, 2), Crowd()
    async with limiter.starting("busy"):
        waiting = [asyncio.create_task(crowd.visit(limiter, "busy")) for _ in range(5)]
        await asyncio.sleep(0)

        await crowd.visit(limiter, "free")

        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    await crowd.visit(limiter, "busy")


async def test_a_failure_inside_gives_the_place_back() -> None:
    limiter, crowd = StartLimiter(1, 1), Crowd()

    for _ in range(3):
        with pytest.raises(ConnectError):
            async with limiter.starting("address"):
                raise ConnectError("refused", kind="refused", retry=True)

    await crowd.visit(limiter, "address")
