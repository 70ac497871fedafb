"""The groups over a screen that has no room for them beside the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.widgets import Static

from lazytui.tui.group_rows import group_sections
from lazytui.tui.screens.sheet import Sheet
from lazytui.tui.widgets.bars import KeyBar
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.groups_panel import GroupList

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from lazytui.tui.context import EngineView
    from lazytui.tui.messages import EngineChanged


class GroupListScreen(Sheet[GroupList.Asked]):
    """Gives what is to be done with which group, or None after ``esc``.

    Follows the groups, and once a second the hosts.

    Args:
        engine: knows the groups.
        chosen: the filter of the hosts that are shown now.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("groups",)
    AUTO_FOCUS = "GroupList"

    def __init__(self, engine: EngineView, chosen: str) -> None:
        super().__init__()
        self._engine = engine
        self._chosen = chosen
        self._list = GroupList()

    def compose(self) -> ComposeResult:
        """Lay the card out."""
        with Vertical(classes="card"):
            yield Static(content_of([Piece("Groups", bold=True)]), id="title")
            yield self._list
            yield KeyBar()

    def on_mount(self) -> None:
        """Begin at the group that is shown."""
        self._show()
        self._list.begin_at(self._chosen)
        self.set_interval(1.0, self._show)  # who is in a live group changes with every sample

    def on_engine_changed(self, message: EngineChanged) -> None:
        """Groups have come, gone or changed."""
        if self.is_mounted and message.changes.groups:
            self._show()

    def _show(self) -> None:
        sections = group_sections(self._engine.groups_now(), self._engine.runtimes.values())
        self._list.show(sections, self._chosen)
        self.show_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be done now is for the list to say."""
        return self._list.check_action(action, parameters)

    def on_group_list_asked(self, message: GroupList.Asked) -> None:
        """Hand over what is to be done."""
        self.leave(message)

    def on_group_list_left(self) -> None:
        """Leave without anything to do."""
        self.leave(None)

    def on_click(self, event: events.Click) -> None:
        """A click beside the card goes back."""
        if event.widget is self:
            self.leave(None)
