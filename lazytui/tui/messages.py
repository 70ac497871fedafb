"""What the app tells its screens about the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from lazytui.core.events import (
    AuditChanged,
    ClusterChanged,
    ExposureChanged,
    GroupsChanged,
    OutputGrew,
    PresenceChanged,
    QuestionsChanged,
    RunChanged,
    RuntimeChanged,
    TransferMoved,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lazytui.core.events import Event


@dataclass(frozen=True, slots=True)
class Changes:
    """What became different in the engine since the last time.

    Args:
        hosts: hosts with a new state, reason or metrics.
        runs: runs that were made, started or ended.
        output: the new sizes of spools in bytes, by run.
        questions: questions came or went.
        audit: somebody did something.
        groups: a group was added, changed or removed.
        presence: a terminal came or went.
        transfers: files that are sent or got have come further.
        exposures: an exposure came, went, changed its state, or carried something.
        clusters: a cluster came, went, changed its state, or one of its workers did.
    """

    hosts: frozenset[str]
    runs: frozenset[str]
    output: Mapping[str, int]
    questions: bool
    audit: bool = False
    groups: bool = False
    presence: bool = False
    transfers: bool = False
    exposures: bool = False
    clusters: bool = False


class EngineChanged(Message, bubble=False):
    """A batch of changes, told to every screen in sight."""

    def __init__(self, changes: Changes) -> None:
        super().__init__()
        self.changes = changes


def changes_in(events: Iterable[Event]) -> Changes:
    """Sort a batch of events by what the screens show of them."""
    hosts: set[str] = set()
    runs: set[str] = set()
    output: dict[str, int] = {}
    questions = False
    audit = False
    groups = False
    presence = transfers = exposures = clusters = False
    for event in events:
        match event:
            case RuntimeChanged(host):
                hosts.add(host)
            case RunChanged(run_id):
                runs.add(run_id)
            case OutputGrew(run_id, size):
                output[run_id] = size
            case QuestionsChanged():
                questions = True
            case AuditChanged():
                audit = True
            case GroupsChanged():
                groups = True
            case PresenceChanged():
                presence = True
            case TransferMoved():
                transfers = True
            case ExposureChanged():
                exposures = True
            case ClusterChanged():
                clusters = True
            case _:
                pass  # notices are the app's own
    return Changes(
        hosts=frozenset(hosts),
        runs=frozenset(runs),
        output=output,
        questions=questions,
        audit=audit,
        groups=groups,
        presence=presence,
        transfers=transfers,
        exposures=exposures,
        clusters=clusters,
    )
