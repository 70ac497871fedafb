"""How to stop a run: a small menu of signals, the gentlest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.text import sanitize
from lazytui.tui.screens.choice import ChoiceScreen

if TYPE_CHECKING:
    from lazytui.core.model import RunRecord

SIGNALS = {
    "i": ("INT", "INT    as ctrl+c does: let it end by itself"),
    "t": ("TERM", "TERM   ask it to end"),
    "k": ("KILL", "KILL   end it at once, nothing is cleaned up"),
}


class StopMenu(ChoiceScreen):
    """Names the run and offers the signals; everything the run started gets the signal."""

    def __init__(self, record: RunRecord) -> None:
        super().__init__(
            f"Stop #{record.task_id} on {sanitize(record.host)}?",
            (record.command,),
            tuple((key, text) for key, (_, text) in SIGNALS.items()),
            start=0,
        )
