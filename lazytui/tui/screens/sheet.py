"""What lies over another screen and gives an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast

from textual.screen import ModalScreen

from lazytui.tui.widgets.bars import KeyBar

if TYPE_CHECKING:
    from lazytui.tui.keys import HasKeys, Keys

Answer = TypeVar("Answer")


class Sheet(ModalScreen[Answer], Generic[Answer]):
    """A modal screen with a key bar of its own. ``SCOPES`` names its part of the keymap."""

    SCOPES: ClassVar[tuple[str, ...]] = ()

    @property
    def keys(self) -> Keys:
        """The keymap as the user has it."""
        return cast("HasKeys", self.app).keys

    def leave(self, answer: Answer | None = None) -> None:
        """Go, and hand over the answer; once, even when two keys arrive together."""
        if self.is_current:
            for asked in self._result_callbacks[-1:]:
                asked.requester = self.app  # it calls back before it looks at the next key
            self.dismiss(answer)

    def show_keys(self) -> None:
        """Show the keys that can do something now."""
        keys = [key for key in self.keys.of(*self.SCOPES) if key.bar]
        able = [key for key in keys if self.check_action(key.action, ()) is not False]
        self.query_one(KeyBar).show(able)
