"""Ports: what is exposed, how it is, and the form that exposes more."""

from __future__ import annotations

import pytest

from lazytui.core.exposure_model import Direction, ExposureSpec, ExposureState, Service, Suggestion
from lazytui.errors import PortInUseError
from lazytui.tui.app import LazytuiApp
from tests.tui.fake_engine import NOW, STOPPED_CLOCK, FakeEngine, lab
from tests.tui.seen import row_of, settle, shown, text

FROM = Direction.FROM_RUNTIME


def exposed() -> FakeEngine:
    """Give a lab with an exposure of each kind."""
    engine = lab()
    put = engine.exposures.put
    put(
        ExposureSpec(FROM, (Service(8888, 8888),), source="gpu01", name="jupyter"),
        ExposureState.ON,
        connections=12,
        total=40,
        bytes_in=3_000,
        bytes_out=9_000_000,
    )
    put(
        ExposureSpec(
            Direction.TO_RUNTIMES, (Service(5432, 5432),), targets=("gpu01", "gpu02"), name="db"
        ),
        ExposureState.RETRYING,
        reason="connection lost",
        attempts=2,
        dropped_at=NOW - 90,
        dropped_why="connection lost",
    )
    put(
        ExposureSpec(Direction.SOCKS, (Service(0, 1080),), source="bastion", auto=False),
        ExposureState.OFF,
    )
    return engine


async def on_ports(pilot) -> None:
    await pilot.press("3")
    await settle(pilot, "reachable at")
    pilot.app.screen.set_filter("")
    await settle(pilot, "1 of 3")


async def test_each_row_names_service_place_and_state() -> None:
    async with shown(exposed()) as pilot:
        await on_ports(pilot)
        row = row_of(pilot.app, "jupyter")
        assert "● on" in row
        assert "gpu01:8888" in row
        assert "here:8888" in row
        assert "◐ retrying" in row_of(pilot.app, "gpu[01-02]:5432")
        assert "○ off" in row_of(pilot.app, "SOCKS via bastion")


async def test_an_empty_page_teaches_the_first_step() -> None:
    async with shown(lab()) as pilot:
        await pilot.press("3")
        await settle(pilot, "No port is exposed yet")


async def test_the_form_exposes_a_port_of_the_host_one_comes_from() -> None:
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("p")
        await settle(pilot, "No port is exposed yet")
        await pilot.press("a")
        await settle(pilot, "Expose a port")
        await pilot.press(*"8888", "enter")
        await settle(pilot, "● on")
    assert engine.asked[-1][1].services == (Service(8888, 8888),)
    assert engine.asked[-1][1].source in engine.runtimes


async def test_a_port_that_is_taken_is_told_in_the_form_and_the_text_stays() -> None:
    engine = lab()
    engine.exposures.error = PortInUseError(8888, detail="on the manager, by jupyter (pid 7)")
    async with shown(engine) as pilot:
        await pilot.press("p", "a")
        await settle(pilot, "Expose a port")
        await pilot.press(*"8888", "enter")
        await settle(pilot, "by jupyter (pid 7)")
        assert "8888" in row_of(pilot.app, "Port ")


async def test_an_address_that_others_reach_is_asked_about_first() -> None:
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("p", "a")
        await settle(pilot, "Expose a port")
        await pilot.press(*"8888")
        pilot.app.screen.query_one("#port-bind").value = "0.0.0.0"
        await pilot.press("enter")
        await settle(pilot, "open to others?")
        assert not engine.asked
        await pilot.press("y")
        await settle(pilot, "● on")
    assert engine.asked[-1][1].public


async def test_what_is_no_port_is_refused_in_words() -> None:
    async with shown(lab()) as pilot:
        await pilot.press("p", "a")
        await settle(pilot, "Expose a port")
        await pilot.press(*"99999", "enter")
        await settle(pilot, "a port is a number from 1 to 65535")


async def test_stop_start_and_auto_change_the_row() -> None:
    async with shown(exposed()) as pilot:
        await on_ports(pilot)
        await pilot.press("x")
        await settle(pilot, "here:8888   ○ off")
        await pilot.press("r")
        await settle(pilot, "here:8888   ● on")
        await pilot.press("A")
        await pilot.pause()
        assert not pilot.app.engine.exposures.by_id[1].spec.auto


async def test_removing_asks_first() -> None:
    engine = exposed()
    async with shown(engine) as pilot:
        await on_ports(pilot)
        await pilot.press("D")
        await settle(pilot, "Remove jupyter?")
        await pilot.press("y")
        await settle(pilot, "1 of 2")
    assert engine.asked[-1] == ("unexpose", 1)


async def test_details_tell_of_every_listener_and_the_last_drop() -> None:
    async with shown(exposed()) as pilot:
        await on_ports(pilot)
        await pilot.press("j", "enter")
        await settle(pilot, "broke 1m ago: connection lost")
        assert "gpu02" in text(pilot.app)
        await pilot.press("escape")
        await settle(pilot, "2 of 3")


async def test_a_test_says_what_came_of_it() -> None:
    async with shown(exposed()) as pilot:
        await on_ports(pilot)
        await pilot.press("t")
        await settle(pilot, "answers in 12 ms")


async def test_what_listens_on_a_host_is_offered_never_exposed_by_itself() -> None:
    engine = exposed()
    engine.exposures.listening = [Suggestion(6006, "127.0.0.1", "tensorboard", 9)]
    async with shown(engine) as pilot:
        await on_ports(pilot)
        await pilot.press("n")
        await settle(pilot, "6006  tensorboard")
        await pilot.press("1")
        await settle(pilot, "gpu01:6006 becomes reachable at here:6006")
    assert not engine.asked


@pytest.mark.parametrize("size", [(80, 24), (130, 34)], ids=str)
@pytest.mark.parametrize(
    ("keys", "until"),
    [([], "1 of 3"), (["a"], "Expose a port"), (["t"], "12 ms")],
    ids=["ports", "form", "test"],
)
def test_ports_look_as_before(keys, until, size, snap_compare) -> None:
    async def go(pilot) -> None:
        await pilot.pause()
        await pilot.press("3")
        await settle(pilot, "reachable at")
        pilot.app.screen.set_filter("")
        await pilot.press(*keys)
        await settle(pilot, until)

    app = LazytuiApp(exposed(), clock=STOPPED_CLOCK)
    assert snap_compare(app, terminal_size=size, run_before=go)
