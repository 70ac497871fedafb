"""Gather equal outputs: one block for all hosts that said the same and ended the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from lazytui.core.where import fold

if TYPE_CHECKING:
    from collections.abc import Iterable

RULE = b"---------------"


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts with the same output *and* the same exit status.

    ``exit_status`` is None when there is none (host not reached, run lost). ``name`` is the
    hosts as a folded node set.
    """

    hosts: tuple[str, ...]
    name: str
    exit_status: int | None
    output: bytes


@dataclass(slots=True)
class _Pile:
    exit_status: int | None
    output: bytes
    hosts: dict[str, None] = field(default_factory=dict)


class Gather:
    """Collects results as they come in; keeps one copy of each distinct output."""

    def __init__(self) -> None:
        self._piles: dict[tuple[int | None, bytes], _Pile] = {}
        self._key_of_host: dict[str, tuple[int | None, bytes]] = {}

    def add(self, host: str, exit_status: int | None, output: bytes) -> None:
        """Put a host with those that said the same; a newer result replaces the host's older."""
        key = (exit_status, blake2b(output, digest_size=16).digest())
        old = self._key_of_host.get(host)
        if old == key:
            return
        if old is not None:
            self._take_out(host, old)
        self._key_of_host[host] = key
        pile = self._piles.get(key)
        if pile is None:
            pile = self._piles[key] = _Pile(exit_status, output)
        pile.hosts[host] = None

    def groups(self) -> list[Group]:
        """Give all groups, the biggest first; equally big ones in the order they appeared."""
        piles = sorted(self._piles.values(), key=lambda pile: -len(pile.hosts))
        return [
            Group(tuple(pile.hosts), fold(pile.hosts), pile.exit_status, pile.output)
            for pile in piles
        ]

    def _take_out(self, host: str, key: tuple[int | None, bytes]) -> None:
        pile = self._piles[key]
        del pile.hosts[host]
        if not pile.hosts:
            del self._piles[key]


def gather(results: Iterable[tuple[str, int | None, bytes]]) -> list[Group]:
    """Group ``(host, exit status, output)`` results; see :meth:`Gather.groups`."""
    gathered = Gather()
    for host, exit_status, output in results:
        gathered.add(host, exit_status, output)
    return gathered.groups()


def render(groups: Iterable[Group]) -> bytes:
    """Write groups as ``clush -b`` does, the outputs as raw bytes.

    The header is the folded node set with the count of its hosts, and the exit status when it
    is not 0. Whoever prints this on a terminal must sanitize it first.
    """
    return b"".join(part for group in groups for part in _block(group))


def _block(group: Group) -> tuple[bytes, ...]:
    header = group.name
    if len(group.hosts) > 1:
        header += f" ({len(group.hosts)})"
    if group.exit_status is None:
        header += " no exit status"
    elif group.exit_status:
        header += f" exit {group.exit_status}"
    line_end = b"" if not group.output or group.output.endswith(b"\n") else b"\n"
    named = header.encode("utf-8", "surrogateescape")
    return (RULE, b"\n", named, b"\n", RULE, b"\n", group.output, line_end)
