"""A screen over a text: finding in it, and moving in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.search import parse_query
from lazytui.errors import UsageError
from lazytui.text import sanitize
from lazytui.tui.screens.base import EngineScreen
from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.log_find import FindBar
from lazytui.tui.widgets.log_words import count_pieces

if TYPE_CHECKING:
    from lazytui.core.search import Query
    from lazytui.tui.context import Context
    from lazytui.tui.widgets.log_view import LogView

_WHEN_FINDING = ("back", "submit", "quit_now")


class TextScreen(EngineScreen):
    """A screen with a text that is read: below it a status, or the line in which one types.

    Args:
        context: of the app.
        log_view: the text.
    """

    def __init__(self, context: Context, log_view: LogView) -> None:
        super().__init__(context)
        self.log_view = log_view
        self._status = Bar(id="status", classes="ruled")
        self._find = FindBar(id="find")
        self._find.display = False
        self._only_when_kept = False  # what is typed now is for only matching lines

    def _show_status(self) -> None:
        """Say below the text what there is to say of it."""
        raise NotImplementedError

    @property
    def is_typing(self) -> bool:
        """Whether the user types what to find."""
        return bool(self._find.display)

    @property
    def scopes(self) -> tuple[str, ...]:
        """While one types, the keys of that."""
        return (*FindBar.SCOPES, *super().scopes) if self.is_typing else super().scopes

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys do what can be done: while one types they are letters."""
        if self.is_typing:
            return action in _WHEN_FINDING
        if action in ("next_match", "prev_match"):
            return self.log_view.found is not None
        return True

    def on_log_pane_changed(self) -> None:
        """Say what was found and what came."""
        self._show_status()

    def on_log_pane_follow_changed(self) -> None:
        """Say whether the text follows."""
        self._show_status()

    # --- finding -----------------------------------------------------------------------------

    def action_find(self) -> None:
        """Ask for what to find."""
        self._ask_to_find(only=False)

    def action_filter(self) -> None:
        """Show only matching lines or all of them again; ask which, if nothing is looked for."""
        found = self.log_view.found
        if found is None:
            self._ask_to_find(only=True)
        else:
            self.log_view.only_matching(on=not found.only)
            self.rebuild()

    def _ask_to_find(self, *, only: bool) -> None:
        found = self.log_view.found
        self._only_when_kept = only
        self._status.display = False
        self._find.begin("&" if only else "/", found.query.text if found else "")
        self._find.show(count_pieces(found) if found else ())
        self.show_keys()

    def on_find_bar_changed(self, message: FindBar.Changed) -> None:
        """Mark what is found while one types."""
        self._look_for(message.text)

    def on_find_bar_submitted(self) -> None:
        """Leave the field and go to the nearest match."""
        found = self.log_view.found
        self._end_finding()
        if found is not None:
            if self._only_when_kept:
                self.log_view.only_matching(on=True)
            else:
                self.log_view.find(found.query, jump=True)
        self.rebuild()

    def _look_for(self, text: str) -> None:
        query: Query | None = None
        try:
            query = parse_query(text) if text else None
        except UsageError as error:
            self.log_view.find(None)
            self._find.show([Piece(sanitize(str(error)), "attention")])
            return
        self.log_view.find(query)
        self._find.show(())

    def _end_finding(self) -> None:
        self._find.display = False
        self._status.display = True
        self.set_focus(self.log_view)

    def action_next_match(self) -> None:
        """Go to the next match."""
        self.log_view.go_to_match(1)

    def action_prev_match(self) -> None:
        """Go to the match before."""
        self.log_view.go_to_match(-1)

    # --- how the text is shown ---------------------------------------------------------------

    def action_follow(self) -> None:
        """Stay at the end as output comes, or stop it."""
        self.log_view.action_toggle_follow()

    def action_wrap(self) -> None:
        """Let long lines go on below, or to the right."""
        self.log_view.wrap = not self.log_view.wrap
        self._show_status()

    # --- moving ------------------------------------------------------------------------------

    def action_text_down(self) -> None:
        self.log_view.action_scroll_down()

    def action_text_up(self) -> None:
        self.log_view.action_scroll_up()

    def action_text_left(self) -> None:
        """What is further left."""
        self.log_view.action_scroll_left()

    def action_text_right(self) -> None:
        """What is further right."""
        self.log_view.action_scroll_right()

    def action_text_top(self) -> None:
        self.log_view.action_scroll_home()

    def action_text_bottom(self) -> None:
        self.log_view.action_scroll_end()

    def action_text_page_down(self) -> None:
        self.log_view.action_page_down()

    def action_text_page_up(self) -> None:
        self.log_view.action_page_up()

    def action_back(self) -> None:
        """Leave the field; then forget what is looked for; then leave the screen."""
        if self._find.display:
            self._end_finding()
            self.log_view.find(None)
        elif self.log_view.found is not None:
            self.log_view.find(None)
        elif self.is_current:
            self.dismiss()
            return
        self.rebuild()
