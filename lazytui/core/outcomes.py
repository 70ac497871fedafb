"""How a task ended on many hosts: one outcome for all that said the same and ended the same.

Fed with records and outputs as they come; the outcomes are made anew whenever they are asked
for, so that their order and their members never depend on what came first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lazytui.core.model import RunState
from lazytui.core.where import fold

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from lazytui.core.model import RunRecord
    from lazytui.core.outputs import Output


class Kind(StrEnum):
    """What there is to say of an outcome, in the order in which they are shown."""

    ENDED = "ended"
    NOT_REACHED = "not reached"  # nothing ran there, for a reason
    READING = "reading"  # over, but its output is still being read
    RUNNING = "running"
    QUEUED = "queued"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Runs of one task with which it went alike.

    Args:
        kind: what there is to say.
        records: the runs, in the order of the task.
        name: their hosts as a folded node set.
        output: what all of them wrote, as the first one has it; None until they ended.
        live_line: the last line of all of them while they run.
    """

    kind: Kind
    records: tuple[RunRecord, ...]
    name: str
    output: Output | None = None
    live_line: str = ""

    @property
    def first(self) -> RunRecord:
        """The run that speaks for the others."""
        return self.records[0]

    @property
    def hosts(self) -> list[str]:
        """The hosts, in the order of the task."""
        return [record.host for record in self.records]


class Outcomes:
    """The runs of one task, grouped by how it went with them."""

    def __init__(self) -> None:
        self._records: dict[str, RunRecord] = {}
        self._outputs: dict[str, Output] = {}
        self._texts: dict[bytes, Output] = {}  # one copy of each distinct output
        self._live_lines: dict[str, str] = {}
        self._names: dict[tuple[str, ...], str] = {}

    @property
    def records(self) -> Sequence[RunRecord]:
        """The runs in the order of the task."""
        return list(self._records.values())

    def put(self, record: RunRecord) -> None:
        """Take a run as it is now."""
        self._records[record.run_id] = record

    def take_output(self, run_id: str, output: Output) -> None:
        """Take what a run that has ended wrote."""
        self._outputs[run_id] = self._texts.setdefault(output.digest, output)
        if output.masked != self._outputs[run_id].masked:
            self._outputs[run_id] = output  # the same text on a host whose name is in it
        self._live_lines.pop(run_id, None)

    def take_live_line(self, run_id: str, line: str) -> None:
        """Take the last line of a run that goes on."""
        self._live_lines[run_id] = line

    def unread(self) -> list[RunRecord]:
        """Give the runs that have ended and whose output is not known yet."""
        return [
            record
            for run_id, record in self._records.items()
            if record.state.is_final and run_id not in self._outputs
        ]

    def counts(self) -> Counter[str]:
        """Count the runs by what became of them: a state, or ``not reached``."""
        return Counter(
            Kind.NOT_REACHED.value if is_not_reached(record) else record.state.value
            for record in self._records.values()
        )

    def outcomes(self) -> list[Outcome]:
        """Group the runs: what ended first, the biggest group first of all."""
        piles: dict[tuple[Kind, Hashable], list[RunRecord]] = {}
        for record in self._records.values():
            piles.setdefault(self._key(record), []).append(record)
        joined = self._join_same_text(piles)
        kinds = list(Kind)
        joined.sort(key=lambda pile: (kinds.index(pile[0]), -len(pile[1])))
        names, self._names = self._names, {}
        outcomes = []
        for kind, records in joined:
            hosts = tuple(record.host for record in records)
            name = self._names[hosts] = names.get(hosts) or fold(hosts)
            first = records[0].run_id
            output = self._outputs.get(first) if kind is Kind.ENDED else None
            live_line = self._live_lines.get(first, "") if kind is Kind.RUNNING else ""
            outcomes.append(Outcome(kind, tuple(records), name, output, live_line))
        return outcomes

    def _key(self, record: RunRecord) -> tuple[Kind, Hashable]:
        """Say what makes runs alike."""
        if record.state is RunState.QUEUED:
            return Kind.QUEUED, record.reason
        if record.state is RunState.RUNNING:
            return Kind.RUNNING, (self._live_lines.get(record.run_id, ""), record.reason)
        if is_not_reached(record):
            return Kind.NOT_REACHED, record.reason
        output = self._outputs.get(record.run_id)
        if output is None:
            return Kind.READING, None
        return Kind.ENDED, (_end(record), output.masked)

    def _join_same_text(
        self, piles: dict[tuple[Kind, Hashable], list[RunRecord]]
    ) -> list[tuple[Kind, list[RunRecord]]]:
        """Join piles that differ only because a host's name is a word of a text equal on all.

        ``cannot reach db01``, said by all hosts, is one outcome, although on db01 it has the
        host's own name in it.
        """
        joined: list[tuple[Kind, list[RunRecord]]] = []
        place_of: dict[Hashable, int] = {}
        order = {run_id: place for place, run_id in enumerate(self._records)}
        for (kind, _), records in piles.items():
            texts = {self._outputs[r.run_id].digest for r in records} if kind is Kind.ENDED else ()
            if len(texts) == 1:
                key = (_end(records[0]), *texts)
                if key in place_of:
                    _, known = joined[place_of[key]]
                    known.extend(records)
                    known.sort(key=lambda record: order[record.run_id])
                    continue
                place_of[key] = len(joined)
            joined.append((kind, records))
        return joined


def is_not_reached(record: RunRecord) -> bool:
    """True when a run failed without ever having begun."""
    never_began = record.started is None and record.exit_status is None
    return record.state is RunState.FAILED and never_began


def reference_of(outcomes: Sequence[Outcome]) -> Outcome | None:
    """Give what the others are compared with: the biggest group that ran to its end."""
    ended = [outcome for outcome in outcomes if outcome.kind is Kind.ENDED]
    whole = (outcome for outcome in ended if outcome.first.exit_status is not None)
    return next(whole, ended[0] if ended else None)


def _end(record: RunRecord) -> Hashable:
    """How a run ended."""
    return record.state, record.exit_status, record.reason


def find(outcomes: Iterable[Outcome], run_id: str) -> Outcome | None:
    """Give the outcome that has a run in it."""
    return next((o for o in outcomes if any(r.run_id == run_id for r in o.records)), None)
