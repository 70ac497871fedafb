"""One exposure: each of its listeners, what went through it, and what came of a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lazytui.errors import LazytuiError
from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.base import EngineScreen
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.port_words import (
    reach_text,
    result_pieces,
    row_pieces,
    service_text,
    state_pieces,
)
from lazytui.tui.widgets.reading import Reading

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from lazytui.core.exposure_model import Exposure
    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes
    from lazytui.tui.widgets.cells import Row


class PortScreen(EngineScreen):
    """All about one exposure.

    Args:
        context: of the app.
        number: of the exposure.
        test: try it at once.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("page", "list", "global")
    BINDINGS = bindings("page")

    def __init__(self, context: Context, number: int, *, test: bool = False) -> None:
        super().__init__(context)
        self._number = number
        self._test = test
        self._results: list[Row] = []
        self._about = Reading(id="port-about")

    def compose(self) -> ComposeResult:
        """Lay out header, what there is to read, and keys."""
        yield self.header
        yield self._about
        yield self.key_bar

    def on_mount(self) -> None:
        """Begin the test that was asked for."""
        if self._test:
            self._results = [[Piece("Testing …", "moves")]]
            self.intend(self._try(), "test")

    async def _try(self) -> None:
        try:
            results = await self.engine.exposures.test(self._number)
            self._results = [result_pieces(each) for each in results]
        except LazytuiError as error:
            self._results = [[Piece(sanitize(str(error)), "attention")]]
        if self.is_mounted:
            self.rebuild()

    @property
    def _exposure(self) -> Exposure | None:
        known = self.engine.exposures.all()
        return next((each for each in known if each.id == self._number), None)

    def rebuild(self) -> None:
        """Show the exposure as it is now."""
        each = self._exposure
        name = sanitize(each.spec.name) if each and each.spec.name else f"#{self._number}"
        way = [Piece("Ports › ", "quiet"), Piece(name, bold=True)]
        if each is None:
            self.header.way(way, [Piece("removed", "attention")])
            return
        self.header.way(way, state_pieces(each.state))
        now = self.clock.epoch()
        rows: list[Row] = [
            [Piece(service_text(each.spec)), Piece(" → ", "quiet"), Piece(reach_text(each.spec))],
            [],
        ]
        rows += [line for row in each.rows for line in row_pieces(row, now)]
        if not each.rows:
            rows.append([Piece(sanitize(each.reason) or "It is off.", "quiet")])
        if self._results:
            rows += [[], [Piece("Test, from a client to the service", "quiet")], *self._results]
        self._about.show(rows)
        self.show_keys()

    def show_changes(self, changes: Changes) -> None:
        """Show what changed."""
        if changes.exposures:
            self.rebuild()

    def action_back(self) -> None:
        """Back to the list."""
        self.dismiss()
