"""How a task ended on many hosts: one outcome for all that said the same and ended the same.

Fed with records and outputs as they come; the outcomes are made anew whenever they are asked
for, so that their order and their members never depend on what came first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
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


_ORDER = {kind: place for place, kind in enumerate(Kind)}


@dataclass(frozen=True)  # not slots: the name is found when it is asked for, and kept
class Outcome:
    """Runs of one task with which it went alike.

    Args:
        kind: what there is to say.
        records: the runs, in the order of the task.
        output: what all of them wrote, as the first one has it; None until they ended.
        live_line: the last line of all of them while they run.
    """

    kind: Kind
    records: tuple[RunRecord, ...]
    output: Output | None = None
    live_line: str = ""

    @cached_property
    def name(self) -> str:
        """The hosts as a folded node set; with a thousand of them it takes milliseconds."""
        return fold(self.hosts)

    @property
    def first(self) -> RunRecord:
        """The run that speaks for the others."""
        return self.records[0]

    @property
    def hosts(self) -> list[str]:
        """The hosts, in the order of the task."""
        return [record.host for record in self.records]


_Key = tuple[Kind, "Hashable"]


class Outcomes:
    """The runs of one task, grouped by how it went with them."""

    def __init__(self) -> None:
        self._records: dict[str, RunRecord] = {}
        self._keys: dict[str, _Key] = {}  # what makes runs alike
        self._unread: dict[str, RunRecord] = {}
        self._outputs: dict[str, Output] = {}
        self._texts: dict[bytes, Output] = {}  # one copy of each distinct output
        self._live_lines: dict[str, str] = {}
        self._made: dict[tuple[Kind, str], Outcome] = {}

    @property
    def records(self) -> Sequence[RunRecord]:
        """The runs in the order of the task."""
        return list(self._records.values())

    def get(self, run_id: str) -> RunRecord | None:
        """Give one run; None when it is not of this task."""
        return self._records.get(run_id)

    def put(self, record: RunRecord) -> None:
        """Take a run as it is now."""
        if self._records.get(record.run_id) is record:
            return
        self._records[record.run_id] = record
        if record.state.is_final and record.run_id not in self._outputs:
            self._unread[record.run_id] = record
        self._keys[record.run_id] = self._key(record)

    def take_output(self, run_id: str, output: Output) -> None:
        """Take what a run that has ended wrote."""
        known = self._texts.setdefault(output.digest, output)
        # The same text may have been read on a host whose name is in it.
        self._outputs[run_id] = known if known.masked == output.masked else output
        self._unread.pop(run_id, None)
        self._live_lines.pop(run_id, None)
        self._keys[run_id] = self._key(self._records[run_id])

    def take_live_line(self, run_id: str, line: str) -> None:
        """Take the last line of a run that goes on."""
        self._live_lines[run_id] = line
        self._keys[run_id] = self._key(self._records[run_id])

    def unread(self) -> list[RunRecord]:
        """Give the runs that have ended and whose output is not known yet."""
        return list(self._unread.values())

    def counts(self) -> Counter[str]:
        """Count the runs by what became of them: a state, or ``not reached``."""
        return Counter(
            Kind.NOT_REACHED.value if is_not_reached(record) else record.state.value
            for record in self._records.values()
        )

    def outcomes(self) -> list[Outcome]:
        """Group the runs: what ended first, the biggest group first of all."""
        piles: dict[_Key, list[RunRecord]] = {}
        for run_id, key in self._keys.items():
            piles.setdefault(key, []).append(self._records[run_id])
        joined = self._join_same_text(piles)
        joined.sort(key=lambda pile: (_ORDER[pile[0]], -len(pile[1])))
        made, self._made = self._made, {}
        outcomes = []
        for kind, records in joined:
            first = records[0].run_id
            output = self._outputs.get(first) if kind is Kind.ENDED else None
            live_line = self._live_lines.get(first, "") if kind is Kind.RUNNING else ""
            outcome = Outcome(kind, tuple(records), output, live_line)
            known = made.get((kind, first))
            outcome = known if known == outcome and known else outcome
            self._made[kind, first] = outcome
            outcomes.append(outcome)
        return outcomes

    def _key(self, record: RunRecord) -> _Key:
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
        self, piles: dict[_Key, list[RunRecord]]
    ) -> list[tuple[Kind, list[RunRecord]]]:
        """Join piles that differ only because a host's name is a word of a text equal on all.

        ``cannot reach db01``, said by all hosts, is one outcome, although on db01 it has the
        host's own name in it.
        """
        joined: list[tuple[Kind, list[RunRecord]]] = []
        place_of: dict[Hashable, int] = {}
        order: dict[str, int] = {}
        for (kind, _), records in piles.items():
            texts = {self._outputs[r.run_id].digest for r in records} if kind is Kind.ENDED else ()
            if len(texts) == 1:
                key = (_end(records[0]), *texts)
                if key in place_of:
                    _, known = joined[place_of[key]]
                    known.extend(records)
                    order = order or {run_id: n for n, run_id in enumerate(self._records)}
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
