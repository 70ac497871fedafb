"""Text from hosts and files is shown as it is: no markup, no command for the terminal."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from lazytui.core.model import RunState
from tests.tui.fake_engine import FakeEngine, FakeEntry, FakeQuestion, FakeRuntime, up
from tests.tui.seen import rows, settle, shown, text

NASTY = {
    "markup": "a [/x] [bold]b[/bold] [@click=app.quit]c[/]",
    "escapes": "a\x1b]52;c;cHduZWQ=\x07\x1b[2Jb\x9b31mc\x1b]0;title\x1b\\",
    "bidi": "a\u202eb\u2066c\u200f",
    "newlines": "a\nb\r\nc\td\u2028e",
    "wide": "主机" * 60,
    "combining": "e\u0301" * 120,
    "emoji": "🖥️👩‍💻" * 40,
    "long": "h" * 200,
    "variables": "$primary ${HOME} $nothing",
    "nothing": "",
}
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def everywhere(nasty: str, tmp_path) -> FakeEngine:
    """Give an engine that has the text in every field."""
    engine = FakeEngine(spool_dir=tmp_path, problems=(nasty,), config_path=nasty)
    good = engine.add(up(nasty, 0.5, 0.5, 0.5))
    good.reason, good.address, good.entry = nasty, nasty, FakeEntry(nasty, 1)
    good.info = type(good.info)(nasty, 8, 1 << 30, nasty, (nasty,))
    down = FakeRuntime(nasty + "2", state=FakeRuntime("").state.INACTIVE, reason=nasty)
    engine.add(down)
    engine.add_run(nasty, nasty or " ", output=nasty.encode("utf-8", "surrogatepass"))
    engine.add_run(nasty + "2", nasty, state=RunState.LOST, reason=nasty)
    engine.ask(FakeQuestion("q", nasty + "2", nasty, (nasty, nasty), (("a", nasty), ("n", nasty))))
    return engine


@pytest.mark.parametrize("size", [(40, 10), (110, 30)])
@pytest.mark.parametrize("nasty", NASTY)
async def test_nasty_text_is_shown_on_every_screen_and_harms_none(nasty, size, tmp_path):
    engine = everywhere(NASTY[nasty], tmp_path)
    async with shown(engine, size) as pilot:
        for keys in ("j", "space", "r", "escape", "Q", "escape", "k", "l", "x", "escape", "escape",
                     "2", "j", "l", "escape", "x", "escape"):  # fmt: skip
            await pilot.press(keys)
            await pilot.pause()
            seen = rows(pilot.app)
            assert not FORBIDDEN.search("".join(seen))
            assert all(cell_len(row) <= size[0] for row in seen)
        assert pilot.app.is_running


async def test_markup_stands_there_letter_by_letter(tmp_path):
    async with shown(everywhere(NASTY["markup"], tmp_path), (132, 40)) as pilot:
        assert text(pilot.app).count("a [/x] [bold]b[/") >= 5
        await pilot.press("Q")
        await settle(pilot, "a [/x] [bold]b[/bold] [@click=app.quit]c[/]")


async def test_a_long_name_is_cut_before_it_costs_the_state():
    engine = FakeEngine()
    engine.add(up("h" * 200, 0.5, 0.5, 0.5))
    async with shown(engine, (40, 10)) as pilot:
        assert re.search(r"h+… +● up", text(pilot.app))
