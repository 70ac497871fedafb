"""Exposures in the journal: their definitions, who holds them, and what he noted of them last."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from lazytui.core.exposure_model import Direction, ExposureSpec, ExposureState, Service

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from lazytui.core.journal import Journal

Session = tuple[int, str]  # of sshd on a host: pid and start time


@dataclass(frozen=True, slots=True)
class ExposureRecord:
    """An exposure as the journal knows it.

    Args:
        spec: its definition.
        owner: the owner text of the process that holds it; empty when it is off.
        state: what that process noted last.
        reason: as noted.
        sessions: by host, the sshd that served the connection which held its ports.
    """

    spec: ExposureSpec
    owner: str = ""
    state: ExposureState = ExposureState.OFF
    reason: str = ""
    sessions: Mapping[str, Session] = field(default_factory=dict)


class ExposureStore:
    """The exposures in the journal. Every coroutine raises JournalError when it cannot be used."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def add(self, spec: ExposureSpec, owner: str) -> int:
        """Keep a definition; gives its number."""
        return await self._journal.change(lambda db: _add(db.connection, spec, owner))

    async def remove(self, number: int) -> bool:
        """Forget an exposure; False when there is none of that number."""
        return await self._journal.change(
            lambda db: (
                db.connection.execute(
                    "DELETE FROM exposures WHERE exposure_id = ?", (number,)
                ).rowcount
                == 1
            )
        )

    async def set_auto(self, number: int, auto: bool) -> None:
        """Note whether it is taken up at the next start."""
        await self._set(number, "auto", int(auto))

    async def set_spec(self, number: int, spec: ExposureSpec) -> None:
        """Keep another definition under the same number."""
        await self._journal.change(
            lambda db: db.connection.execute(
                "UPDATE exposures SET spec = ?, auto = ? WHERE exposure_id = ?",
                (_to_json(spec), int(spec.auto), number),
            )
        )

    async def release(self, number: int) -> None:
        """Note that nobody holds it any more."""
        await self._set(number, "owner", "")

    async def note_sessions(self, number: int, sessions: Mapping[str, Session]) -> None:
        """Note which sshd holds the ports on each host."""
        await self._set(number, "sessions", json.dumps(dict(sessions)))

    async def note_state(self, number: int, state: ExposureState, reason: str) -> None:
        """Note how it is, for who looks from another process."""
        await self._journal.change(
            lambda db: db.connection.execute(
                "UPDATE exposures SET state = ?, reason = ? WHERE exposure_id = ?",
                (str(state), reason, number),
            )
        )

    async def claim(
        self, number: int, owner: str, is_alive: Callable[[str], bool]
    ) -> ExposureRecord | None:
        """Take an exposure that nobody alive holds; None when somebody does, or it is gone.

        ``is_alive`` is called on the journal's thread.
        """
        return await self._journal.change(lambda db: _claim(db.connection, number, owner, is_alive))

    async def all(self) -> list[ExposureRecord]:
        """List all, the oldest first."""
        return await self._journal.read(lambda db: read(db.connection))

    async def _set(self, number: int, column: str, value: object) -> None:
        await self._journal.change(
            lambda db: db.connection.execute(
                f"UPDATE exposures SET {column} = ? WHERE exposure_id = ?",  # noqa: S608
                (value, number),
            )
        )


def read(connection: sqlite3.Connection) -> list[ExposureRecord]:
    """List all exposures, the oldest first."""
    rows = connection.execute(
        "SELECT exposure_id, spec, auto, owner, state, reason, sessions"
        " FROM exposures ORDER BY exposure_id"
    )
    return [_record(*row) for row in rows]


def _add(connection: sqlite3.Connection, spec: ExposureSpec, owner: str) -> int:
    number = connection.execute(
        "INSERT INTO exposures (spec, auto, created, owner, state, reason, sessions)"
        " VALUES (?, ?, ?, ?, ?, '', '{}')",
        (_to_json(spec), int(spec.auto), time.time(), owner, str(ExposureState.CONNECTING)),
    ).lastrowid
    assert number is not None
    return number


def _claim(
    connection: sqlite3.Connection, number: int, owner: str, is_alive: Callable[[str], bool]
) -> ExposureRecord | None:
    found = next((record for record in read(connection) if record.spec.id == number), None)
    if found is None or (found.owner not in ("", owner) and is_alive(found.owner)):
        return None
    connection.execute("UPDATE exposures SET owner = ? WHERE exposure_id = ?", (owner, number))
    return found


def _record(
    number: int, spec: str, auto: int, owner: str, state: str, reason: str, sessions: str
) -> ExposureRecord:
    known: dict[str, list[Any]] = json.loads(sessions)
    return ExposureRecord(
        spec=_from_json(spec, number, bool(auto)),
        owner=owner,
        state=ExposureState(state),
        reason=reason,
        sessions={host: (int(pid), str(start)) for host, (pid, start) in known.items()},
    )


def _to_json(spec: ExposureSpec) -> str:
    fields = asdict(spec)
    del fields["id"], fields["auto"]
    fields["services"] = [[service.service, service.port] for service in spec.services]
    return json.dumps(fields)


def _from_json(text: str, number: int, auto: bool) -> ExposureSpec:
    fields = json.loads(text)
    return ExposureSpec(
        direction=Direction(fields["direction"]),
        services=tuple(Service(service, port) for service, port in fields["services"]),
        source=fields["source"],
        targets=tuple(fields["targets"]),
        group=fields["group"],
        exclude=tuple(fields["exclude"]),
        bind=fields["bind"],
        public=fields["public"],
        auto=auto,
        name=fields["name"],
        id=number,
    )
