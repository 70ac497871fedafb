"""A sheet of fields: how one goes from field to field, and sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lazytui.tui.screens.sheet import Sheet
from lazytui.tui.widgets.run_form_fields import OptionRow

if TYPE_CHECKING:
    from textual import events

Answer = TypeVar("Answer")


class FormSheet(Sheet[Answer]):
    """Fields one below the other. Children lay them out and say what ``enter`` does."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """``←`` and ``→`` choose where there is something to choose."""
        if action in ("option_previous", "option_next"):
            return isinstance(self.focused, OptionRow)
        return True

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Scroll to where the keys go; others may work there."""
        event.widget.scroll_visible(animate=False)
        self.show_keys()

    def on_input_submitted(self) -> None:
        """A field takes ``enter`` before the sheet does."""
        self.action_submit()

    def action_submit(self) -> None:
        """Take what is in the fields."""
        raise NotImplementedError

    def action_next_field(self) -> None:
        """Go to the next field."""
        self.focus_next()

    def action_previous_field(self) -> None:
        """Go to the field before."""
        self.focus_previous()

    def action_option_previous(self) -> None:
        """Choose the option before."""
        self._step(-1)

    def action_option_next(self) -> None:
        """Choose the option after."""
        self._step(1)

    def _step(self, by: int) -> None:
        if isinstance(self.focused, OptionRow):
            self.focused.step(by)

    def action_back(self) -> None:
        """Leave; nothing comes of it."""
        self.leave(None)
