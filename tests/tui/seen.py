"""Starts the app in memory and tells what is to be seen."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lazytui.tui.app import LazytuiApp
from tests.tui.fake_engine import STOPPED_CLOCK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from textual.app import App
    from textual.pilot import Pilot

    from tests.tui.fake_engine import FakeEngine


@asynccontextmanager
async def shown(engine: FakeEngine, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    """Show an engine on a terminal of ``size`` columns and rows; the clock stands still."""
    async with LazytuiApp(engine, clock=STOPPED_CLOCK).run_test(
        size=size, notifications=True
    ) as pilot:
        await pilot.pause()
        yield pilot


def rows(app: App[None]) -> list[str]:
    """Give the rows of the screen on top, as text."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def text(app: App[None]) -> str:
    """Give all of the screen on top, as text."""
    return "\n".join(rows(app))


def row_of(app: App[None], name: str) -> str:
    """Give the first row that has ``name`` in it."""
    return next(row for row in rows(app) if name in row)


async def settle(pilot: Pilot[None], until: str) -> None:
    """Wait until ``until`` is to be seen."""
    for _ in range(500):
        if until in text(pilot.app):
            return
        await pilot.pause(0.02)
    raise AssertionError(f"{until!r} is not to be seen:\n{text(pilot.app)}")


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Wait until something holds that is not to be seen."""
    for _ in range(500):
        if holds():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"it never held:\n{text(pilot.app)}")
