"""The fast lane for the data of channels: the same bytes, whatever else goes on meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import TYPE_CHECKING

import pytest

from lazytui.ssh import fast_lane
from tests.core.exposing import from_runtime, until_dropped, until_on
from tests.engines import engine_on
from tests.services import free_port, say, service, shout

if TYPE_CHECKING:
    import asyncssh

    from lazytui.core.engine import Engine
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd

MIB = 1 << 20


def below(engine: Engine, host: str) -> asyncssh.SSHClientConnection:
    connection = engine.runtime(host).connection
    assert connection is not None
    return connection.asyncssh_connection


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()


async def sent_and_back(port: int, data: bytes) -> bytes:
    """Send data in pieces of any size, and give what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sizes = random.Random(3)

    async def send() -> None:
        at = 0
        while at < len(data):
            size = sizes.choice((1, 100, 5000, 40_000, 300_000))
            writer.write(data[at : at + size])
            await writer.drain()
            at += size
        writer.write_eof()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(send())
        back = await reader.read()
    writer.close()
    return back


async def test_this_asyncssh_has_all_that_the_lane_reaches_into(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        await engine.detect()
        connection = below(engine, "gpu01")
        (channel,) = connection._channels.values()

        assert "data_received" in vars(connection)
        assert [n for n in fast_lane.OF_CONNECTION if not hasattr(connection, n)] == []
        assert [n for n in fast_lane.OF_CHANNEL if not hasattr(channel, n)] == []


async def test_no_byte_is_lost_while_both_sides_keep_changing_the_keys(farm: SSHFarm) -> None:
    farm.add("gpu01", options=["RekeyLimit 700K"])
    data = random.Random(5).randbytes(6 * MIB)

    async with engine_on(farm) as engine, service(echo) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        connection = below(engine, "gpu01")
        connection._rekey_bytes = 500_000
        first_key = connection._send_encryption
        back = await sent_and_back(exposure.rows[0].port, data)

        assert connection._send_encryption is not first_key
        assert "data_received" in vars(connection)
    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("cipher", ["chacha20-poly1305@openssh.com", "aes256-ctr", "aes128-cbc"])
async def test_other_ciphers_go_the_usual_way(farm: SSHFarm, cipher: str) -> None:
    farm.add("gpu01", options=[f"Ciphers {cipher}"], client_options=[f"Ciphers {cipher}"])
    data = random.Random(6).randbytes(MIB)

    async with engine_on(farm) as engine, service(echo) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        back = await sent_and_back(exposure.rows[0].port, data)

        assert "data_received" not in vars(below(engine, "gpu01"))
    assert back == data


async def test_a_packet_that_was_tampered_with_ends_the_connection(
    farm: SSHFarm, caplog: pytest.LogCaptureFixture
) -> None:
    farm.add("gpu01")
    caplog.set_level("DEBUG", "asyncssh")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        connection = below(engine, "gpu01")
        connection.data_received((32).to_bytes(4, "big") + bytes(32 + fast_lane.MAC))
        broken = await until_dropped(engine, exposure.id)
        await until_on(engine, exposure.id)
        answer = await say(exposure.rows[0].port, b"again")

    assert connection.is_closed()
    assert "connection lost" in broken.rows[0].dropped_why
    assert answer == b"AGAIN<end>"


async def test_input_may_be_cut_anywhere(farm: SSHFarm) -> None:
    farm.add("gpu01")
    data = random.Random(8).randbytes(300_000)

    async with engine_on(farm) as engine, service(echo) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        connection = below(engine, "gpu01")
        take, cuts = connection.data_received, random.Random(9)

        def in_pieces(got: bytes, datatype: object = None) -> None:
            at = 0
            while at < len(got):
                size = cuts.choice((1, 3, 4, 20, 1000, 33_000))
                take(got[at : at + size])
                at += size

        connection.data_received = in_pieces  # type: ignore[method-assign]
        back = await sent_and_back(exposure.rows[0].port, data)

    assert back == data
