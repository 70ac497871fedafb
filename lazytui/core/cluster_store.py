"""Clusters in the journal: their definitions, who holds them, and what he noted of them last."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from lazytui.core.cluster_model import ClusterKind, ClusterSpec, ClusterState
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lazytui.core.journal import Journal


@dataclass(frozen=True, slots=True)
class ClusterParts:
    """What a running cluster consists of, for who has to clear it away after a crash.

    Args:
        runs: the ids of its runs.
        exposures: the numbers of its exposures.
        folders: temporary ones, by host.
        master_port: where its master listens.
        dashboard_port: where its dashboard is on the manager; 0 for none.
    """

    runs: tuple[str, ...] = ()
    exposures: tuple[int, ...] = ()
    folders: Mapping[str, list[str]] = field(default_factory=dict)
    master_port: int = 0
    dashboard_port: int = 0

    def with_left(self, left: ClusterParts) -> ClusterParts:
        """Give these parts, with what was left by an earlier life."""
        folders = {host: list(paths) for host, paths in self.folders.items()}
        for host, paths in left.folders.items():
            folders[host] = list(dict.fromkeys((*folders.get(host, ()), *paths)))
        return replace(
            self,
            runs=tuple(dict.fromkeys((*self.runs, *left.runs))),
            exposures=tuple(dict.fromkeys((*self.exposures, *left.exposures))),
            folders=folders,
        )


NOTHING = ClusterParts()


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """A cluster as the journal knows it.

    Args:
        spec: its definition.
        owner: the owner text of the process that holds it; empty when nobody does.
        state: what that process noted last.
        reason: as noted.
        parts: as noted.
    """

    spec: ClusterSpec
    owner: str = ""
    state: ClusterState = ClusterState.STOPPED
    reason: str = ""
    parts: ClusterParts = NOTHING


class ClusterStore:
    """The clusters in the journal. Every coroutine raises JournalError when it cannot be used."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def all(self) -> list[ClusterRecord]:
        """List all, in the order in which they were kept."""
        return await self._journal.read(lambda db: read(db.connection))

    async def add(self, spec: ClusterSpec) -> None:
        """Keep a definition.

        Raises:
            UsageError: the name is taken.
        """
        await self._journal.change(lambda db: _add(db.connection, spec))

    async def set_spec(self, name: str, spec: ClusterSpec) -> None:
        """Keep another definition in the place of one.

        Raises:
            UsageError: its name is taken by another.
        """
        await self._journal.change(lambda db: _set_spec(db.connection, name, spec))

    async def remove(self, name: str) -> None:
        """Forget a cluster."""
        await self._journal.change(
            lambda db: db.connection.execute("DELETE FROM clusters WHERE name = ?", (name,))
        )

    async def note(
        self, name: str, by: str, owner: str, state: ClusterState, reason: str, parts: ClusterParts
    ) -> None:
        """Note how one is, for who looks from another process, or after a crash.

        Args:
            name: of the cluster.
            by: the owner text of who notes it; nothing is noted of one that another holds.
            owner: who holds it from now on; empty for nobody.
            state: how it is.
            reason: why.
            parts: what it consists of.
        """
        await self._journal.change(
            lambda db: db.connection.execute(
                "UPDATE clusters SET owner = ?, state = ?, reason = ?, parts = ?"
                " WHERE name = ? AND owner IN ('', ?)",
                (owner, str(state), reason, json.dumps(asdict(parts)), name, by),
            )
        )

    async def claim(
        self, name: str, owner: str, is_alive: Callable[[str], bool]
    ) -> ClusterRecord | None:
        """Take a cluster that nobody alive holds; None when somebody does, or it is gone.

        ``is_alive`` is called on the journal's thread.
        """
        return await self._journal.change(lambda db: _claim(db.connection, name, owner, is_alive))


def read(connection: sqlite3.Connection) -> list[ClusterRecord]:
    """List all clusters, in the order in which they were kept."""
    rows = connection.execute(
        "SELECT spec, owner, state, reason, parts FROM clusters ORDER BY cluster_id"
    )
    return [
        ClusterRecord(_spec(spec), owner, ClusterState(state), reason, _parts(parts))
        for spec, owner, state, reason, parts in rows
    ]


def _add(connection: sqlite3.Connection, spec: ClusterSpec) -> None:
    try:
        connection.execute(
            "INSERT INTO clusters (name, spec, created, owner, state, reason, parts)"
            " VALUES (?, ?, ?, '', ?, '', '{}')",
            (spec.name, json.dumps(asdict(spec)), time.time(), str(ClusterState.STOPPED)),
        )
    except sqlite3.IntegrityError as error:
        raise _taken(spec.name) from error


def _set_spec(connection: sqlite3.Connection, name: str, spec: ClusterSpec) -> None:
    try:
        connection.execute(
            "UPDATE clusters SET name = ?, spec = ? WHERE name = ?",
            (spec.name, json.dumps(asdict(spec)), name),
        )
    except sqlite3.IntegrityError as error:
        raise _taken(spec.name) from error


def _taken(name: str) -> UsageError:
    return UsageError(f"there is a cluster {name} already")


def _claim(
    connection: sqlite3.Connection, name: str, owner: str, is_alive: Callable[[str], bool]
) -> ClusterRecord | None:
    found = next((record for record in read(connection) if record.spec.name == name), None)
    if found is None or (found.owner not in ("", owner) and is_alive(found.owner)):
        return None
    connection.execute("UPDATE clusters SET owner = ? WHERE name = ?", (owner, name))
    return found


def _spec(text: str) -> ClusterSpec:
    fields = json.loads(text)
    return ClusterSpec(**{**fields, "kind": ClusterKind(fields["kind"])})


def _parts(text: str) -> ClusterParts:
    fields = json.loads(text)
    return ClusterParts(
        runs=tuple(fields.get("runs", ())),
        exposures=tuple(fields.get("exposures", ())),
        folders=fields.get("folders", {}),
        master_port=fields.get("master_port", 0),
        dashboard_port=fields.get("dashboard_port", 0),
    )
