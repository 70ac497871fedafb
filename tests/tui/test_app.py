"""What works the same everywhere: screens on their keys, one step back, zoom, passing words."""

from __future__ import annotations

import pytest
from textual.widgets._toast import ToastRack

from lazytui.core.events import Notice
from lazytui.core.model import HostState
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.tasks import TasksScreen
from tests.tui.fake_engine import FakeEngine, lab, up, with_runs
from tests.tui.seen import row_of, rows, settle, shown, text


async def test_a_number_shows_a_screen_as_it_was_left_and_again_its_root(tmp_path):
    async with shown(with_runs(lab(tmp_path))) as pilot:
        await pilot.press("j", "j", "l")
        await pilot.press("2")
        assert isinstance(pilot.app.screen, TasksScreen)
        await pilot.press("1", "1")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)
        assert pilot.app.screen.table.current == "gpu03"


async def test_what_is_under_a_whole_screen_hears_nothing_and_catches_up(tmp_path, monkeypatch):
    engine, heard = with_runs(lab(tmp_path)), []
    monkeypatch.setattr(HostsScreen, "show_changes", lambda _, changes: heard.append(changes))
    monkeypatch.setattr(HostsScreen, "tick", lambda _: heard.append("tick"))
    async with shown(engine) as pilot:
        await pilot.press("l")
        await settle(pilot, "epoch 4")
        heard.clear()
        engine.change("cpu01", reason="unplugged", state=HostState.INACTIVE)
        pilot.app._tick()
        await pilot.pause(0.3)
        assert heard == []
        await pilot.press("escape")
        await settle(pilot, "unplugged")


async def test_what_is_under_a_card_goes_on(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        await pilot.press("at")
        await settle(pilot, "Groups")
        engine.change("gpu01", reason="unplugged", state=HostState.INACTIVE)
        await settle(pilot, "unplugged")


async def test_escape_goes_back_one_step_and_the_header_says_where_one_is(tmp_path):
    async with shown(with_runs(lab(tmp_path))) as pilot:
        await pilot.press("l")
        await settle(pilot, "Tasks › #")
        assert isinstance(pilot.app.screen, OutputScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)
        assert " 1 Hosts " in rows(pilot.app)[0]


async def test_a_click_on_the_way_goes_back_one_step(tmp_path):
    async with shown(with_runs(lab(tmp_path))) as pilot:
        await pilot.press("l")
        await settle(pilot, "Tasks › #")
        await pilot.click(offset=(rows(pilot.app)[0].index("Tasks"), 0))
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)


@pytest.mark.parametrize("width", [40, 59, 60, 66, 73, 80, 81, 82, 83, 100, 200])
async def test_the_footer_never_overflows_and_always_leads_to_all_keys(width, tmp_path):
    async with shown(with_runs(lab(tmp_path)), (width, 24)) as pilot:
        for way in ("2", "l", "escape", "1", "space"):
            await pilot.press(way)
            await pilot.pause()
            assert len(rows(pilot.app)[-1]) <= width
            assert "? keys" in rows(pilot.app)[-1]
            assert "…" not in rows(pilot.app)[-1]


async def test_zoom_gives_the_panel_with_the_focus_all_the_room():
    async with shown(lab(), (140, 34)) as pilot:
        await settle(pilot, "gpu01")
        beside = len([panel for panel in pilot.app.screen.query(".panel") if panel.region.area])
        assert beside > 1
        await pilot.press("z")
        await pilot.pause()
        assert pilot.app.screen.table.region.width > 130
        await pilot.press("z")
        await pilot.pause()
        again = len([panel for panel in pilot.app.screen.query(".panel") if panel.region.area])
        assert again == beside


async def test_where_there_is_one_panel_zoom_is_not_offered():
    async with shown(lab(), (80, 24)) as pilot:
        await settle(pilot, "gpu01")
        await pilot.press("z")
        await pilot.pause()
        assert not pilot.app.screen.zoomed


# Passing words


def hosts(count: int) -> FakeEngine:
    engine = FakeEngine()
    for number in range(count):
        engine.add(up(f"node{number:02}", 0.1, 0.1, 0.1))
    return engine


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (130, 34)])
async def test_passing_words_never_lie_on_the_cursor_or_the_keys(size):
    engine = hosts(60)
    async with shown(engine, size) as pilot:
        await settle(pilot, "node00")
        engine.events.publish(Notice("words that pass " * 6, "warning"))
        await settle(pilot, "words that")
        assert "words" not in row_of(pilot.app, "▌  node00")
        for key in ("j", "G", "g", "ctrl+d", "k", "j"):
            await pilot.press(key)
            await pilot.pause()
            await pilot.pause()
            here = row_of(pilot.app, f"▌  {pilot.app.screen.table.current}")
            assert "words" not in here
            assert "words" not in rows(pilot.app)[-1]
            assert "words that" in text(pilot.app)


async def test_passing_words_stand_at_the_top_right_when_nothing_is_in_the_way():
    engine = hosts(60)
    async with shown(engine) as pilot:
        await pilot.press("G")
        engine.events.publish(Notice("stored", "information"))
        await settle(pilot, "stored")
        await pilot.pause()
        rack = pilot.app.screen.query_one(ToastRack)
        assert not rack.has_class("-low")
        row = next(n for n, row in enumerate(rows(pilot.app)) if "stored" in row)
        assert row < 6


async def test_passing_words_from_outside_are_tame():
    engine = lab()
    async with shown(engine) as pilot:
        engine.events.publish(Notice("a [bold]b[/] [@click=app.quit]c[/]\x1b[2Jd", "error"))
        await settle(pilot, "a [bold]b[/] [@click=app.quit]c")
