"""Exposures through faults: connections, hosts, links and engines that die, and come back."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lazytui.core import exposure_live
from lazytui.core.exposure_model import Direction, ExposureSpec, ExposureState, Service
from lazytui.core.model import HostState
from lazytui.errors import ExposureError
from lazytui.ssh import forward
from tests.core.exposing import (
    from_runtime,
    socks,
    to_group,
    to_runtimes,
    until,
    until_dropped,
    until_on,
)
from tests.engines import QUICK, engine_on, environment
from tests.services import free_port, say, service, shout, shouting_program

if TYPE_CHECKING:
    from lazytui.core.exposure_model import Exposure
    from tests.netns import NetnsLab
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd

# Notices a dead link in a second.
ALERT = replace(
    QUICK, connect=replace(QUICK.connect, keepalive_s=0.25, keepalive_count=2, timeout_s=1.0)
)


# --- connections -----------------------------------------------------------------------------


async def test_a_killed_connection_is_healed_on_the_same_ports(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        near = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        far = await engine.exposures.add(to_runtimes(port, free_port(), "gpu01"))
        host.kill_sessions()
        dropped = [await until_dropped(engine, each.id) for each in (near, far)]
        healed = [await until_on(engine, each.id) for each in (near, far)]
        answers = [await say(each.rows[0].port, b"back") for each in (near, far)]

    assert all("connection lost" in each.rows[0].dropped_why for each in dropped)
    assert [each.rows[0].port for each in healed] == [near.rows[0].port, far.rows[0].port]
    assert answers == [b"BACK<end>"] * 2


async def test_clients_wait_for_a_host_that_is_away_instead_of_being_refused(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        await asyncio.to_thread(host.stop)
        away = await until(
            engine,
            exposure.id,
            lambda each: each.state is ExposureState.RETRYING and "refused" in each.reason,
        )
        waiting = asyncio.create_task(say(exposure.rows[0].port, b"patience"))
        await until(engine, exposure.id, lambda each: each.connections == 1)
        await asyncio.to_thread(host.start)
        answer = await waiting

    assert away.rows[0].attempts >= 1
    assert away.rows[0].next_retry_s() is not None
    assert answer == b"PATIENCE<end>"


async def test_a_client_waits_only_so_long(farm: SSHFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    host = farm.add("gpu01")
    monkeypatch.setattr(exposure_live, "WAIT_S", 0.3)

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        await asyncio.to_thread(host.stop)
        await until_dropped(engine, exposure.id)
        with pytest.raises(ConnectionResetError):
            await say(exposure.rows[0].port, b"hello")


async def test_streams_are_reset_when_the_way_is_cut_so_that_no_part_is_taken_for_the_whole(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")
    host2 = farm.add("gpu02")

    async with engine_on(farm) as engine, service(shout) as port:
        specs = [
            from_runtime("gpu01", port, free_port()),
            to_runtimes(port, free_port(), "gpu01"),
            to_group("gpu01", port, free_port(), "gpu02"),
        ]
        exposures = [await engine.exposures.add(spec) for spec in specs]
        streams = []
        for exposure in exposures:
            reader, writer = await asyncio.open_connection("127.0.0.1", exposure.rows[0].port)
            writer.write(b"x")
            await reader.readexactly(1)
            streams.append((reader, writer))
        host.kill_sessions()
        with pytest.raises(ConnectionResetError):
            await streams[0][0].read()
        relayed = await streams[2][0].read()  # sshd of gpu02 closes it
        for exposure in exposures:
            await until(engine, exposure.id, lambda each: each.connections == 0)
        for _, writer in streams:
            writer.close()

    assert relayed == b""
    assert host2.connections() == 1


async def test_a_host_that_pauses_is_healed(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm, settings=ALERT) as engine, service(shout) as port:
        near = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        far = await engine.exposures.add(to_runtimes(port, free_port(), "gpu01"))
        host.pause()
        await until_dropped(engine, near.id)
        host.resume()
        for exposure in (near, far):
            await until_on(engine, exposure.id)
            assert await say(exposure.rows[0].port, b"x") == b"X<end>"


async def test_ports_that_the_sshd_of_a_lost_connection_keeps_are_taken_back(
    farm: SSHFarm, caplog: pytest.LogCaptureFixture
) -> None:
    host = farm.add("gpu01")
    caplog.set_level("INFO", "lazytui")

    async with engine_on(farm, settings=ALERT) as engine, service(shout) as port:
        exposure = await engine.exposures.add(to_runtimes(port, free_port(), "gpu01"))
        old = host.session_pids()
        for pid in old:  # it listens on, and will not hear that the connection is over
            os.kill(pid, signal.SIGSTOP)
        await until_dropped(engine, exposure.id)
        await until_on(engine, exposure.id)
        answer = await say(exposure.rows[0].port, b"mine")

    assert answer == b"MINE<end>"
    assert f"ended sshd {old[-1]} of a lost connection" in caplog.text


async def test_a_bastion_that_dies_is_healed(farm: SSHFarm) -> None:
    bastion = farm.add("bastion")
    farm.add("inner", jump="bastion")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(from_runtime("inner", port, free_port()))
        bastion.kill_sessions()
        await until_dropped(engine, exposure.id)
        await until_on(engine, exposure.id)
        answer = await say(exposure.rows[0].port, b"x")

    assert answer == b"X<end>"


async def test_a_host_key_that_changed_meanwhile_fails_and_clients_are_told_at_once(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        await asyncio.to_thread(host.rotate_host_key)
        failed = await until(engine, exposure.id, lambda each: each.state is ExposureState.FAILED)
        with pytest.raises(ConnectionResetError):
            await say(exposure.rows[0].port, b"x")

    assert "key" in failed.reason


# --- links -----------------------------------------------------------------------------------


@pytest.mark.netns
async def test_a_link_that_is_down_for_long_is_healed_on_the_same_ports(netns: NetnsLab) -> None:
    # As long to a keepalive that gives up after 0.75 s as a minute is to the usual one of 60 s.
    farm = netns._farm
    netns.add("gpu01")
    netns.add("gpu02")
    inside = netns.inside(1)
    inside2 = netns.inside(2)

    async with (
        engine_on(farm, settings=ALERT) as engine,
        shouting_program(7001, "db", prefix=inside),
        service(shout) as port,
    ):
        near = await engine.exposures.add(from_runtime("gpu01", 7001, free_port()))
        far = await engine.exposures.add(to_runtimes(port, 7002, "gpu01", "gpu02"))
        relay = await engine.exposures.add(to_group("gpu01", 7001, 7003, "gpu02"))
        netns.cut("gpu01")
        for exposure in (near, far, relay):
            await until_dropped(engine, exposure.id)
        rest = [row.state for row in engine.exposures.get(far.id).rows if row.host == "gpu02"]
        netns.heal("gpu01")
        # The sshd of the lost connection, which still listens, hears nothing of all that.
        for exposure in (near, far, relay):
            await until_on(engine, exposure.id)
        answers = [
            await say(near.rows[0].port, b"one"),
            await _say_inside(inside, 7002, "two"),
            await _say_inside(inside2, 7003, "three"),
        ]

    assert rest == [ExposureState.ON]
    assert answers == [b"db\nONE<end>", b"TWO<end>", b"db\nTHREE<end>"]


@pytest.mark.netns
async def test_a_link_that_is_down_for_five_seconds_breaks_nothing(netns: NetnsLab) -> None:
    farm = netns._farm
    netns.add("gpu01")
    inside = netns.inside(1)

    async with engine_on(farm) as engine, shouting_program(7001, "db", prefix=inside):
        exposure = await engine.exposures.add(from_runtime("gpu01", 7001, free_port()))
        reader, writer = await asyncio.open_connection("127.0.0.1", exposure.rows[0].port)
        await reader.readline()
        netns.cut("gpu01")
        writer.write(b"still here")
        await asyncio.sleep(5)
        netns.heal("gpu01")
        answer = await reader.readexactly(10)
        writer.close()
        dropped = engine.exposures.get(exposure.id).rows[0].dropped_at

    assert (answer, dropped) == (b"STILL HERE", None)


# --- ports that are taken --------------------------------------------------------------------


async def test_a_port_that_was_taken_on_a_host_meanwhile_is_named_and_had_again_when_free(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(to_runtimes(port, free_port(), "gpu01"))
        wanted = exposure.rows[0].port
        await asyncio.to_thread(host.stop)
        async with shouting_program(wanted):
            await asyncio.to_thread(host.start)
            taken = await until(
                engine, exposure.id, lambda each: f"port {wanted} is in use" in each.reason
            )
        await until_on(engine, exposure.id)
        answer = await say(wanted, b"mine")

    assert (taken.state, "pid" in taken.reason) == (ExposureState.RETRYING, True)
    assert answer == b"MINE<end>"


async def test_a_port_taken_on_the_manager_at_the_next_start_is_waited_for(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with service(shout) as port:
        async with engine_on(farm) as engine:
            exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        wanted = exposure.rows[0].port
        async with engine_on(farm) as engine:
            async with shouting_program(wanted):
                await engine.exposures.restore()
                taken = await until(
                    engine, exposure.id, lambda each: f"port {wanted} is in use" in each.reason
                )
            await until_on(engine, exposure.id)
            answer = await say(wanted, b"mine")

    assert taken.state is ExposureState.RETRYING
    assert answer == b"MINE<end>"


@pytest.mark.netns
async def test_a_port_below_1024_says_what_is_wrong_with_it(netns: NetnsLab) -> None:
    farm = netns._farm
    # Root without the right to it, in a namespace where nothing has lowered the limit.
    without_right = ["setpriv", "--bounding-set", "-net_bind_service"]
    netns.add("gpu01", prefix=without_right)

    async with engine_on(farm) as engine:
        with pytest.raises(ExposureError, match="port 81 is below 1024, which only root") as there:
            await engine.exposures.add(to_runtimes(8080, 81, "gpu01"))
    on_manager = await asyncio.create_subprocess_exec(
        *netns.inside(1),
        *without_right,
        *(sys.executable, "-m", "lazytui", "expose", "80", "--from", "gpu01", "--foreground"),
        env=environment(farm),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await on_manager.communicate()

    assert there.value.host == "gpu01"
    assert on_manager.returncode == 1
    assert b"port 80 is below 1024, which only root may use: choose a higher one" in said


# --- targets ---------------------------------------------------------------------------------


async def test_a_target_that_does_not_answer_is_refused_after_a_while(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.add("gpu01")
    monkeypatch.setattr(forward, "DIAL_S", 0.3)

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        port = silent.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # its queue is full now
            async with engine_on(farm) as engine:
                near = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
                far = await engine.exposures.add(to_runtimes(port, free_port(), "gpu01"))
                for exposure in (near, far):
                    try:
                        await say(exposure.rows[0].port, b"x")
                    except ConnectionResetError:
                        pass  # as a client on the manager is told
                    shown = await until(
                        engine, exposure.id, lambda each: each.state is ExposureState.REFUSED
                    )
                    assert "does not answer" in shown.reason


# --- groups ----------------------------------------------------------------------------------


async def test_an_exposure_of_a_group_follows_its_members(farm: SSHFarm) -> None:
    farm.add("gpu01")
    farm.add("gpu02", address="127.0.0.1")
    lost = farm.add("gpu03")

    async with engine_on(farm) as engine, service(shout) as port:
        await engine.add_group("train", ["gpu01"], "gpu01")
        spec = ExposureSpec(
            Direction.TO_RUNTIMES, (Service(port, free_port()),), group="train", auto=False
        )
        exposure = await engine.exposures.add(spec)
        before = exposure.hosts
        await engine.add_group("train", ["gpu03"], "gpu03")
        moved = await until(
            engine,
            exposure.id,
            lambda each: each.hosts == ("gpu03",) and each.state is ExposureState.ON,
        )
        answer = await say(moved.rows[0].port, b"x")
        lost.kill_sessions()
        await until_dropped(engine, exposure.id)
        await until_on(engine, exposure.id)

    assert before == ("gpu01",)
    assert answer == b"X<end>"


@pytest.mark.netns
async def test_members_that_join_leave_and_are_lost_concern_nobody_else(netns: NetnsLab) -> None:
    farm = netns._farm
    hosts = {name: netns.add(name) for name in ("gpu01", "gpu02", "gpu03")}

    def states(exposure: Exposure) -> dict[str, ExposureState]:
        return {row.host: row.state for row in exposure.rows}

    async with engine_on(farm) as engine, service(shout) as port:
        await engine.add_group("train", ["gpu01", "gpu02"], "gpu[01-02]")
        spec = ExposureSpec(Direction.TO_RUNTIMES, (Service(port, 7005),), group="train")
        exposure = await engine.exposures.add(spec)
        await engine.add_group("train", ["gpu02", "gpu03"], "gpu[02-03]")
        await until(
            engine,
            exposure.id,
            lambda each: states(each) == dict.fromkeys(("gpu02", "gpu03"), ExposureState.ON),
        )
        answers = [await _say_inside(netns.inside(k), 7005, "x") for k in (1, 2, 3)]
        await asyncio.to_thread(hosts["gpu03"].stop)
        lost = await until(
            engine, exposure.id, lambda each: states(each)["gpu03"] is ExposureState.RETRYING
        )
        answer = await _say_inside(netns.inside(2), 7005, "y")

    assert answers == [b"", b"X<end>", b"X<end>"]  # who has left listens no more
    assert states(lost)["gpu02"] is ExposureState.ON
    assert answer == b"Y<end>"


# --- the engine ------------------------------------------------------------------------------

_HOLD = """
import asyncio, sys
from lazytui.core.engine import Engine
from lazytui.core.exposure_model import Direction, ExposureSpec, Service
from lazytui.core.paths import Paths
from lazytui.core.settings import Settings
from lazytui.ssh.config import SSHConfig

