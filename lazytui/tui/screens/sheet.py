"""What lies over another screen and gives an answer."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.screen import ModalScreen

from lazytui.tui.keymap import keys_of
from lazytui.tui.widgets.bars import KeyBar

Answer = TypeVar("Answer")


class Sheet(ModalScreen[Answer], Generic[Answer]):
    """A modal screen with a key bar of its own. ``SCOPES`` names its part of the keymap."""

    SCOPES: ClassVar[tuple[str, ...]] = ()

    def leave(self, answer: Answer | None = None) -> None:
        """Go, and hand over the answer; once, even when two keys arrive together."""
        if self.is_current:
            self.dismiss(answer)

    def show_keys(self) -> None:
        """Show the keys that can do something now."""
        keys = [key for key in keys_of(*self.SCOPES) if key.bar]
        able = [key for key in keys if self.check_action(key.action, ()) is not False]
        self.query_one(KeyBar).show(able)
