"""The recent past of a host's load, small enough to keep for a thousand hosts."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.model import Metrics

KEPT = 60  # samples: two minutes at the usual interval


class Series:
    """The newest samples of each measure, the newest last.

    Measures are ``cpu``, ``mem``, ``disk`` and ``gpu0``, ``gpu1``, ... as shares (0 to 1), and
    ``net`` as bytes per second in both directions together. Four bytes a sample: a record for each
    would take a hundred times as much.
    """

    def __init__(self) -> None:
        self._measures: dict[str, array[float]] = {"cpu": array("f")}

    def add(self, sample: Metrics) -> None:
        """Take a sample in; the oldest one goes when there are :data:`KEPT`."""
        self._append("cpu", sample.cpu)
        self._append("mem", sample.memory_share)
        self._append("disk", sample.disk_share)
        self._append("net", sample.net_in + sample.net_out)
        for number, gpu in enumerate(sample.gpus):
            self._append(f"gpu{number}", gpu.load)

    def of(self, measure: str) -> Sequence[float]:
        """Give the samples of a measure; none when nothing is known of it."""
        return self._measures.get(measure, ())

    def _append(self, measure: str, value: float) -> None:
        samples = self._measures.setdefault(measure, array("f"))
        samples.append(value)
        if len(samples) > KEPT:
            del samples[0]
