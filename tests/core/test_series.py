"""The recent past of a host: the newest last, never more than is kept."""

from __future__ import annotations

import pytest

from lazytui.core.model import GpuMetrics, Metrics
from lazytui.core.series import KEPT, Series


def sample(cpu: float, *gpus: float) -> Metrics:
    return Metrics(
        at=0.0,
        cpu=cpu,
        load1=0.0,
        memory_used=1,
        memory_total=4,
        disk_used=3,
        disk_total=4,
        net_in=10.0,
        net_out=5.0,
        gpus=tuple(GpuMetrics("A100", load, 0, 1) for load in gpus),
    )


def test_every_measure_has_its_samples_the_newest_last():
    series = Series()
    series.add(sample(0.25, 0.5))
    series.add(sample(0.75, 1.0))
    assert list(series.of("cpu")) == [0.25, 0.75]
    assert list(series.of("gpu0")) == [0.5, 1.0]
    assert list(series.of("mem")) == [0.25, 0.25]
    assert list(series.of("disk")) == [0.75, 0.75]
    assert list(series.of("net")) == [15.0, 15.0]


@pytest.mark.parametrize("measure", ["cpu", "mem", "gpu7", "nonsense"])
def test_of_what_is_not_known_there_are_no_samples(measure):
    assert list(Series().of(measure)) == []


def test_only_the_newest_samples_are_kept():
    series = Series()
    for number in range(KEPT + 5):
        series.add(sample(float(number)))
    assert list(series.of("cpu")) == [float(number) for number in range(5, KEPT + 5)]
