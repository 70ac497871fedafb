"""How to stop runs: a small menu of signals, the gentlest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.where import fold
from lazytui.text import sanitize
from lazytui.tui.screens.choice import ChoiceScreen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.model import RunRecord

SIGNALS = {
    "i": ("INT", "INT    as ctrl+c does: let it end by itself"),
    "t": ("TERM", "TERM   ask it to end"),
    "k": ("KILL", "KILL   end it at once, nothing is cleaned up"),
}

_KILL = "k"


class StopMenu(ChoiceScreen):
    """Names the runs and offers the signals; everything that they started gets the signal.

    Args:
        runs: which ones.
        told: how many of them were told to end before, and did not. When all were, ``enter`` kills.
    """

    def __init__(self, runs: Sequence[RunRecord], told: int) -> None:
        every = told == len(runs)
        super().__init__(
            f"Stop {named(runs)}?",
            [*what_and_where(runs), *_second_word(len(runs), told)],
            tuple((key, text) for key, (_, text) in SIGNALS.items()),
            start=tuple(SIGNALS).index(_KILL) if every else 0,
        )


def _second_word(count: int, told: int) -> list[str]:
    """Say that some were told to end before."""
    if not told:
        return []
    if told < count:
        return [f"{told} of {count} were told to end before, and still run."]
    if count == 1:
        return ["It was told to end before, and still runs: now KILL."]
    return ["All were told to end before, and still run: now KILL."]


def named(runs: Sequence[RunRecord]) -> str:
    """Name runs: ``#41 on gpu01``, ``9 runs of #41``, ``12 runs of 3 tasks``."""
    tasks = {run.task_id for run in runs}
    if len(runs) == 1:
        return f"#{runs[0].task_id} on {sanitize(runs[0].host, max_chars=100)}"
    whose = f"#{runs[0].task_id}" if len(tasks) == 1 else f"{len(tasks)} tasks"
    return f"{len(runs)} runs of {whose}"


def what_and_where(runs: Sequence[RunRecord]) -> list[str]:
    """Say what the runs are, and where when there are several."""
    commands = list(dict.fromkeys(run.command for run in runs))
    if len(runs) == 1:
        return commands
    return [*commands, f"on {fold(run.host for run in runs)}"]
