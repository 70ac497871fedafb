"""A terminal somewhere else shows the screens, whatever it is and however it behaves."""

from __future__ import annotations

from tests.door.terminal import Terminal, attached, served
from tests.tui.fake_engine import lab


async def test_a_terminal_sees_the_screen_and_its_keys_work():
    async with attached(served(lab()), Terminal()) as terminal:
        assert "gpu01" in terminal.text

        terminal.type("2")
        await terminal.until("No tasks yet")

        terminal.type("q")
        await terminal.when(lambda: terminal.ended)
        assert terminal.ended == (0, "")
