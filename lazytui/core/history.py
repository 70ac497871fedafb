"""The commands that were run, for whoever wants to run one of them again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

LOOKED_AT = 5000  # newest tasks that are searched for distinct commands


@dataclass(frozen=True, slots=True)
class PastCommand:
    """A command, when it was last run (epoch seconds), and on how many hosts."""

    command: str
    when: float
    hosts: int


def past_commands(connection: sqlite3.Connection, limit: int) -> list[PastCommand]:
    """List the distinct commands of the journal, the newest first.

    Tasks of several steps are no single command; they are passed over.

    Args:
        connection: to the journal.
        limit: how many at most.
    """
    tasks = connection.execute(
        "SELECT task_id, created, steps FROM tasks ORDER BY task_id DESC LIMIT ?", (LOOKED_AT,)
    )
    newest: dict[str, tuple[int, float]] = {}
    for task_id, created, text in tasks:
        steps = json.loads(text)
        if len(steps) == 1 and (command := steps[0].get("command")):
            newest.setdefault(command, (task_id, created))
            if len(newest) == limit:
                break
    count = "SELECT COUNT(*) FROM runs WHERE task_id = ?"
    return [
        PastCommand(command, created, connection.execute(count, (task_id,)).fetchone()[0])
        for command, (task_id, created) in newest.items()
    ]


def find_commands(past: Sequence[PastCommand], text: str) -> list[PastCommand]:
    """Find the commands in which all words of a text are, in any case and order.

    Of a word it is enough that its letters come one after the other, as in ``tnpy`` for
    ``train.py``; commands that have all words as they were typed come first.

    Args:
        past: what to search; of equals the first stays first.
        text: words; without one all are found.
    """
    words = text.casefold().split()
    exact, loose = [], []
    for one in past:
        command = one.command.casefold()
        if all(word in command for word in words):
            exact.append(one)
        elif all(_has_letters(command, word) for word in words):
            loose.append(one)
    return exact + loose


def _has_letters(command: str, word: str) -> bool:
    rest = iter(command)
    return all(letter in rest for letter in word)
