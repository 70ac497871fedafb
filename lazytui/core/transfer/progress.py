"""How far transfers are: bytes, rate, time left; for screens and the command line."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.events import TransferMoved

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.events import EventBus
    from lazytui.core.transfer.report import Report

TELL_EVERY_S = 0.1
LOOK_BACK_S = 3.0  # of which the rate is the mean
KEPT = 200  # transfers that are over


@dataclass(frozen=True, slots=True)
class Progress:
    """One transfer at one moment.

    Args:
        run_id: its run.
        host: the other end.
        sends: to the host, not from it.
        source: what is moved, as it was asked for.
        target: where to, as it was asked for.
        phase: ``comparing``, ``moving``, ``finishing`` or ``over``.
        done: bytes moved.
        total: bytes to move; 0 while that is not known.
        rate: bytes a second, lately.
        seconds: since it began.
    """

    run_id: str
    host: str
    sends: bool
    source: str
    target: str
    phase: str = "comparing"
    done: int = 0
    total: int = 0
    rate: float = 0.0
    seconds: float = 0.0

    @property
    def share(self) -> float | None:
        """The part that is done, 0 to 1; None while that is not known."""
        if self.phase == "over":
            return 1.0
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def seconds_left(self) -> float | None:
        """How long it will take, if the rate stays; None when nobody knows."""
        if not self.total or self.rate <= 0:
            return None
        return max(0, self.total - self.done) / self.rate


class Meter:
    """Counts what one transfer moves.

    Args:
        first: what is known before it begins.
        publish: told of each moment that is worth showing.
    """

    def __init__(self, first: Progress, publish: Callable[[Progress], None]) -> None:
        self._first = first
        self._publish = publish
        self._began = time.monotonic()
        self._told = 0.0
        self._marks: deque[tuple[float, int]] = deque()
        self.phase = "comparing"
        self.done = 0
        self.total = 0
        self._tell()

    def begin(self, total: int) -> None:
        """The bytes to move are known, and begin to."""
        self.total, self.phase = total, "moving"
        self._tell()

    def add(self, size: int) -> None:
        """Bytes were moved."""
        self.done = min(self.total, self.done + size)
        if time.monotonic() - self._told >= TELL_EVERY_S:
            self._tell()

    def reach(self, phase: str) -> None:
        """Go on to another phase."""
        self.phase = phase
        self._tell()

    def _tell(self) -> None:
        now = self._told = time.monotonic()
        self._marks.append((now, self.done))
        while now - self._marks[0][0] > LOOK_BACK_S and len(self._marks) > 2:
            self._marks.popleft()
        begin, before = self._marks[0]
        first = self._first
        self._publish(
            Progress(
                first.run_id,
                first.host,
                first.sends,
                first.source,
                first.target,
                self.phase,
                self.done,
                self.total,
                (self.done - before) / (now - begin) if now > begin else 0.0,
                now - self._began,
            )
        )


class Transfers:
    """The transfers of an engine: those that go on, and the last that are over.

    Args:
        events: where each step ahead is published.
    """

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self._now: dict[str, Progress] = {}
        self._reports: dict[str, list[Report]] = {}

    def get(self, run_id: str) -> Progress | None:
        """Give the transfer of a run; None when it has none, or none any more."""
        return self._now.get(run_id)

    def all(self) -> list[Progress]:
        """Give all that are known, the newest last."""
        return list(self._now.values())

    def reports(self, run_id: str) -> list[Report]:
        """Give what came of the steps of a run that have moved files, while that is known."""
        return list(self._reports.get(run_id, ()))

    def over(self, run_id: str, report: Report) -> None:
        """Keep what came of a transfer."""
        self._reports.setdefault(run_id, []).append(report)
        for old in list(self._reports)[:-KEPT]:
            del self._reports[old]

    def meter(self, first: Progress) -> Meter:
        """Begin to count a transfer."""
        self._now.pop(first.run_id, None)
        return Meter(first, self._show)

    def _show(self, progress: Progress) -> None:
        self._now[progress.run_id] = progress
        if len(self._now) > KEPT:
            over = [run_id for run_id, one in self._now.items() if one.phase == "over"]
            for run_id in over[: len(self._now) - KEPT]:
                del self._now[run_id]
        self._events.publish(TransferMoved(progress.run_id))
