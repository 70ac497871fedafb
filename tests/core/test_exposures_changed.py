"""Exposures that get another definition, or are tried again: nothing is lost when that fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui.core.exposure_model import ExposureState
from lazytui.errors import PortInUseError
from tests.core.exposing import from_runtime, until, until_on
from tests.engines import engine_on
from tests.services import free_port, say, service, shout, shouting_program

if TYPE_CHECKING:
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd


async def test_an_exposure_that_is_changed_keeps_its_number_and_has_its_new_way(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")
    wanted = free_port()

    async with engine_on(farm) as engine, service(shout) as port:
        old = await engine.exposures.add(from_runtime("gpu01", port, free_port(), name="old"))
        changed = await engine.exposures.change(
            old.id, from_runtime("gpu01", port, wanted, name="new", auto=False)
        )
        answer = await say(wanted, b"x")
        with pytest.raises(ConnectionRefusedError):
            await say(old.rows[0].port, b"x")
        (kept,) = await engine.exposures.load()

    assert (changed.id, changed.state) == (old.id, ExposureState.ON)
    assert (kept.spec.name, kept.spec.auto, kept.spec.services[0].port) == ("new", False, wanted)
    assert answer == b"X<end>"


async def test_a_change_that_cannot_be_made_leaves_all_as_it_was(farm: SSHFarm) -> None:
    farm.add("gpu01")
    taken = free_port()

    async with engine_on(farm) as engine, service(shout) as port, shouting_program(taken):
        old = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        with pytest.raises(PortInUseError):
            await engine.exposures.change(old.id, from_runtime("gpu01", port, taken))
        await until_on(engine, old.id)
        answer = await say(old.rows[0].port, b"x")
        (kept,) = await engine.exposures.load()

    assert kept.spec == old.spec
    assert answer == b"X<end>"


async def test_a_new_name_alone_cuts_no_stream(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        old = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        reader, writer = await asyncio.open_connection("127.0.0.1", old.rows[0].port)
        writer.write(b"a")
        await reader.readexactly(1)
        renamed = await engine.exposures.change(old.id, replace(old.spec, name="jupyter"))
        writer.write(b"b")
        still = await reader.readexactly(1)
        writer.close()

    assert (still, renamed.spec.name) == (b"B", "jupyter")


async def test_an_exposure_that_is_off_is_changed_and_stays_off(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        old = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        await engine.exposures.stop(old.id)
        wanted = free_port()
        changed = await engine.exposures.change(old.id, from_runtime("gpu01", port, wanted))
        off = changed.state
        await engine.exposures.start(old.id)
        answer = await say(wanted, b"x")

    assert (off, answer) == (ExposureState.OFF, b"X<end>")


async def test_an_exposure_that_is_tried_again_from_the_beginning_is_on_again(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine, service(shout) as port:
        exposure = await engine.exposures.add(from_runtime("gpu01", port, free_port()))
        await asyncio.to_thread(host.rotate_host_key)
        await until(engine, exposure.id, lambda each: each.state is ExposureState.FAILED)
        farm.know(f"[{host.address}]:{host.port}", Path(f"{host.host_key}.pub").read_text())
        await engine.exposures.restart(exposure.id)
        healed = await until_on(engine, exposure.id)
        answer = await say(exposure.rows[0].port, b"x")

    assert healed.rows[0].on_since is not None
    assert answer == b"X<end>"