async def main(service, near, far):
    paths = Paths.of_user()
    paths.create()
    async with Engine(SSHConfig.load(), Settings(), paths) as engine:
        await engine.exposures.add(
            ExposureSpec(Direction.FROM_RUNTIME, (Service(service, near),), source="gpu01"))
        await engine.exposures.add(
            ExposureSpec(Direction.TO_RUNTIMES, (Service(service, far),), targets=("gpu01",)))
        print("on", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(*map(int, sys.argv[1:])))
"""


async def test_an_engine_that_was_killed_has_the_same_ports_again_at_the_next_start(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")
    near, far = free_port(), free_port()

    async with service(shout) as port:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _HOLD,
            *map(str, (port, near, far)),
            env=environment(farm),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"on\n"
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        async with engine_on(farm) as engine:
            await engine.exposures.restore()
            for exposure in engine.exposures.all():
                await until_on(engine, exposure.id)
            answers = [await say(each, b"alive") for each in (near, far)]

    assert answers == [b"ALIVE<end>"] * 2


async def test_a_proxy_is_healed(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine:
        exposure = await engine.exposures.add(socks("gpu01", free_port()))
        host.kill_sessions()
        await until_dropped(engine, exposure.id)
        await until_on(engine, exposure.id)

        assert (await engine.exposures.test(exposure.id))[0].ok


async def test_a_host_that_nothing_else_needs_stays_connected_for_its_exposures(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        needed = engine.runtime("gpu01").exposures
        await asyncio.to_thread(host.restart)
        await until_dropped(engine, exposure.id)
        await until_on(engine, exposure.id)
        await engine.exposures.remove(exposure.id)

        assert (needed, engine.runtime("gpu01").exposures) == (1, 0)
        assert engine.runtime("gpu01").state is HostState.ACTIVE


async def _say_inside(prefix: list[str], port: int, text: str) -> bytes:
    """Be a client inside a network namespace."""
    script = (
        "import socket, sys\n"
        f"with socket.create_connection(('127.0.0.1', {port})) as sock:\n"
        f"    sock.sendall({text!r}.encode())\n"
        "    sock.shutdown(socket.SHUT_WR)\n"
        "    sys.stdout.buffer.write(b''.join(iter(lambda: sock.recv(65536), b'')))\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(*prefix, sys.executable, "-c", script),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # a refusal, which is seen by what is not said
    )
    said, _ = await process.communicate()
    return said
