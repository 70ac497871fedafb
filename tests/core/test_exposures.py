"""Exposures on real sshd: every direction, all or nothing, and the truth about what is up."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lazytui.core.exposure_model import Direction, ExposureSpec, ExposureState, Service
from lazytui.errors import ExposureError, NoPortsLeftError, PortInUseError, UsageError
from tests.core.exposing import from_runtime, socks, to_group, to_runtimes, until
from tests.engines import engine_on, environment
from tests.services import free_port, say, service, shout

if TYPE_CHECKING:
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


# --- directions ------------------------------------------------------------------------------


async def test_a_port_of_a_host_is_reachable_on_the_manager(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        answer = await say(exposure.rows[0].port, b"hello")

    assert (exposure.state, exposure.rows[0].address) == (ExposureState.ON, "127.0.0.1")
    assert answer == b"HELLO<end>"


async def test_a_port_of_the_manager_is_reachable_on_hosts(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(to_runtimes(port, free_port(), "gpu01"))
        answer = await say(exposure.rows[0].port, b"hello")

    assert [(row.host, row.address) for row in exposure.rows] == [("gpu01", "127.0.0.1")]
    assert answer == b"HELLO<end>"


async def test_a_relay_between_two_aliases_of_one_machine_never_leads_to_itself(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")
    farm.config.write_text(farm.config.read_text().replace("Host gpu01", "Host gpu01 twin"))
    port, other = free_port(), free_port()

    async with engine_on(farm) as engine:
        with pytest.raises(PortInUseError, match="twin is the machine of gpu01"):
            await engine.exposures.add(to_group("gpu01", port, port, "twin"))
        assert engine.exposures.all() == []
        exposure = await engine.exposures.add(to_group("gpu01", port, port, "twin"), [port, other])

    assert exposure.rows[0].port == other


async def test_a_port_of_a_host_is_reachable_on_others_with_no_port_taken_on_the_manager(
    farm: SSHFarm,
) -> None:
    farm.add("db01")
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(to_group("db01", port, free_port(), "gpu01"))
        answer = await say(exposure.rows[0].port, b"hello")
        ours = [
            row
            for row in await engine.exposures.suggestions("db01")
            if row.pid == os.getpid() and row.port != port
        ]

    assert answer == b"HELLO<end>"
    assert ours == []


async def test_several_services_are_one_exposure(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as one, service(shout) as two:
        services = (Service(one, free_port()), Service(two, free_port()))
        spec = ExposureSpec(Direction.FROM_RUNTIME, services, source="gpu01")
        exposure = await engine.exposures.add(spec)
        answers = [await say(row.port, b"x") for row in exposure.rows]

    assert answers == [b"X<end>", b"X<end>"]


async def test_a_proxy_reaches_what_its_host_reaches_by_name(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(socks("gpu01", free_port()))
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", exposure.rows[0].port)
            writer.write(b"\x05\x01\x00")
            method = await reader.readexactly(2)
            name = b"localhost"
            target = bytes([len(name)]) + name + port.to_bytes(2, "big")
            writer.write(b"\x05\x01\x00\x03" + target + b"hello")
            writer.write_eof()
            answer = await reader.readexactly(10)
            data = await reader.read()
            writer.close()

    assert (method, answer[:2], data) == (b"\x05\x00", b"\x05\x00", b"HELLO<end>")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (b"\x05\x01\x02", b"\x05\xff"),  # only a password would do
        (b"\x05\x01\x00\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50", b"\x05\x00\x05\x07"),  # BIND
        (b"\x05\x01\x00\x05\x01\x00\x09", b"\x05\x00\x05\x08"),  # no such kind of address
        (b"GET / HTTP/1.1\r\n\r\n", b""),
    ],
)
async def test_a_proxy_answers_what_it_does_not_do_in_its_protocol(
    farm: SSHFarm, words: bytes, answer: bytes
) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        exposure = await engine.exposures.add(socks("gpu01", free_port()))
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", exposure.rows[0].port)
            writer.write(words)
            try:
                said = await reader.read()
            except ConnectionResetError:
                said = b""
            writer.close()

    assert said[: len(answer)] == answer


# --- which port ------------------------------------------------------------------------------


async def test_the_first_port_that_is_free_everywhere_is_chosen(farm: SSHFarm) -> None:
    farm.add("gpu01")
    farm.add("gpu02")

    async with engine_on(farm) as engine, service(shout) as port, service(shout) as taken:
        free = free_port()
        exposure = await engine.exposures.add(
            to_group("gpu01", port, taken, "gpu02"), [taken, free]
        )

    assert [row.port for row in exposure.rows] == [free]
    assert [row.host for row in exposure.rows] == ["gpu02"]


async def test_no_port_left_is_an_error(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        with pytest.raises(NoPortsLeftError, match=str(port)):
            await engine.exposures.add(to_runtimes(port, port, "gpu01"), [port])
        with pytest.raises(NoPortsLeftError):
            await engine.exposures.add(from_runtime("gpu01", port, port), [])


async def test_a_port_taken_on_the_manager_names_who_has_it(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        with pytest.raises(PortInUseError, match="lazytui itself") as caught:
            await engine.exposures.add(from_runtime("gpu01", port, port))

    assert (caught.value.port, caught.value.runtime) == (port, None)


async def test_a_port_taken_on_a_host_names_host_and_program_and_is_undone_elsewhere(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")
    farm.add("gpu02")  # the same machine: of two listeners on one port, one fails

    async with engine_on(farm) as engine, service(shout) as port:
        wanted = free_port()
        with pytest.raises(PortInUseError) as caught:
            await engine.exposures.add(to_runtimes(port, wanted, "gpu01", "gpu02"))
        everything = engine.exposures.all()
        free = is_free(wanted)
        with pytest.raises(PortInUseError, match=rf"on gpu01 \(.*pid {os.getpid()}\)"):
            await engine.exposures.add(to_runtimes(port, port, "gpu01"))

    assert caught.value.runtime in ("gpu01", "gpu02")
    assert (everything, free) == ([], True)


async def test_a_port_of_another_exposure_is_named_so(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        first = await engine.exposures.add(to_runtimes(port, free_port(), "gpu01"))
        with pytest.raises(PortInUseError, match=f"exposure {first.id}"):
            await engine.exposures.add(to_runtimes(port, first.rows[0].port, "gpu01"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"services": ()}, "1 to"),
        ({"services": (Service(1, 0),)}, "from 1 to 65535"),
        ({"services": (Service(70000, 1),)}, "from 1 to 65535"),
        ({"services": (Service(1, 5000), Service(2, 5000))}, "twice"),
        ({"source": "nobody"}, "no host of the ssh config"),
        ({"source": ""}, "which host has the service"),
        ({"targets": ("gpu01",)}, "no other host listens"),
        ({"bind": "example.org"}, "no address"),
        ({"bind": "0.0.0.0"}, "confirm"),
        ({"direction": Direction.TO_GROUP}, "on which hosts"),
        ({"direction": Direction.TO_GROUP, "group": "train"}, "no group @train"),
        ({"direction": Direction.TO_GROUP, "targets": ("gpu01",)}, "no host is left"),
        ({"direction": Direction.TO_RUNTIMES}, "no host has the service"),
    ],
)
async def test_what_cannot_be_meant_is_refused_before_anything_is_done(
    farm: SSHFarm, change: dict[str, object], words: str
) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        spec = replace(from_runtime("gpu01", 80, 8080), **change)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=words):
            await engine.exposures.add(spec)

    assert farm.hosts["gpu01"].connections() == 0


async def test_a_host_that_is_the_manager_has_no_port_that_leads_to_itself(
    farm: SSHFarm,
) -> None:
    farm.add("here01")
    port = free_port()

    async with engine_on(farm) as engine:
        for spec in (from_runtime("here01", port, port), to_runtimes(port, port, "here01")):
            with pytest.raises(ExposureError, match="here01 is this machine") as error:
                await engine.exposures.add(spec)
            assert (error.value.retry, is_free(port)) == (False, True)
        assert engine.exposures.all() == []


async def test_a_host_that_is_down_is_told_and_nothing_is_left(farm: SSHFarm) -> None:
    farm.add("gpu01")
    farm.add_refused("down")

    async with engine_on(farm) as engine, service(shout) as port:
        wanted = free_port()
        with pytest.raises(ExposureError, match="down: refused") as caught:
            await engine.exposures.add(to_runtimes(port, wanted, "gpu01", "down"))
        everything = engine.exposures.all()

        assert is_free(wanted)
    assert (caught.value.unreached, everything) == (True, [])


# --- the truth -------------------------------------------------------------------------------


async def test_public_where_sshd_allows_loopback_only_is_an_error_that_says_so(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        wanted = free_port()
        spec = to_runtimes(port, wanted, "gpu01", bind="0.0.0.0", public=True)
        with pytest.raises(ExposureError, match="GatewayPorts"):
            await engine.exposures.add(spec)

        assert is_free(wanted)


async def test_public_where_sshd_allows_it_tells_the_address_that_was_bound(farm: SSHFarm) -> None:
    farm.add("gpu01", options=["GatewayPorts clientspecified"])

    async with engine_on(farm) as engine, service(shout) as port:
        spec = to_runtimes(port, free_port(), "gpu01", bind="0.0.0.0", public=True)
        exposure = await engine.exposures.add(spec)

    assert exposure.rows[0].address == "0.0.0.0"


async def test_a_port_taken_on_ipv4_only_is_not_half_bound(farm: SSHFarm) -> None:
    farm.add("gpu01", options=["GatewayPorts clientspecified"])

    async with engine_on(farm) as engine, service(shout) as port:
        with socket.create_server(("0.0.0.0", 0)) as other:
            taken = other.getsockname()[1]
            for spec in (
                to_runtimes(port, taken, "gpu01"),
                to_runtimes(port, taken, "gpu01", bind="0.0.0.0", public=True),
            ):
                with pytest.raises(PortInUseError):
                    await engine.exposures.add(spec)
        with socket.socket(socket.AF_INET6) as probe:
            half = probe.connect_ex(("::1", taken))

    assert half != 0


async def test_sshd_that_forbids_forwarding_is_said_to(farm: SSHFarm) -> None:
    farm.add("gpu01", options=["AllowTcpForwarding no"])

    async with engine_on(farm) as engine, service(shout) as port:
        with pytest.raises(ExposureError, match="AllowTcpForwarding"):
            await engine.exposures.add(to_runtimes(port, free_port(), "gpu01"))
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        with pytest.raises(ConnectionResetError):
            await say(exposure.rows[0].port, b"x")
        shown = await until(engine, exposure.id, lambda each: each.state is ExposureState.REFUSED)

    assert "AllowTcpForwarding" in shown.reason


async def test_up_but_refused_is_a_state_of_its_own_until_a_client_is_taken(farm: SSHFarm) -> None:
    farm.add("gpu01")
    port = free_port()

    async with engine_on(farm) as engine:
        near = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        far = await engine.exposures.add(to_runtimes(port, free_port(), "gpu01"))
        states = []
        for exposure in (near, far):
            try:
                await say(exposure.rows[0].port, b"x")
            except ConnectionResetError:
                states.append("reset")
            shown = await until(
                engine, exposure.id, lambda each: each.state is ExposureState.REFUSED
            )
            states.append(shown.reason)
        async with service(shout, port):
            for exposure in (near, far):
                await say(exposure.rows[0].port, b"x")
                await until(engine, exposure.id, lambda each: each.state is ExposureState.ON)

    assert "reset" in states
    assert f"nothing listens on 127.0.0.1:{port} of gpu01" in states
    assert f"nothing listens on 127.0.0.1:{port} of the manager" in states


async def test_the_end_to_end_test_tells_what_a_client_would_meet(farm: SSHFarm) -> None:
    farm.add("gpu01")
    farm.add("gpu02")
    dead = free_port()

    async with engine_on(farm) as engine, service(shout) as port:
        specs = [
            from_runtime("gpu01", port, free_port()),
            to_runtimes(port, free_port(), "gpu01"),
            to_group("gpu01", port, free_port(), "gpu02"),
            socks("gpu01", free_port()),
            from_runtime("gpu01", dead, free_port()),
            to_runtimes(dead, free_port(), "gpu01"),
        ]
        exposures = [await engine.exposures.add(spec) for spec in specs]
        results = [(await engine.exposures.test(each.id))[0] for each in exposures]

    assert [result.ok for result in results] == [True, True, True, True, False, False]
    assert all(result.ms is not None for result in results[:4])
    assert all("nothing listens" in result.reason for result in results[4:])


async def test_traffic_and_connections_are_counted_both_ways(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        reader, writer = await asyncio.open_connection("127.0.0.1", exposure.rows[0].port)
        writer.write(b"x" * 1000)
        await reader.readexactly(1000)
        open_now = await until(engine, exposure.id, lambda each: each.bytes_out >= 1000)
        writer.close()
        closed = await until(engine, exposure.id, lambda each: each.connections == 0)

    assert (open_now.connections, open_now.bytes_in) == (1, 1000)
    assert (closed.rows[0].total, closed.bytes_out) == (1, 1005)


async def test_ports_that_listen_on_a_host_are_suggested_until_they_are_exposed(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        before = await engine.exposures.suggestions("gpu01")
        await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        after = await engine.exposures.suggestions("gpu01")

    (found,) = [each for each in before if each.port == port]
    assert (found.address, found.pid) == ("127.0.0.1", os.getpid())
    assert found.program
    assert port not in {each.port for each in after}
    assert farm.port not in {each.port for each in before}


# --- kept ------------------------------------------------------------------------------------


async def test_an_exposure_that_is_removed_frees_its_ports_and_is_forgotten(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        near = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        far = await engine.exposures.add(to_runtimes(port, free_port(), "gpu01"))
        held = len(engine.needed())
        for exposure in (near, far):
            await engine.exposures.remove(exposure.id)

        assert await engine.exposures.load() == []
        assert all(is_free(each.rows[0].port) for each in (near, far))
        assert (held, engine.needed()) == (2, [])
        with pytest.raises(UsageError, match="no exposure"):
            await engine.exposures.remove(near.id)


async def test_an_exposure_that_is_stopped_can_be_started_again(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        await engine.exposures.stop(exposure.id)
        off = engine.exposures.get(exposure.id)
        free = is_free(exposure.rows[0].port)
        on = await engine.exposures.start(exposure.id)
        answer = await say(on.rows[0].port, b"again")

    assert (off.state, free) == (ExposureState.OFF, True)
    assert (on.state, answer) == (ExposureState.ON, b"AGAIN<end>")


async def test_what_shall_be_up_is_up_again_after_the_next_start(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with service(shout) as port:
        async with engine_on(farm) as engine:
            kept = await engine.exposures.add(from_runtime("gpu01", port, free_port(), name="web"))
            other = await engine.exposures.add(to_runtimes(port, free_port(), "gpu01"))
            await engine.exposures.set_auto(other.id, False)
        async with engine_on(farm) as engine:
            await engine.exposures.restore()
            await until(engine, kept.id, lambda each: each.state is ExposureState.ON)
            answer = await say(kept.rows[0].port, b"back")
            states = {each.id: each.state for each in engine.exposures.all()}
            found = engine.exposures.find("web")

    assert answer == b"BACK<end>"
    assert states == {kept.id: ExposureState.ON, other.id: ExposureState.OFF}
    assert (found.id, found.spec) == (kept.id, kept.spec)


async def test_an_exposure_of_a_living_engine_is_shown_by_another_but_not_taken(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        script = (
            "import asyncio, sys\n"
            "from lazytui.core.engine import Engine\n"
            "from lazytui.core.paths import Paths\n"
            "from lazytui.core.settings import Settings\n"
            "from lazytui.ssh.config import SSHConfig\n"
            "async def main():\n"
            "    async with Engine(SSHConfig.load(), Settings(), Paths.of_user()) as engine:\n"
            "        await engine.exposures.restore()\n"
            "        print(*((each.state, bool(each.holder), each.rows)"
            " for each in engine.exposures.all()))\n"
            "asyncio.run(main())\n"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            script,
            env=environment(farm),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        answer = await say(exposure.rows[0].port, b"mine")

    assert said.decode().strip() == f"({ExposureState.ON!r}, True, ())"
    assert answer == b"MINE<end>"
