"""What a run needs free on a host before it starts there."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lazytui.core.conditions import Claim, free_on, parse_condition
from lazytui.core.model import GpuMetrics, HostState, Metrics, RuntimeInfo
from lazytui.core.placement import least_busy, why_places
from lazytui.errors import UsageError

GIB = 1 << 30


def gpu(load: float = 0.0, used: int = 0) -> GpuMetrics:
    return GpuMetrics("A100", load, used, 40 * GIB)


@dataclass
class Host:
    """A host with 64 GiB of memory, of which 24 are taken."""

    host: str = "gpu01"
    gpus: tuple[GpuMetrics, ...] = (gpu(), gpu(0.9, 30 * GIB))
    state: HostState = HostState.ACTIVE
    reason: str = ""
    alive_runs: int = 0
    sampled: bool = True

    @property
    def info(self) -> RuntimeInfo:
        return RuntimeInfo("Linux", 8, 64 * GIB, "3.11", tuple(g.name for g in self.gpus))

    @property
    def metrics(self) -> Metrics | None:
        if not self.sampled:
            return None
        return Metrics(0.0, 0.1, 0.5, 24 * GIB, 64 * GIB, 10, 100, 0.0, 0.0, self.gpus)

    def tags(self) -> tuple[str, ...]:
        return ()

    def answer(self, probe: object) -> None:
        return None


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("gpu>=1", True),
        ("gpu>=2", False),  # there are two, but one is busy
        ("gpu>0 mem>16G", True),
        ("mem>40G", False),  # there are 64, but 24 are taken
        ("mem>=40G", True),
        ("mem<50%", True),  # shares are of what is used, as in every filter
        ("gpu>=1 vram>32G", True),
        ("vram>48G", False),
        ("!gpu>=1", False),
        ("cpu<50% state:up", True),
    ],
)
def test_a_condition_counts_what_is_free(text: str, holds: bool) -> None:
    assert parse_condition(text).holds(Host()) is holds


def test_what_a_run_asks_for_is_what_it_claims() -> None:
    assert parse_condition("gpu>=2 mem>=16G").claim == Claim(2, 16 * GIB)
    assert parse_condition("gpu>1").claim == Claim(2)
    assert parse_condition("mem<80% !gpu>=1 cpu<50%").claim == Claim()


def test_what_other_runs_claimed_is_not_free_before_a_sample_shows_it() -> None:
    host = Host(gpus=(gpu(), gpu()))

    assert parse_condition("gpu>=2").holds(host)
    assert parse_condition("gpu>=1").holds(host, Claim(1))
    assert not parse_condition("gpu>=2").holds(host, Claim(1))
    assert not parse_condition("gpu>=1").holds(host, Claim(2))


def test_a_claim_that_a_sample_shows_as_used_is_not_counted_twice() -> None:
    busy = Host(gpus=(gpu(0.9, 30 * GIB), gpu()))

    assert parse_condition("gpu>=1").holds(busy, Claim(1))
    assert free_on(busy.info, busy.metrics, Claim(0, 24 * GIB)).memory == 40 * GIB


@pytest.mark.parametrize("state", [HostState.INACTIVE, HostState.STALE, HostState.CONNECTING])
def test_a_host_that_does_not_answer_fulfils_nothing(state: HostState) -> None:
    assert not parse_condition("").holds(Host(state=state))


def test_nothing_is_taken_for_free_before_the_first_sample() -> None:
    assert not parse_condition("gpu>=1").holds(Host(sampled=False))
    assert not parse_condition("mem>1G").holds(Host(sampled=False))


def test_groups_are_asked_for_their_members() -> None:
    condition = parse_condition("@train gpu>=1", ["train"])

    assert condition.holds(Host(), groups={"train": frozenset({"gpu01"})})
    assert not condition.holds(Host(), groups={"train": frozenset()})


@pytest.mark.parametrize("text", ["gpu>=", "gpu>=many", "moon:full", "@nowhere", '"'])
def test_a_condition_that_cannot_be_read_is_refused_in_words(text: str) -> None:
    with pytest.raises(UsageError, match="condition"):
        parse_condition(text)


def test_the_least_busy_has_the_fewest_runs_then_the_most_free_gpus_then_memory() -> None:
    one, two = Host("one"), Host("two", gpus=(gpu(), gpu()))

    assert least_busy([one, two]).host == "two"
    assert least_busy([one, Host("three", (gpu(), gpu()), alive_runs=1)]).host == "one"
    assert least_busy([one, two], {"two": Claim(2)}).host == "one"
    assert least_busy([two]).why == "0 runs, 2 of 2 GPUs free, 40G memory free"


def test_a_dry_run_can_say_of_each_host_whether_it_fits_and_why_not() -> None:
    hosts = [
        Host("gpu01"),
        Host("gpu02", (gpu(1.0), gpu(1.0))),
        Host("gpu03", state=HostState.INACTIVE, reason="no \x1b[31manswer"),
        Host("gpu04", sampled=False, gpus=()),
    ]

    assert why_places(hosts, parse_condition("gpu>=1")) == {
        "gpu01": "fits now: 0 runs, 1 of 2 GPUs free, 40G memory free",
        "gpu02": "would wait: 0 of 2 GPUs free, 40G memory free",
        "gpu03": "would wait: down (no answer)",
        "gpu04": "would wait: its load is not known yet",
    }
