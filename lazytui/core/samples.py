"""Samples of a host's load as its agent sends them, read without believing it anything."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lazytui.core.agent import MAX_NUMBER, whole
from lazytui.core.model import GpuMetrics, Metrics
from lazytui.text import sanitize

if TYPE_CHECKING:
    from lazytui.core.frames import Header


def read_sample(header: Header) -> Metrics:
    """Read a sample; a host that sends nonsense gets zeros, not an exception in our face."""
    try:
        return Metrics(
            at=time.monotonic(),
            cpu=_share(header["cpu"]),
            load1=_rate(header["load1"]),
            memory_used=whole(header["mem_used"]),
            memory_total=whole(header["mem_total"]),
            disk_used=whole(header["disk_used"]),
            disk_total=whole(header["disk_total"]),
            net_in=_rate(header["net_in"]),
            net_out=_rate(header["net_out"]),
            gpus=tuple(
                GpuMetrics(
                    sanitize(str(name), max_chars=80),
                    _share(load),
                    whole(used),
                    whole(total),
                )
                for name, load, used, total in header["gpus"][:64]
            ),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return Metrics(time.monotonic(), 0.0, 0.0, 0, 0, 0, 0, 0.0, 0.0)


def _share(value: Any) -> float:
    return min(1.0, max(0.0, float(value)))


def _rate(value: Any) -> float:
    return min(float(MAX_NUMBER), max(0.0, float(value)))
