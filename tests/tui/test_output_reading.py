"""Reading output in comfort: find, filter, wrap, times, marks, progress, save, copy, other runs."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from lazytui.core.arrivals import RECORD
from lazytui.core.model import RunState
from lazytui.tui.screens import output
from lazytui.tui.screens.output import OutputScreen
from tests.tui.fake_engine import NOW, lab
from tests.tui.seen import row_of, rows, settle, shown, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from textual.pilot import Pilot

    from tests.tui.fake_engine import FakeEngine

LOG = b"".join(b"epoch %d start\nloss %.2f\nwarn Slow loader\n" % (n, 1 / n) for n in range(1, 101))


@asynccontextmanager
async def reading(
    tmp_path: Path, log: bytes = LOG, *, size: tuple[int, int] = (80, 24), **facts: object
) -> AsyncIterator[tuple[FakeEngine, Pilot[None]]]:
    """Show the output of a run that is still going on."""
    engine = lab(tmp_path)
    engine.add_run("gpu01", "python train.py", output=log, **facts)
    async with shown(engine, size) as pilot:
        await pilot.press("l")
        await settle(pilot, "Tasks › #1")
        await pilot.pause(0.1)
        yield engine, pilot


def status(pilot: Pilot[None]) -> str:
    return rows(pilot.app)[-2].strip()


def log_rows(pilot: Pilot[None]) -> list[str]:
    view = pilot.app.screen.log_view
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


async def type_in(pilot: Pilot[None], words: str) -> None:
    names = {" ": "space", "/": "slash", "\\": "backslash", "[": "left_square_bracket"}
    await pilot.press(*(names.get(letter, letter) for letter in words))


# --- finding -----------------------------------------------------------------------------


async def test_matches_are_counted_while_one_types_and_enter_goes_to_the_nearest(tmp_path):
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("slash")
        await type_in(pilot, "epoch 5")
        await settle(pilot, "11 matches")
        await pilot.press("enter")
        await settle(pilot, "/epoch 5  11 of 11 matches")
        assert "epoch 59 start" in log_rows(pilot)
        assert "paused" in status(pilot)


async def test_n_and_shift_n_go_from_match_to_match_and_around(tmp_path):
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("slash", *"0.25", "enter")
        await settle(pilot, "1 of 1 match")
        await pilot.press("slash", *["backspace"] * 4, *"0.0", "enter")
        await settle(pilot, "1 of 90 matches")
        await pilot.press("n")
        await settle(pilot, "2 of 90 matches")
        await pilot.press("N", "N")
        await settle(pilot, "90 of 90 matches")
        assert "loss 0.01" in log_rows(pilot)


async def test_going_from_match_to_match_stops_the_following(tmp_path):
    async with reading(tmp_path) as (engine, pilot):
        await pilot.press("slash", *"loss", "enter", "N")
        await settle(pilot, "99 of 100")
        engine.write(f"{1:032x}", b"more\n" * 50)
        await settle(pilot, "▲ paused · 50 new lines below")
        assert "loss 0.01" in log_rows(pilot)


async def test_a_match_in_view_does_not_move_the_view(tmp_path):
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("slash", *"loss", "enter")
        await settle(pilot, "100 of 100")
        assert "following" in status(pilot)


async def test_what_is_found_is_seen(tmp_path):
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("slash", *"slow", "enter")
        await settle(pilot, "100 of 100")
        view = pilot.app.screen.log_view
        styles = {
            segment.style.bgcolor.triplet.hex
            for y in range(view.size.height)
            for segment in view.render_line(y)
            if segment.text == "Slow"
        }
        assert len(styles) == 2  # where one is, and the others


async def test_an_expression_is_written_between_slashes(tmp_path):
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("slash")
        await type_in(pilot, r"/^epoch \d0 /")
        await settle(pilot, "9 matches")


@pytest.mark.parametrize(("typed", "told"), [("/(/", "not an expression"), ("/(a+)+/", "simpler")])
async def test_a_wrong_expression_is_told_and_finds_nothing(tmp_path, typed, told):
    async with reading(tmp_path, size=(130, 34)) as (_, pilot):
        await pilot.press("slash")
        await type_in(pilot, typed)
        await settle(pilot, told)
        await pilot.press("enter", "n")
        assert pilot.app.screen.log_view.found is None


async def test_escape_leaves_the_field_then_the_search_then_the_screen(tmp_path):
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("slash", *"loss", "escape")
        assert pilot.app.screen.log_view.found is None
        await pilot.press("slash", *"loss", "enter")
        await settle(pilot, "100 of 100")
        await pilot.press("escape")
        await settle(pilot, "following")
        assert "loss  " not in status(pilot)
        assert isinstance(pilot.app.screen, OutputScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, OutputScreen)


async def test_while_one_types_letters_are_letters(tmp_path):
    async with reading(tmp_path) as (engine, pilot):
        await pilot.press("slash", *"xrwtq12")
        await settle(pilot, "xrwtq12")
        assert engine.asked == []
        assert isinstance(pilot.app.screen, OutputScreen)
        assert "enter go there" in rows(pilot.app)[-1]
        assert "x stop" not in rows(pilot.app)[-1]


async def test_no_match_is_told(tmp_path):
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("slash", *"zebra", "enter")
        await settle(pilot, "/zebra  no match")
        await pilot.press("n", "N", "ampersand")
        await settle(pilot, "&zebra  no match")


async def test_new_output_is_searched_as_it_comes(tmp_path):
    async with reading(tmp_path) as (engine, pilot):
        await pilot.press("slash", *"zebra", "enter")
        await settle(pilot, "no match")
        engine.write(f"{1:032x}", b"a zebra\n")
        await settle(pilot, "1 match")


async def test_odd_text_can_be_looked_for(tmp_path):
    log = "a [/x] b\n\x1b]0;t\x07x\x1b[31mred\x1b[m\n日本語 größe\n".encode()
    async with reading(tmp_path, log) as (_, pilot):
        for words in ("[/x]", "xred", "日本", "GRÖ", "\u202e"):
            await pilot.press("slash")
            pilot.app.screen._find._field.value = words
            await pilot.press("enter")
            expected = "1 of 1 match" if words not in ("GRÖ", "\u202e") else "no match"
            await settle(pilot, expected)
            await pilot.press("escape")


# --- only matching lines -----------------------------------------------------------------


async def test_only_matching_lines_are_shown_until_it_is_pressed_again(tmp_path):
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("ampersand", *"loss", "enter")
        await settle(pilot, "&loss")
        await pilot.pause(0.1)
        assert all(row.startswith("loss") for row in log_rows(pilot))
        await pilot.press("g")
        await settle(pilot, "loss 1.00")
        await pilot.press("ampersand")
        await settle(pilot, "/loss")
        assert "epoch 2 start" in text(pilot.app)


async def test_matching_lines_follow_the_output(tmp_path):
    async with reading(tmp_path) as (engine, pilot):
        await pilot.press("ampersand", *"loss", "enter")
        await settle(pilot, "&loss")
        engine.write(f"{1:032x}", b"other\nloss 0.001\nother\n")
        await settle(pilot, "loss 0.001")
        assert "other" not in text(pilot.app)


async def test_leaving_the_filter_keeps_the_line_at_the_top(tmp_path):
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("ampersand", *"loss", "enter")
        await settle(pilot, "&loss")
        await pilot.pause(0.1)
        await pilot.press("pageup", "pageup")
        top = log_rows(pilot)[0]
        await pilot.press("ampersand")
        await pilot.pause(0.1)
        assert log_rows(pilot)[0] == top


# --- how the text is shown ---------------------------------------------------------------


async def test_a_long_line_is_wrapped_and_read_part_by_part(tmp_path):
    words = b" ".join(b"%03d" % n for n in range(1000))
    async with reading(tmp_path, b"first\n" + words + b"\nlast\n") as (_, pilot):
        await pilot.press("w")
        await settle(pilot, "wrapped · following")
        assert log_rows(pilot)[-1] == "last"
        assert "999" in log_rows(pilot)[-2]
        height = len(log_rows(pilot))
        seen = []
        await pilot.press("g")
        for _ in range(200):
            seen.append(log_rows(pilot)[0])
            if "following" in status(pilot):
                break
            await pilot.press("down")
        whole = "".join([*seen, *log_rows(pilot)[1:]])
        assert [n for n in range(1000) if f"{n:03d}" not in whole.replace(" ", "")] == []
        await pilot.press("pageup")
        assert len(log_rows(pilot)) == height
        await pilot.press("w")
        assert log_rows(pilot)[2] == "last"


@pytest.mark.parametrize("key", ["w", "right"])
async def test_no_column_is_lost_behind_the_scrollbar(tmp_path, key):
    async with reading(tmp_path, b"0123456789" * 20 + b"\n" + LOG) as (_, pilot):
        await pilot.press("g", key)
        await pilot.pause(0.1)
        seen = rows(pilot.app)[2][1:78]
        assert seen == ("0123456789" * 20)[key == "right" :][:77]


async def test_wide_characters_are_never_cut_in_two_by_wrapping(tmp_path):
    async with reading(tmp_path, "x日本語".encode() * 100 + b"\n") as (_, pilot):
        await pilot.press("w", "g")
        await settle(pilot, "wrapped")
        assert "".join(log_rows(pilot)) == "x日本語" * 100


async def test_wrapped_output_goes_on_following(tmp_path):
    async with reading(tmp_path) as (engine, pilot):
        await pilot.press("w")
        engine.write(f"{1:032x}", b"y" * 400 + b"\nthe end\n")
        await settle(pilot, "the end")
        assert log_rows(pilot)[-1] == "the end"


async def test_times_are_those_of_the_day_or_since_the_start_or_not_there(tmp_path):
    times = tmp_path / f"{1:032x}.times"
    records = [(15, NOW - 100), (len(LOG), NOW - 50)]
    times.write_bytes(b"".join(RECORD.pack(size, int(at * 1000)) for size, at in records))
    async with reading(tmp_path, ago=110) as (engine, pilot):
        await pilot.press("t", "g")
        await settle(pilot, "time of day")
        assert re.match(r"\d\d:\d\d:\d\d  epoch 1 start", log_rows(pilot)[0])
        await pilot.press("t")
        await settle(pilot, "time since the start")
        assert log_rows(pilot)[0] == "     10s  epoch 1 start"
        assert log_rows(pilot)[2] == "  1m 00s  warn Slow loader"
        engine.write(f"{1:032x}", b"just now\n")
        await pilot.press("G")
        await settle(pilot, "1m 50s  just now")
        await pilot.press("t")
        await settle(pilot, "following")
        assert log_rows(pilot)[-1] == "just now"


async def test_what_came_unseen_has_no_time(tmp_path):
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("t")
        await settle(pilot, "--:--:--  warn Slow loader")


async def test_a_mark_stays_where_it_was_drawn(tmp_path):
    async with reading(tmp_path) as (engine, pilot):
        await pilot.press("M")
        engine.write(f"{1:032x}", b"after\n")
        await settle(pilot, "after")
        found = log_rows(pilot)
        assert re.match(r"── mark \d\d:\d\d:\d\d ─+$", found[-2])
        assert found[-1] == "after"
        await pilot.press("M", "M")
        await pilot.press("g", "G")
        assert sum("── mark" in row for row in log_rows(pilot)) == 3
        await pilot.press("ampersand", *"after", "enter")
        await settle(pilot, "&after")
        assert "── mark" not in text(pilot.app)


async def test_every_state_of_a_progress_bar_is_shown_on_request(tmp_path):
    bar = b"".join(b"\r%3d%%" % n for n in range(0, 101, 10)) + b"\nend\n"
    async with reading(tmp_path, b"start\n" + bar) as (_, pilot):
        assert log_rows(pilot)[:3] == ["start", "100%", "end"]
        await pilot.press("p")
        await settle(pilot, "raw progress")
        await settle(pilot, " 50%")
        assert log_rows(pilot)[1:4] == ["", "  0%", " 10%"]
        await pilot.press("p")
        await pilot.pause(0.1)
        assert log_rows(pilot)[:3] == ["start", "100%", "end"]


async def test_paused_it_says_how_many_lines_came(tmp_path):
    async with reading(tmp_path) as (engine, pilot):
        await pilot.press("up")
        engine.write(f"{1:032x}", b"one\ntwo\nthree\n")
        await settle(pilot, "▲ paused · 3 new lines below · G to follow")
        await pilot.press("G")
        await settle(pilot, "following")


# --- taking it along ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "saved"),
    [("p", b"red\n 20%\n[/x]\n"), ("r", b"\x1b[31mred\x1b[m\n 10%\r 20%\n[/x]\n")],
)
async def test_the_output_is_saved_as_it_is_shown_or_as_it_came(tmp_path, form, saved):
    log = b"\x1b[31mred\x1b[m\n 10%\r 20%\n[/x]\n"
    target = tmp_path / "out.txt"
    async with reading(tmp_path, log) as (_, pilot):
        await pilot.press("S", form)
        await settle(pilot, "On the manager")
        pilot.app.screen.query_one("Input").value = str(target)
        await pilot.press("enter")
        await settle(pilot, "Saved")
        assert target.read_bytes() == saved


async def test_only_the_matching_lines_can_be_saved(tmp_path):
    target = tmp_path / "out.txt"
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("slash", *"epoch 5", "enter")
        await settle(pilot, "11 of 11")
        await pilot.press("S", "m")
        await settle(pilot, "Save the matching lines")
        pilot.app.screen.query_one("Input").value = str(target)
        await pilot.press("enter")
        await settle(pilot, "Saved")
        assert target.read_text().splitlines()[0] == "epoch 5 start"
        assert len(target.read_text().splitlines()) == 11


async def test_the_suggested_name_has_the_task_and_the_host(tmp_path):
    engine = lab(tmp_path)
    engine.add(type(engine.runtimes["gpu01"])("../odd [/x]\x1b host"))
    engine.add_run("../odd [/x]\x1b host", "ls", output=b"x\n")
    async with shown(engine) as pilot:
        pilot.app.push_screen(OutputScreen(pilot.app.context, f"{1:032x}"))
        await settle(pilot, "Tasks › #1")
        await pilot.press("S", "p")
        await settle(pilot, "On the manager")
        assert pilot.app.screen.query_one("Input").value == "1-..-odd-x-host.log"


async def test_a_file_that_is_there_is_replaced_only_when_asked_twice(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("mine")
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("S", "p")
        await settle(pilot, "On the manager")
        pilot.app.screen.query_one("Input").value = str(target)
        await pilot.press("enter")
        await settle(pilot, "enter again replaces")
        assert target.read_text() == "mine"
        await pilot.press("enter")
        await settle(pilot, "Saved")
        assert target.read_bytes() == LOG


@pytest.mark.parametrize(("path", "told"), [("/", "A folder"), ("/no/such/x", "no folder")])
async def test_a_path_that_cannot_be_is_told(tmp_path, path, told):
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("S", "p")
        await settle(pilot, "On the manager")
        pilot.app.screen.query_one("Input").value = path
        await pilot.press("enter")
        await settle(pilot, told)
        await pilot.press("escape")
        await settle(pilot, "following")


@pytest.fixture
def copied(monkeypatch) -> list[str]:
    texts: list[str] = []

    def keep(app: object, words: str) -> str:
        texts.append(words)
        return "Sent"

    monkeypatch.setattr(output, "copy", keep)
    return texts


async def test_lines_in_view_the_last_ones_or_matching_ones_are_copied(tmp_path, copied):
    async with reading(tmp_path) as (_, pilot):
        await pilot.press("y", "v")
        await settle(pilot, "lines: Sent")
        assert copied[0].splitlines() == log_rows(pilot)
        await pilot.press("y", "l")
        assert copied[1] == LOG.decode()
        await pilot.press("slash", *"epoch 5", "enter")
        await settle(pilot, "11 of 11")
        await pilot.press("y", "m")
        assert len(copied[2].splitlines()) == 11


async def test_without_output_there_is_nothing_to_copy(tmp_path, copied):
    async with reading(tmp_path, b"") as (_, pilot):
        await pilot.press("y", "v")
        await settle(pilot, "There is nothing to copy")
        assert copied == []


# --- other runs --------------------------------------------------------------------------


async def test_h_shows_the_same_task_on_the_next_host(tmp_path):
    engine = lab(tmp_path)
    for host in ("gpu01", "gpu02", "cpu01"):
        record = engine.add_run(host, "hostname", output=host.encode() + b" says hello\n")
        engine.change_run(record.run_id, task_id=1)
    async with shown(engine) as pilot:
        pilot.app.push_screen(OutputScreen(pilot.app.context, f"{1:032x}"))
        await settle(pilot, "gpu01 says hello")
        for host in ("gpu02", "cpu01", "gpu01"):
            await pilot.press("h")
            await settle(pilot, f"{host} says hello")
            assert host in rows(pilot.app)[0]


async def test_a_task_on_one_host_has_no_next_one(tmp_path):
    async with reading(tmp_path) as (_, pilot):
        assert "next host" not in rows(pilot.app)[-1]
        await pilot.press("h")
        assert "#1" in rows(pilot.app)[0]


async def test_r_runs_it_again_on_this_host_and_shows_that(tmp_path):
    async with reading(tmp_path) as (engine, pilot):
        await pilot.press("r")
        await settle(pilot, "Tasks › #2")
        assert engine.asked == [("run_again", 1, ("gpu01",))]
        assert "No output so far." in text(pilot.app)


async def test_an_ended_run_says_where_one_is(tmp_path):
    async with reading(tmp_path, state=RunState.SUCCEEDED, exit_status=0, took=3.0) as (_, pilot):
        await settle(pilot, "300 lines")
        await pilot.press("g")
        await settle(pilot, "line 19 of 300")
        assert row_of(pilot.app, "✓")


# --- small terminals ---------------------------------------------------------------------


async def test_all_of_it_works_at_40_by_10(tmp_path):
    async with reading(tmp_path, size=(40, 10)) as (_, pilot):
        await pilot.press("slash", *"epoch 5")
        await settle(pilot, "11 matches")
        await pilot.press("enter")
        await settle(pilot, "11 of 11")
        for key in ("w", "t", "p", "M", "ampersand", "n", "N", "ampersand", "escape", "G"):
            await pilot.press(key)
            await pilot.pause()
        await settle(pilot, "following")
        assert "? keys" in rows(pilot.app)[-1]
