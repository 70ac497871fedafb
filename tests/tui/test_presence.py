"""How the header tells who else is there, and the end of an engine that others look at, too."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from lazytui.core.model import RunState
from lazytui.core.presence import Attached
from lazytui.tui.app import LazytuiApp
from lazytui.tui.context import Residence
from tests.tui.fake_engine import STOPPED_CLOCK, lab
from tests.tui.seen import settle

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = [(80, 24), (130, 34)]


@pytest.fixture
def crowded() -> Iterator[LazytuiApp]:
    """The app of one terminal of three, on an engine that has something to do."""
    engine = lab()
    engine.add_run("gpu01", "python train.py", ago=60)
    engine.add_run("gpu02", "make bench", state=RunState.QUEUED)
    engine.needs.hold("tunnel 8888 to gpu01")
    mine, *others = (Attached("here"), Attached("there"), Attached("192.0.2.7"))
    with ExitStack() as stack:
        for terminal in (mine, *others):
            stack.enter_context(engine.presence.attach(terminal))
        residence = Residence(mine, lambda: None)
        yield LazytuiApp(engine, clock=STOPPED_CLOCK, residence=residence)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "130x34"])
def test_others_who_are_there_look_as_before(crowded, size, snap_compare):
    async def go(pilot) -> None:
        await settle(pilot, "+2 here")

    assert snap_compare(crowded, terminal_size=size, run_before=go)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "130x34"])
def test_stopping_the_engine_looks_as_before(crowded, size, snap_compare):
    async def go(pilot) -> None:
        await pilot.pause()
        await pilot.press("colon", *"stop the eng")
        await settle(pilot, "Stop the engine")
        await pilot.press("enter")
        await settle(pilot, "yes, stop it")

    assert snap_compare(crowded, terminal_size=size, run_before=go)
