"""Many hosts, many events, many screens, small terminals."""

from __future__ import annotations

import asyncio

import pytest

from lazytui.core.events import RuntimeChanged
from lazytui.core.model import HostState
from lazytui.tui.widgets.host_table import HostTable
from tests.tui.fake_engine import FakeEngine, lab, metrics, up, with_runs
from tests.tui.seen import rows, settle, shown, text


def thousand() -> FakeEngine:
    engine = FakeEngine()
    for number in range(1000):
        engine.add(up(f"node{number:04}", 0.1, 0.1, 0.1))
    return engine


class CountedTable(HostTable):
    """Counts the rows that are drawn."""

    drawn = 0

    def row(self, key, columns):
        CountedTable.drawn += 1
        return super().row(key, columns)


async def test_only_rows_in_sight_are_drawn(monkeypatch):
    monkeypatch.setattr("lazytui.tui.screens.host_list.HostTable", CountedTable)
    monkeypatch.setattr(CountedTable, "drawn", 0)
    async with shown(thousand()) as pilot:
        await pilot.press("G")
        await settle(pilot, "node0999")
        assert 0 < CountedTable.drawn < 500


async def test_a_storm_of_a_thousand_hosts_ends_with_what_is_true():
    engine = thousand()
    async with shown(engine) as pilot:
        await pilot.press("j", "space")
        for load in (0.2, 0.4, 0.6, 0.8):
            for host in engine.runtimes:
                engine.change(host, metrics=metrics(load))
            await pilot.press("j")
        engine.change("node0000", state=HostState.INACTIVE, reason="refused")
        await settle(pilot, "refused")
        assert " 80%" in next(row for row in rows(pilot.app) if "node0007" in row)
        assert "999 up · 1 down" in rows(pilot.app)[0]
        assert "✓ node0001" in text(pilot.app)


async def test_events_are_taken_in_batches_however_fast_they_come(monkeypatch):
    engine = thousand()
    async with shown(engine) as pilot:
        batches = []
        screen = pilot.app.screen
        monkeypatch.setattr(screen, "show_changes", lambda changes: batches.append(changes.hosts))
        for _ in range(50):
            for number in range(10):
                engine.events.publish(RuntimeChanged(f"node{number:04}"))
            await asyncio.sleep(0)
        await pilot.pause(0.3)
        assert 1 <= len(batches) <= 5
        assert frozenset().union(*batches) == {f"node{number:04}" for number in range(10)}


async def test_two_apps_on_one_engine_leave_each_others_cursor_and_marks_alone(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as one, shown(engine, (130, 34)) as two:
        await one.press("space", "space", "j")
        await two.press("G")
        assert one.app.screen.query_one(HostTable).current == "gpu04"
        assert one.app.screen.query_one(HostTable).marked == ["gpu01", "gpu02"]
        assert two.app.screen.query_one(HostTable).current == "db01"
        assert two.app.screen.query_one(HostTable).marked == []
        engine.change("cpu03", state=HostState.INACTIVE, reason="refused")
        await settle(one, "refused")
        await settle(two, "refused")


async def test_one_app_goes_on_when_the_other_has_left(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as one:
        async with shown(engine) as two:
            await two.press("l")
        engine.change("cpu03", state=HostState.INACTIVE, reason="refused")
        await settle(one, "refused")


async def test_a_screen_leaves_no_subscription_behind():
    engine = lab()
    async with shown(engine):
        assert len(engine.events._subscriptions) == 1
    assert engine.events._subscriptions == []


@pytest.mark.parametrize("size", [(40, 10), (20, 5), (10, 3), (1, 1), (300, 100)])
async def test_every_screen_works_on_a_terminal_of_any_size(size, tmp_path):
    async with shown(with_runs(lab(tmp_path)), size) as pilot:
        for key in ("j", "space", "r", "escape", "Q", "escape", "question_mark", "escape", "k", "k",
                    "l", "x", "escape", "escape", "2", "G", "x", "escape", "1"):  # fmt: skip
            await pilot.press(key)
        assert pilot.app.is_running


async def test_a_terminal_of_40x10_still_shows_names_and_states():
    async with shown(lab(), (40, 10)) as pilot:
        assert [row.split()[-5:-2] for row in rows(pilot.app)[2:3]] == [["gpu01", "●", "up"]]
        assert "? keys" in rows(pilot.app)[-1]
        assert "1 Hosts" in rows(pilot.app)[0]


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (40, "host state cpu mem"),
        (60, "host state cpu mem gpu free"),
        (80, "host state cpu mem gpu free vram disk tasks"),
        (100, "host state cpu mem gpu free"),
        (130, "host state cpu mem gpu free tasks"),
        (200, "host state cpu mem gpu free use vram disk load ↓ net ↑ net tasks"),
    ],
)
async def test_columns_go_in_a_fixed_order(width, columns):
    async with shown(lab(), (width, 24)) as pilot:
        head = next(row for row in rows(pilot.app) if "state" in row)
        of_table = next(part.strip("│") for part in head.split("││") if "state" in part)
        assert " ".join(of_table.split()) == columns


async def test_the_terminal_may_change_its_size_while_events_flow(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        await pilot.press("G")
        for size in ((200, 60), (40, 10), (5, 2), (130, 34), (80, 24)) * 3:
            for host in engine.runtimes:
                engine.change(host, alive_runs=size[0])
            await pilot.resize_terminal(*size)
        await settle(pilot, "db01")
        assert "▌  db01" in text(pilot.app)
        assert len(rows(pilot.app)) == 24


async def test_a_tick_while_the_app_leaves_harms_nothing(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        await pilot.press("l")
        screens = list(pilot.app.screen_stack)
    for screen in screens:
        screen.tick()
        screen.rebuild()
