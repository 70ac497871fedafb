"""Ports: what is exposed, how it is, and the form that exposes more."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import pytest

from lazytui.core.exposure_model import (
    Direction,
    Exposure,
    ExposureSpec,
    ExposureState,
    Service,
    Suggestion,
)
from lazytui.core.exposure_title import title
from lazytui.errors import PortInUseError
from lazytui.tui.app import LazytuiApp
from lazytui.tui.browser import open_page
from lazytui.tui.port_order import draft_of, order_of
from lazytui.tui.screens.port_address import url_of
from lazytui.tui.widgets.port_words import reach_text
from tests.tui.fake_engine import NOW, STOPPED_CLOCK, FakeEngine, lab
from tests.tui.seen import row_of, settle, shown, text, until

if TYPE_CHECKING:
    from pathlib import Path

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


async def test_a_number_shows_them_as_they_were_left_and_p_those_of_the_host() -> None:
    async with shown(exposed()) as pilot:
        await pilot.press("p")
        await settle(pilot, f"host:{pilot.app.screen_stack[0]._host}")
        await pilot.press("escape")
        await on_ports(pilot)
        pilot.app.screen.set_filter("jupyter")
        await pilot.press("1", "down", "3")
        await settle(pilot, "reachable at")
        assert pilot.app.screen.kept_filter == "jupyter"


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


async def test_what_listens_on_the_host_is_shown_beside_what_is_exposed() -> None:
    engine = exposed()
    engine.exposures.listening = [
        Suggestion(5000, "127.0.0.1", "mlflow", 9),
        Suggestion(9100, "0.0.0.0", "node_exporter", 10),
    ]
    async with shown(engine) as pilot:
        await on_ports(pilot)
        pilot.app.screen.tick()
        await settle(pilot, "listens on gpu01, not exposed: 5000 mlflow · 9100 node_exporter")
    assert not engine.asked


async def test_an_empty_page_offers_what_listens_on_hosts_that_are_up() -> None:
    engine = lab()
    engine.exposures.listening = [Suggestion(5000, "127.0.0.1", "mlflow", 9)]
    async with shown(engine) as pilot:
        await pilot.press("3")
        await settle(pilot, "No port is exposed yet")
        pilot.app.screen._host = ""
        await pilot.press("n")
        await settle(pilot, "Listening on your hosts")
        await pilot.press("1")
        await settle(pilot, "5000 becomes reachable at here:5000")
    assert not engine.asked


async def test_editing_begins_with_what_there_is_and_changes_that() -> None:
    engine = exposed()
    async with shown(engine) as pilot:
        await on_ports(pilot)
        await pilot.press("e")
        await settle(pilot, "Change jupyter")
        assert "gpu01:8888 becomes reachable at here:8888" in text(pilot.app)
        pilot.app.screen.query_one("#port-ports").value = "8888:9999"
        await pilot.press("enter")
        await settle(pilot, "here:9999")
    (_, number, spec, choices) = engine.asked[-1]
    assert (number, spec.services, spec.name) == (1, (Service(8888, 9999),), "jupyter")
    assert choices is None


async def test_a_change_that_fails_is_told_in_the_form_and_the_text_stays() -> None:
    engine = exposed()
    engine.exposures.error = PortInUseError(9999, detail="on the manager, by vim (pid 7)")
    async with shown(engine) as pilot:
        await on_ports(pilot)
        await pilot.press("e")
        await settle(pilot, "Change jupyter")
        pilot.app.screen.query_one("#port-ports").value = "8888:9999"
        await pilot.press("enter")
        await settle(pilot, "by vim (pid 7)")
        assert "8888:9999" in row_of(pilot.app, "Port ")


@pytest.mark.parametrize(
    "spec",
    [
        ExposureSpec(FROM, (Service(80, 8080), Service(1, 1), Service(2, 2)), source="gpu01"),
        ExposureSpec(
            Direction.TO_RUNTIMES,
            (Service(5, 5), Service(6, 6), Service(8, 8)),
            targets=("gpu01", "gpu02"),
            auto=False,
        ),
        ExposureSpec(
            Direction.TO_GROUP,
            (Service(5, 5),),
            source="gpu01",
            group="train",
            exclude=("gpu02",),
            name="redis",
        ),
        ExposureSpec(Direction.SOCKS, (Service(0, 1080),), source="bastion"),
    ],
    ids=["from", "to", "group", "socks"],
)
def test_the_fields_of_an_exposure_mean_that_exposure(spec) -> None:
    engine = lab()
    engine.members["train"] = ["gpu01", "gpu02", "gpu03"]
    assert order_of(draft_of(spec), engine) == (spec, None)


def test_who_does_not_get_it_is_said_in_the_words_of_a_filter() -> None:
    spec = ExposureSpec(
        Direction.TO_RUNTIMES, (Service(5, 5),), group="train", exclude=("gpu02", "gpu03")
    )
    assert reach_text(spec) == "@train - gpu[02-03]:5"
    assert title(spec) == "5 of the manager -> @train - gpu[02-03]"


async def test_an_address_that_was_confirmed_is_not_asked_about_again() -> None:
    engine = exposed()
    engine.exposures.put(
        ExposureSpec(FROM, (Service(80, 80),), source="gpu01", bind="0.0.0.0", public=True, id=1),
        ExposureState.ON,
    )
    async with shown(engine) as pilot:
        await on_ports(pilot)
        assert "0.0.0.0:80" in text(pilot.app)
        await pilot.press("e")
        await settle(pilot, "Change #1")
        await pilot.press("enter")
        await settle(pilot, "1 of 3")
    assert engine.asked[-1][2].public


async def test_y_copies_the_line_for_the_laptop_with_the_address_one_came_by() -> None:
    async with shown(exposed()) as pilot:
        pilot.app.environ = {"SSH_CONNECTION": "10.0.0.9 50000 10.0.0.1 2222"}
        await on_ports(pilot)
        await pilot.press("y")
        line = f"ssh -N -L 8888:127.0.0.1:8888 -p 2222 {getpass.getuser()}@10.0.0.1"
        await until(pilot, lambda: pilot.app.clipboard == line)


async def test_a_browser_is_offered_only_where_one_would_come_up() -> None:
    async with shown(exposed()) as pilot:
        pilot.app.environ = {"DISPLAY": ":0"}
        await on_ports(pilot)
        await pilot.press("b")
        await settle(pilot, "open http://127.0.0.1:8888 in the browser")
        await pilot.press("escape")
        pilot.app.environ = {"DISPLAY": ":0", "SSH_CONNECTION": "a 1 b 22"}
        await pilot.press("b")
        await settle(pilot, "copy http://127.0.0.1:8888")
        assert "in the browser" not in text(pilot.app)


async def test_the_page_is_opened_with_the_display_of_the_terminal(tmp_path: Path) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$DISPLAY $1" > {tmp_path}/opened\n')
    opener.chmod(0o755)

    began = await open_page("http://x/", {"PATH": f"{tmp_path}:/bin", "DISPLAY": ":7"})

    assert began
    assert (tmp_path / "opened").read_text() == ":7 http://x/\n"


async def test_a_browser_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    assert not await open_page("http://x/", {"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("spec", "url"),
    [
        (ExposureSpec(FROM, (Service(1, 80),), source="a"), "http://127.0.0.1:80"),
        (ExposureSpec(FROM, (Service(1, 80),), source="a", bind="0.0.0.0"), "http://127.0.0.1:80"),
        (ExposureSpec(FROM, (Service(1, 80),), source="a", bind="10.0.0.5"), "http://10.0.0.5:80"),
        (ExposureSpec(FROM, (Service(1, 80),), source="a", bind="::1"), "http://[::1]:80"),
        (
            ExposureSpec(Direction.SOCKS, (Service(0, 1080),), source="a"),
            "socks5h://127.0.0.1:1080",
        ),
    ],
)
def test_an_address_is_one_that_a_client_can_use(spec, url) -> None:
    assert url_of(Exposure(spec)) == url


async def test_ports_are_sorted_as_asked_and_the_other_way_round() -> None:
    async with shown(exposed()) as pilot:
        await on_ports(pilot)
        keys = pilot.app.screen.table
        assert keys.keys == ("1", "2", "3")
        await pilot.press("o", "s")
        await until(pilot, lambda: keys.keys == ("2", "1", "3"))
        await settle(pilot, "state▼")
        await pilot.press("O")
        await until(pilot, lambda: keys.keys == ("3", "1", "2"))


async def test_one_that_fails_is_tried_again_at_once() -> None:
    engine = exposed()
    async with shown(engine) as pilot:
        await on_ports(pilot)
        await pilot.press("j", "r")
        await until(pilot, lambda: ("restart", 2) in engine.asked)
        await settle(pilot, "2 on")


async def test_esc_goes_back_to_the_row_that_p_came_from() -> None:
    async with shown(exposed()) as pilot:
        await settle(pilot, "gpu02")
        hosts = pilot.app.screen
        hosts.table.move_cursor(hosts.table.keys.index("gpu02"))
        await pilot.press("p")
        await settle(pilot, "/ host:gpu02")
        assert "1 of 1" in text(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is hosts)
        assert hosts.table.current == "gpu02"


async def test_what_one_filtered_for_oneself_is_cleared_first() -> None:
    async with shown(exposed()) as pilot:
        await on_ports(pilot)
        await pilot.press("slash", *"jup", "enter")
        await settle(pilot, "1 of 1")
        await pilot.press("escape")
        await settle(pilot, "1 of 3")


@pytest.mark.parametrize("size", [(80, 24), (130, 34)], ids=str)
@pytest.mark.parametrize(
    ("keys", "seen"),
    [([], "1 of 3"), (["a"], "Expose a port"), (["t"], "12 ms")],
    ids=["ports", "form", "test"],
)
def test_ports_look_as_before(keys, seen, size, snap_compare) -> None:
    async def go(pilot) -> None:
        await pilot.pause()
        await pilot.press("3")
        await settle(pilot, "reachable at")
        pilot.app.screen.set_filter("")
        await pilot.press(*keys)
        await settle(pilot, seen)
        await pilot.pause(0.1)

    app = LazytuiApp(exposed(), clock=STOPPED_CLOCK)
    assert snap_compare(app, terminal_size=size, run_before=go)
