"""Events: who did what, where and when, and how to take it along."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lazytui.core.audit import AuditRecord, Deed
from lazytui.core.events import AuditChanged
from lazytui.tui.screens.events import EventsScreen
from lazytui.tui.screens.hosts import HostsScreen
from tests.tui.fake_engine import NOW, FakeEngine, lab
from tests.tui.seen import row_of, rows, settle, shown, text

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0


def with_deeds() -> FakeEngine:
    engine = lab()
    engine.deeds = [
        AuditRecord(NOW - DAY, "ana@pts/3", Deed.KEY_ACCEPTED, "SHA256:3gk0b6", "db01", "accept"),
        AuditRecord(NOW - 900, "ana@pts/3", Deed.GROUP_CHANGED, "@train", "gpu[01-03]", "kept"),
        AuditRecord(
            NOW - 600, "bob (command line)", Deed.RUN_STARTED, "#4 make -j8 all",
            "cpu[01-02]", "1 done 1 failed", 4,
        ),
        AuditRecord(NOW - 61, "ana@pts/3", Deed.RUN_STARTED, "#5 uptime", "gpu01", "exit 0", 5),
        AuditRecord(
            NOW - 60, "ana@pts/3", Deed.RUN_STOPPED, "#3 sleep 600", "gpu[01-02]",
            "INT sent to 2 runs", 3,
        ),
    ]  # fmt: skip
    return engine


async def test_events_stand_newest_first_with_who_what_where_and_result():
    async with shown(with_deeds(), (130, 34)) as pilot:
        await pilot.press("6")
        await settle(pilot, "5 events")
        said = [" ".join(row.strip("▌ ").split()) for row in rows(pilot.app)[3:8]]
        assert "ana@pts/3 run stopped #3 sleep 600 gpu[01-02] INT sent to 2 runs" in said[0]
        assert "bob (command line) run started #4 make -j8 all cpu[01-02] 1 done 1 fa" in said[2]
        assert "host key accepted SHA256:3gk0b6 db01 accept" in said[4]


async def test_the_details_have_all_of_an_event():
    async with shown(with_deeds()) as pilot:
        await pilot.press("6", "j", "j")
        await settle(pilot, "run started  #4 make -j8 all")
        await settle(pilot, "by bob (command line)  on cpu[01-02] · 1 done 1 failed")


async def test_what_is_done_now_comes_without_a_key_and_leaves_the_cursor():
    engine = with_deeds()
    async with shown(engine) as pilot:
        await pilot.press("6", "j")
        await settle(pilot, "2 of 5")
        engine.deeds.append(AuditRecord(NOW, "ana@pts/3", Deed.FORGOTTEN, "#1 ls", "gpu04"))
        engine.events.publish(AuditChanged())
        await settle(pilot, "3 of 6")
        assert row_of(pilot.app, "#5 uptime").startswith("▌")


async def test_two_events_at_the_same_moment_are_two_rows():
    engine = lab()
    engine.deeds = [AuditRecord(NOW, "ana", Deed.FORGOTTEN, "#1 ls", "gpu04")] * 2
    async with shown(engine) as pilot:
        await pilot.press("6")
        await settle(pilot, "1 of 2")


async def test_a_filter_shows_only_the_events_with_its_words():
    async with shown(with_deeds()) as pilot:
        await pilot.press("6")
        await settle(pilot, "1 of 5")
        await pilot.press("slash", *"ana !uptime gpu", "enter")
        await settle(pilot, "2 of 5")
        assert "uptime" not in "\n".join(rows(pilot.app)[3:8])
        await pilot.press("escape")
        await settle(pilot, "of 5")
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)


async def test_the_oldest_can_stand_first():
    async with shown(with_deeds()) as pilot:
        await pilot.press("6")
        await settle(pilot, "1 of 5")
        await pilot.press("O", "g")
        await settle(pilot, "host key accepted  SHA256:3gk0b6")


async def test_events_are_saved_as_json_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    async with shown(with_deeds()) as pilot:
        await pilot.press("6")
        await settle(pilot, "1 of 5")
        await pilot.press("S")
        await settle(pilot, "Save 5 events to")
        await pilot.press("enter")
        await settle(pilot, "saved to")

    (saved,) = tmp_path.glob("lazytui-events-*.jsonl")
    lines = [json.loads(line) for line in saved.read_text().splitlines()]
    assert [line["task_id"] for line in lines] == [3, 5, 4, None, None]
    assert lines[1]["result"] == "exit 0"
    assert saved.stat().st_mode & 0o777 == 0o600


async def test_events_are_saved_as_text_and_nothing_is_written_over(tmp_path: Path):
    target = tmp_path / "a.txt"
    async with shown(with_deeds()) as pilot:
        await pilot.press("6")
        await settle(pilot, "1 of 5")
        for said in ("saved to", "File exists"):
            await pilot.press("S")
            await settle(pilot, "Save 5 events to")
            await pilot.press("ctrl+u", *str(target), "enter")
            await settle(pilot, said)

    assert "ana@pts/3  run stopped  #3 sleep 600  gpu[01-02]" in target.read_text().splitlines()[0]


async def test_without_events_the_screen_says_what_will_stand_there():
    async with shown(lab()) as pilot:
        await pilot.press("6")
        await settle(pilot, "Nothing happened yet")
        await pilot.press("S", "slash")
        await pilot.pause()
        assert isinstance(pilot.app.screen, EventsScreen)


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (130, 34)])
async def test_hostile_text_stays_in_its_cells(size):
    evil = "[red]x[/] \x1b[2J\x1b]0;t\x07 日本語 e\u0301 " + "y" * 200
    engine = lab()
    engine.deeds = [AuditRecord(NOW, evil, evil, evil, evil, evil, 1)]
    async with shown(engine, size) as pilot:
        await pilot.press("6")
        await settle(pilot, "[red]x[/]")
        assert "\x1b" not in text(pilot.app)
        assert len(rows(pilot.app)) == size[1]
