"""Streams through connections: nothing lost or added, nobody waits for others, nothing leaks."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import os
import random
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.core.exposing import from_runtime, to_group, to_runtimes, until
from tests.engines import engine_on
from tests.services import free_port, say, service, shout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lazytui.core.engine import Engine
    from lazytui.core.exposure_model import Exposure
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd

MIB = 1 << 20
WAYS = ("to the manager", "to a host", "between hosts")


@asynccontextmanager
async def exposed(farm: SSHFarm, way: str, port: int) -> AsyncIterator[tuple[Engine, Exposure]]:
    """Expose a service one of the three ways; its clients are on this machine each time."""
    farm.add("gpu01")
    spec = from_runtime("gpu01", port, free_port())
    if way == "to a host":
        spec = to_runtimes(port, free_port(), "gpu01")
    elif way == "between hosts":
        farm.add("gpu02")
        spec = to_group("gpu01", port, free_port(), "gpu02")
    async with engine_on(farm) as engine:
        yield engine, await engine.exposures.add(spec)


@pytest.mark.parametrize("way", WAYS)
async def test_bytes_arrive_as_they_were_sent_in_both_directions_at_once(
    farm: SSHFarm, way: str
) -> None:
    data = random.Random(7).randbytes(8 * MIB)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()

    async with service(echo) as port, exposed(farm, way, port) as (_, exposure):
        reader, writer = await asyncio.open_connection("127.0.0.1", exposure.rows[0].port)

        async def send() -> None:
            writer.write(data)
            writer.write_eof()
            await writer.drain()

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(send())
            back = await reader.read()
        writer.close()

    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("way", WAYS)
async def test_either_side_may_say_that_it_has_said_all_and_still_listen(
    farm: SSHFarm, way: str
) -> None:
    heard = asyncio.get_running_loop().create_future()

    async def first_done(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"that is all")
        writer.write_eof()
        heard.set_result(await reader.read())

    async with service(first_done) as port, exposed(farm, way, port) as (engine, exposure):
        async with asyncio.timeout(30):
            reader, writer = await asyncio.open_connection("127.0.0.1", exposure.rows[0].port)
            said = await reader.read()
            writer.write(b"but I have more")
            await writer.drain()
            writer.write_eof()
            later = await heard
            writer.close()
        await until(engine, exposure.id, lambda each: each.connections == 0)

    assert (said, later) == (b"that is all", b"but I have more")


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_never_reads_holds_up_only_itself(farm: SSHFarm, way: str) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        if await reader.read(1) == b"f":
            while True:
                writer.write(bytes(65536))
                await writer.drain()
                sent += 65536
        writer.write(b"quick")
        await writer.drain()

    async with service(flood) as port, exposed(farm, way, port) as (engine, exposure):
        with socket.create_connection(("127.0.0.1", exposure.rows[0].port)) as lazy:
            lazy.send(b"f")
            before = -1
            while sent != before:  # until nothing moves any more
                before = sent
                await asyncio.sleep(0.3)
            answer = await say(exposure.rows[0].port, b"q")
            stuck = sent
        await until(engine, exposure.id, lambda each: each.connections == 0)

    assert answer == b"quick"
    assert stuck < 64 * MIB


async def test_a_service_that_never_reads_makes_its_client_wait(farm: SSHFarm) -> None:
    hung = asyncio.Event()

    async def deaf(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await hung.wait()

    async with service(deaf) as port, exposed(farm, "to the manager", port) as (engine, exposure):
        _, writer = await asyncio.open_connection("127.0.0.1", exposure.rows[0].port)
        writer.write(bytes(64 * MIB))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await writer.drain()
        arrived = engine.exposures.get(exposure.id).bytes_in
        writer.transport.abort()
        hung.set()
        await until(engine, exposure.id, lambda each: each.connections == 0)

    assert 0 < arrived < 32 * MIB


@pytest.mark.parametrize("way", WAYS)
async def test_a_thousand_clients_at_once_are_all_served_and_nothing_is_left(
    farm: SSHFarm, way: str
) -> None:
    async with service(shout) as port, exposed(farm, way, port) as (engine, exposure):
        await say(exposure.rows[0].port, b"warm")
        await until(engine, exposure.id, lambda each: each.connections == 0)
        gc.collect()
        files, tasks = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())
        clients = 1000 if way == "to the manager" else 200  # sshd opens one after another
        answers = await asyncio.gather(
            *(say(exposure.rows[0].port, str(k).encode()) for k in range(clients))
        )
        await until(engine, exposure.id, lambda each: each.connections == 0)
        async with asyncio.timeout(20):
            while len(os.listdir("/proc/self/fd")) > files or len(asyncio.all_tasks()) > tasks:
                await asyncio.sleep(0.02)
        connection = engine.runtime("gpu01").connection
        assert connection is not None
        channels = len(connection.asyncssh_connection._channels)

    assert answers == [f"{k}<end>".encode() for k in range(clients)]
    assert channels == 1  # the agent's


async def test_a_client_that_goes_away_while_the_service_talks_leaves_nothing(
    farm: SSHFarm,
) -> None:
    ended = asyncio.Event()

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while True:
                writer.write(bytes(65536))
                await writer.drain()
        ended.set()

    async with service(talk) as port, exposed(farm, "to the manager", port) as (engine, exposure):
        reader, writer = await asyncio.open_connection("127.0.0.1", exposure.rows[0].port)
        await reader.read(100_000)
        writer.transport.abort()
        async with asyncio.timeout(20):
            await ended.wait()
        await until(engine, exposure.id, lambda each: each.connections == 0)
