"""Asks twice before something that cannot be taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.tui.screens.ask_text import AskText
from lazytui.tui.screens.choice import ChoiceScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lazytui.tui.screens.base import EngineScreen

TYPED_OVER = 5  # more than so many hosts or tasks: the user types how many


def confirm(
    screen: EngineScreen,
    title: str,
    lines: Sequence[str],
    yes: str,
    count: int,
    then: Callable[[], None],
) -> None:
    """Ask, and go on only when the user means it.

    Args:
        screen: where it is asked.
        title: what would be done, a question.
        lines: what it would be done to.
        yes: the answer that does it, a verb first.
        count: how many hosts or tasks it concerns; of many the number has to be typed.
        then: does it.
    """
    if count > TYPED_OVER:

        def typed(text: str | None) -> None:
            if text is not None:
                then()

        def problem(text: str) -> str:
            return "" if text.strip() == str(count) else f"the number is {count}"

        asked = (*lines, f"Type {count} and press enter to {yes}.")
        screen.open(AskText(title, asked, "", problem), typed)
        return

    def chosen(key: str | None) -> None:
        if key == "y":
            then()

    screen.open(ChoiceScreen(title, lines, (("y", f"yes, {yes}"), ("n", "no"))), chosen)
