"""What the list of groups shows: fixed ones, live ones, and the states that hosts are in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.model import HostState
from lazytui.text import sanitize
from lazytui.tui.widgets.cells import Piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.groups import Group
    from lazytui.tui.context import RuntimeView

STATES = {
    "up": (HostState.ACTIVE, "●", "fine"),
    "stale": (HostState.STALE, "◐", "attention"),
    "connecting": (HostState.CONNECTING, "◌", "moves"),
    "down": (HostState.INACTIVE, "○", "broken"),
}


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A set of hosts that can be shown alone.

    Args:
        filter: the filter that shows it: ``@train``, ``state:up``.
        title: what it is called, in pieces.
        hosts: who is in it now.
        note: its query, or what is wrong with it; sanitized.
        group: the kept group; None for a state.
    """

    filter: str
    title: tuple[Piece, ...]
    hosts: tuple[str, ...]
    note: str = ""
    group: Group | None = None

    @property
    def broken(self) -> bool:
        """Its query cannot be read any more."""
        return self.group is not None and bool(self.group.problem)


Sections = list[tuple[str, list[GroupRow]]]


def group_sections(groups: Sequence[Group], runtimes: Iterable[RuntimeView]) -> Sections:
    """Sort groups and states under headings; one with nothing below it is left out.

    Args:
        groups: the kept ones, with the members they have now.
        runtimes: all hosts.
    """
    fixed = [_row(group) for group in groups if not group.live]
    live = [_row(group) for group in groups if group.live]
    members: dict[HostState, list[str]] = {}
    for runtime in runtimes:
        members.setdefault(runtime.state, []).append(runtime.host)
    states = [
        GroupRow(f"state:{word}", (Piece(f"{sign} ", role), Piece(word)), tuple(members[state]))
        for word, (state, sign, role) in STATES.items()
        if state in members
    ]
    sections = [("fixed", fixed), ("live", live), ("state", states)]
    return [(title, rows) for title, rows in sections if rows]


def _row(group: Group) -> GroupRow:
    note = group.problem or (group.where if group.live else "")
    title = (Piece(sanitize(f"@{group.name}"), "people"),)
    return GroupRow(f"@{group.name}", title, group.hosts, sanitize(note), group)
