"""Who plays in the demo: pretend hosts, as a small cluster of a research group might look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Answer(StrEnum):
    """What happens to somebody who connects."""

    WELL = "well"
    REFUSED = "refused"  # nobody listens
    SILENT = "silent"  # takes the connection and never sends a byte


@dataclass(frozen=True, slots=True)
class PretendGpu:
    """A GPU of a pretend host. Load and memory use are shares (0 to 1) to move around."""

    name: str
    memory_mib: int
    load: float
    memory_use: float


@dataclass(frozen=True, slots=True)
class PretendHost:
    """A pretend host. ``cpu`` and ``memory_use`` are shares (0 to 1) to move around."""

    name: str
    cores: int
    memory_gib: int
    cpu: float
    memory_use: float
    net_mb_per_s: float = 0.3
    gpus: tuple[PretendGpu, ...] = ()
    answer: Answer = Answer.WELL


def _a100(load: float, memory_use: float) -> PretendGpu:
    return PretendGpu("NVIDIA A100-SXM4-80GB", 81920, load, memory_use)


def _rtx(load: float, memory_use: float) -> PretendGpu:
    return PretendGpu("NVIDIA GeForce RTX 4090", 24564, load, memory_use)


# In the order in which a smaller demo takes them: the first ones show the most.
_CAST = (
    PretendHost("gpu01", 32, 256, 0.62, 0.55, 84.0, (_a100(0.94, 0.88), _a100(0.91, 0.86))),
    PretendHost("cpu01", 64, 512, 0.93, 0.71, 12.0),
    PretendHost("db01", 16, 128, 0.28, 0.89, 46.0),
    PretendHost("node07", 8, 32, 0.0, 0.0, answer=Answer.REFUSED),
    PretendHost(
        "gpu02",
        24,
        128,
        0.17,
        0.31,
        6.0,
        (_rtx(0.48, 0.62), _rtx(0.0, 0.01), _rtx(0.0, 0.01), _rtx(0.12, 0.3)),
    ),
    PretendHost("gpu03", 24, 128, 0.0, 0.0, answer=Answer.SILENT),
    PretendHost("cpu02", 64, 512, 0.04, 0.12),
    PretendHost("cpu03", 48, 256, 0.46, 0.38, 3.0),
)


def cast(hosts: int) -> list[PretendHost]:
    """The pretend hosts of a demo, sorted by name.

    Args:
        hosts: how many, at least 1; those beyond eight are ordinary nodes named ``node08``...
    """
    known = list(_CAST[:hosts])
    extras = [_extra(number) for number in range(8, 8 + hosts - len(known))]
    return sorted(known + extras, key=_by_number)


def _by_number(host: PretendHost) -> tuple[str, int]:
    kind = host.name.rstrip("0123456789")
    return kind, int(host.name.removeprefix(kind))


def _extra(number: int) -> PretendHost:
    model = PretendHost("node", 16, 64, 0.0, 0.0)
    # Two strides without a common divisor spread load and memory evenly, and the same every time.
    cpu, memory_use = (number * 37 % 100) / 100, (20 + number * 23 % 70) / 100
    answer = Answer.REFUSED if number % 50 == 0 else Answer.WELL
    return replace(model, name=f"node{number:02d}", cpu=cpu, memory_use=memory_use, answer=answer)
