"""Reads what the runs of a task wrote and compares it, off the loop, a few times a second."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.core.model import RunState
from lazytui.core.outcomes import Kind, Outcome, Outcomes, find, reference_of
from lazytui.core.outputs import (
    Difference,
    Output,
    as_output,
    difference,
    read_last_line,
    read_output,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lazytui.core.model import RunRecord

REGROUP_S = 0.25
_SMALL_BYTES = 1024 * 1024  # outputs up to it are read many at a time
_SMALL_AT_ONCE = 40
_LINES_AT_ONCE = 200
_COMPARED_AT_ONCE = 10  # a few milliseconds

_Pair = tuple[bytes, bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Compared:
    """An outcome beside the reference.

    Args:
        outcome: the outcome.
        reference: what it is compared with; None when there is nothing else to compare.
        difference: what differs, once that is known; None for the reference itself, and for what
            ended in another way and has no line in common with it.
    """

    outcome: Outcome
    reference: Outcome | None = None
    difference: Difference | None = None

    @property
    def is_reference(self) -> bool:
        """True when the others are compared with this one."""
        return self.reference is self.outcome


class OutcomeReader:
    """Keeps the outcomes of a task up to date while :meth:`follow` runs.

    Args:
        outcomes: fed by the owner with records, and from here with what they wrote.
        on_news: called on the loop when there is something new to show, at most four times a
            second.
    """

    def __init__(self, outcomes: Outcomes, on_news: Callable[[Sequence[Compared]], None]) -> None:
        self._outcomes = outcomes
        self._on_news = on_news
        self._reference_run: str | None = None
        self._growing: dict[str, RunRecord] = {}  # runs whose last line is to be read
        self._large: set[str] = set()
        self._differences: dict[_Pair, Difference] = {}
        self._wake = asyncio.Event()
        self._is_over = threading.Event()

    def look(self, grown: Iterable[RunRecord] = ()) -> None:
        """Take notice that there are new records, and that outputs of these runs have grown."""
        self._growing.update((record.run_id, record) for record in grown)
        self._wake.set()

    def compare_with(self, run_id: str) -> None:
        """Compare with the outcome of this run from now on, whatever is the biggest."""
        self._reference_run = run_id
        self._wake.set()

    async def follow(self) -> None:
        """Read, group, compare and tell, again and again, until it is cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._read_last_lines()
                await self._read_outputs()
                await self._compare()
                await asyncio.sleep(REGROUP_S)
        finally:
            self._is_over.set()

    def compared(self) -> list[Compared]:
        """Give the outcomes as they are now, with the differences as far as they are known."""
        outcomes = self._outcomes.outcomes()
        reference = self._reference(outcomes)
        known, self._differences = self._differences, {}
        compared = []
        for outcome in outcomes:
            pair = _pair(reference, outcome)
            if pair is not None and pair in known:
                self._differences[pair] = known[pair]
            against = reference if outcome.kind is Kind.ENDED else None
            differs = known.get(pair) if pair else None
            if differs and against and differs.is_all and not _ended_alike(against, outcome):
                differs = None
            compared.append(Compared(outcome, against, differs))
        return compared

    def _reference(self, outcomes: Sequence[Outcome]) -> Outcome | None:
        if sum(outcome.kind is Kind.ENDED for outcome in outcomes) < 2:
            return None
        chosen = find(outcomes, self._reference_run) if self._reference_run else None
        if chosen is not None and chosen.kind is Kind.ENDED:
            return chosen
        return reference_of(outcomes)

    async def _read_last_lines(self) -> None:
        growing, self._growing = list(self._growing.values()), {}
        for start in range(0, len(growing), _LINES_AT_ONCE):
            some = growing[start : start + _LINES_AT_ONCE]
            lines = await asyncio.to_thread(_last_lines, some)
            for record, line in zip(some, lines, strict=True):
                self._outcomes.take_live_line(record.run_id, line)

    async def _read_outputs(self) -> None:
        loop = asyncio.get_running_loop()
        told = loop.time()
        while unread := self._outcomes.unread():
            small = [record for record in unread if record.run_id not in self._large]
            some = small[:_SMALL_AT_ONCE] or unread[:1]
            if not small:
                self._on_news(self.compared())  # a large one may take seconds
            outputs = await asyncio.to_thread(
                _read_outputs, some, is_small=bool(small), is_over=self._is_over.is_set
            )
            for record, output in zip(some, outputs, strict=True):
                if output is None:
                    self._large.add(record.run_id)
                else:
                    self._outcomes.take_output(record.run_id, output)
            if loop.time() - told >= REGROUP_S:
                self._on_news(self.compared())
                told = loop.time()
        self._on_news(self.compared())

    async def _compare(self) -> None:
        """Compare what was not compared yet, the biggest groups first."""
        missing = self._not_compared()
        for start in range(0, len(missing), _COMPARED_AT_ONCE):
            if self._wake.is_set():
                return  # there is something newer to show first
            some = missing[start : start + _COMPARED_AT_ONCE]
            found = await asyncio.to_thread(_differences, [pair[1:] for pair in some])
            for (pair, _, _), differs in zip(some, found, strict=True):
                self._differences[pair] = differs
        if missing:
            self._on_news(self.compared())

    def _not_compared(self) -> list[tuple[_Pair, Output, Output]]:
        missing = []
        for compared in self.compared():
            reference, outcome = compared.reference, compared.outcome
            pair = _pair(reference, outcome)
            if pair is None or pair in self._differences:
                continue
            if reference and reference.output and outcome.output:
                missing.append((pair, reference.output, outcome.output))
        return missing


def _pair(reference: Outcome | None, outcome: Outcome) -> _Pair | None:
    """Name two outputs; None when there is nothing to compare."""
    if reference is None or reference is outcome:
        return None
    ours, theirs = reference.output, outcome.output
    if ours is None or theirs is None:
        return None
    return ours.digest, ours.masked, theirs.digest, theirs.masked


def _ended_alike(one: Outcome, other: Outcome) -> bool:
    ends = [(outcome.first.state, outcome.first.exit_status) for outcome in (one, other)]
    return ends[0] == ends[1]


# On threads


def _last_lines(records: Sequence[RunRecord]) -> list[str]:
    running = RunState.RUNNING
    return [
        read_last_line(Path(r.spool)) if r.spool and r.state is running else "" for r in records
    ]


def _read_outputs(
    records: Sequence[RunRecord], *, is_small: bool, is_over: Callable[[], bool]
) -> list[Output | None]:
    """Read outputs; None for one that is too large to be read among others."""
    return [_read_one(record, is_small=is_small, is_over=is_over) for record in records]


def _read_one(record: RunRecord, *, is_small: bool, is_over: Callable[[], bool]) -> Output | None:
    path = Path(record.spool)
    try:
        if is_small and _size(path) > _SMALL_BYTES:
            return None
        return read_output(path, record.host, is_over)
    except OSError as error:
        return as_output(f"Cannot read the output: {error.strerror}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # nothing was written


def _differences(pairs: Sequence[tuple[Output, Output]]) -> list[Difference]:
    return [difference(reference, other) for reference, other in pairs]
