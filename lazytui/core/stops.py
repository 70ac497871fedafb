"""Stopping many runs at once, and what to say of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.deadline import GRACE_S
from lazytui.errors import LazytuiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from lazytui.core.model import RunRecord

# What came of a signal, in the order in which it is told; {runs} is "1 run" or "3 runs".
_SAID = {
    "sent": "{signal} sent to {runs}",
    "cancelled": "{runs} cancelled before the start",
    "ended": "{runs} had ended already",
    "stale": "{runs} had ended already",
    "rebooted": "{runs} ended with a reboot of the host",
}


@dataclass(frozen=True, slots=True)
class StopReport:
    """What came of a signal to runs.

    Args:
        signal: INT, TERM, KILL and so on.
        answers: how many runs gave each answer of :meth:`lazytui.core.runs.Runs.stop`.
        troubles: hosts that the signal did not reach, with the reason.
    """

    signal: str
    answers: Mapping[str, int]
    troubles: Mapping[str, str]

    @property
    def text(self) -> str:
        """Say it in a sentence: ``INT sent to 9 runs, 1 run had ended already``."""
        totals: Counter[str] = Counter()
        for answer, count in self.answers.items():
            totals[_SAID.get(answer, f"{{runs}}: {answer}")] += count
        known = {said: place for place, said in enumerate(_SAID.values())}
        told = [
            said.format(signal=self.signal, runs=_runs(totals[said]))
            for said in sorted(totals, key=lambda said: known.get(said, len(known)))
        ]
        told += [f"not sent to {host}: {why}" for host, why in list(self.troubles.items())[:3]]
        if len(self.troubles) > 3:
            told.append(f"nor to {len(self.troubles) - 3} more")
        return ", ".join(told)


async def end_all(
    stop: Callable[[str, str], Awaitable[str]],
    over: Callable[[str], Awaitable[object]],
    records: Sequence[RunRecord],
) -> dict[str, str]:
    """End runs: INT, and KILL for those that still run some seconds later.

    Args:
        stop: sends a signal to one run, as :meth:`lazytui.core.runs.Runs.stop` does.
        over: waits until a run has ended.
        records: the runs.

    Returns:
        Why they still run, by host; empty when all have ended.
    """
    left, troubles = list(records), dict[str, str]()
    for signal in ("INT", "KILL"):
        report = await stop_all(stop, left, signal)
        troubles |= report.troubles
        ends = {
            record.host: asyncio.ensure_future(over(record.run_id))
            for record in left
            if record.host not in troubles
        }
        if ends:
            await asyncio.wait(ends.values(), timeout=GRACE_S)
        for end in ends.values():
            end.cancel()
        left = [r for r in left if r.host in ends and not _is_done(ends[r.host])]
        if not left:
            return troubles
    return troubles | {record.host: "it still runs after KILL" for record in left}


def _is_done(end: asyncio.Future[object]) -> bool:
    return end.done() and not end.cancelled()


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


async def stop_all(
    stop: Callable[[str, str], Awaitable[str]], records: Sequence[RunRecord], signal: str
) -> StopReport:
    """Send a signal to runs, all at once; a host that cannot be reached holds up no other.

    Args:
        stop: sends a signal to one run, as :meth:`lazytui.core.runs.Runs.stop` does.
        records: the runs.
        signal: INT, TERM, KILL and so on.
    """
    answers: Counter[str] = Counter()
    troubles: dict[str, str] = {}

    async def one(record: RunRecord) -> None:
        try:
            answers[await stop(record.run_id, signal)] += 1
        except LazytuiError as error:
            troubles[record.host] = str(error)

    await asyncio.gather(*map(one, records))
    return StopReport(signal, answers, troubles)
