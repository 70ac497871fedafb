"""The commands that were run, for whoever wants to run one of them again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

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
