"""Outcomes: runs of a task that said the same and ended the same stand together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.core.model import RunRecord, RunState
from lazytui.core.outcomes import Kind, Outcomes, find, reference_of
from lazytui.core.outputs import (
    HEAD_LINES,
    Output,
    difference,
    differing_part,
    read_last_line,
    read_output,
)

if TYPE_CHECKING:
    from pathlib import Path


def record(
    host: str,
    state: RunState = RunState.SUCCEEDED,
    exit_status: int | None = 0,
    reason: str = "",
    *,
    began: bool = True,
) -> RunRecord:
    started = 1.0 if began else None
    return RunRecord(
        f"run-{host}", 42, "cmd", "cmd", host, state, exit_status, reason, 0.0, started, 2.0, ""
    )


class Said:
    """Outputs as they are read from spools."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "run.log"

    def __call__(self, text: bytes, host: str = "gpu01") -> Output:
        self._path.write_bytes(text)
        return read_output(self._path, host, lambda: False)


@pytest.fixture
def said(tmp_path: Path) -> Said:
    return Said(tmp_path)


def grouped(said: Said, *results: tuple[str, int, bytes]) -> list[tuple[str, int | None]]:
    outcomes = Outcomes()
    for host, status, text in results:
        run = record(host, RunState.FAILED if status else RunState.SUCCEEDED, status)
        outcomes.put(run)
        outcomes.take_output(run.run_id, said(text, host))
    return [(outcome.name, outcome.first.exit_status) for outcome in outcomes.outcomes()]


def test_equal_output_and_exit_status_make_one_outcome_the_biggest_first(said: Said) -> None:
    assert grouped(
        said, ("db01", 0, b"b\n"), ("gpu01", 0, b"a\n"), ("gpu02", 0, b"a\n"), ("gpu03", 1, b"a\n")
    ) == [("gpu[01-02]", 0), ("db01", 0), ("gpu03", 1)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"done\n", b"done"),
        (b"\x1b[32mok\x1b[0m\n", b"ok\n"),
        (b"\x1b]0;title\x07ok\n", b"ok\n"),
        (b"a\r\nb\r\n", b"a\nb\n"),
        (b" 1%\r 50%\r100%\n", b"100%\n"),
        (b" 1%\r 50%\r100%\r", b" 3%\r100%\n"),
        (b"x" * 700_000 + b"\nend\n", b"x" * 700_000 + b"\nend"),
    ],
)
def test_what_looks_the_same_is_equal(said: Said, one: bytes, other: bytes) -> None:
    assert said(one).digest == said(other).digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"a\n", b"b\n"),
        (b"a\n", b"a\n\n"),
        (b"a b\n", b"a  b\n"),
        (b"", b"a"),
        (b"x" * 700_000, b"x" * 700_001),
        (b"line\n" * 200_000, b"line\n" * 200_001),
    ],
)
def test_what_looks_different_is_not_equal(said: Said, one: bytes, other: bytes) -> None:
    assert said(one).digest != said(other).digest


def test_the_own_name_of_a_host_makes_no_difference(said: Said) -> None:
    assert grouped(said, ("gpu01", 0, b"I am gpu01.lab\n"), ("gpu02", 0, b"I am gpu02.lab\n")) == [
        ("gpu[01-02]", 0)
    ]


def test_a_part_of_a_word_is_not_the_name_of_a_host(said: Said) -> None:
    assert len(grouped(said, ("a", 0, b"a cat\n"), ("b", 0, b"b cbt\n"))) == 2


def test_a_text_that_is_equal_on_all_is_one_outcome_though_it_names_one_of_them(said: Said) -> None:
    text = b"cannot reach db01\n"

    assert grouped(said, ("db02", 1, text), ("db01", 1, text), ("gpu01", 1, text)) == [
        ("db[01-02],gpu01", 1)
    ]


def test_a_host_that_speaks_of_another_is_not_one_that_speaks_of_itself(said: Said) -> None:
    names = [name for name, _ in grouped(
        said, ("a1", 0, b"I am a1"), ("b1", 0, b"I am b1"), ("c1", 0, b"I am b1")
    )]  # fmt: skip

    assert names == ["a1,b1", "c1"]


def test_outcomes_do_not_depend_on_what_came_first(said: Said) -> None:
    results = [("a1", 0, b"I am a1"), ("b1", 0, b"I am b1"), ("c1", 0, b"x"), ("d1", 0, b"x")]
    outcomes, backwards = Outcomes(), Outcomes()
    for host, status, _ in results:
        for made in (outcomes, backwards):
            made.put(record(host, exit_status=status))
    for host, _, text in results:
        outcomes.take_output(f"run-{host}", said(text, host))
    for host, _, text in reversed(results):
        backwards.take_output(f"run-{host}", said(text, host))

    assert [o.name for o in outcomes.outcomes()] == [o.name for o in backwards.outcomes()]


def test_hosts_that_were_not_reached_run_or_wait_stand_below_with_their_like(said: Said) -> None:
    outcomes = Outcomes()
    for run in (
        record("q1", RunState.QUEUED, None, "waits for batch 1", began=False),
        record("r1", RunState.RUNNING, None),
        record("r2", RunState.RUNNING, None),
        record("n1", RunState.FAILED, None, "no answer in 5 s", began=False),
        record("n2", RunState.FAILED, None, "no answer in 5 s", began=False),
        record("n3", RunState.FAILED, None, "refused", began=False),
        record("e1"),
        record("e2"),
    ):
        outcomes.put(run)
    outcomes.take_output("run-e1", said(b"ok"))

    assert [(o.kind, o.name, o.first.reason) for o in outcomes.outcomes()] == [
        (Kind.ENDED, "e1", ""),
        (Kind.NOT_REACHED, "n[1-2]", "no answer in 5 s"),
        (Kind.NOT_REACHED, "n3", "refused"),
        (Kind.READING, "e2", ""),
        (Kind.RUNNING, "r[1-2]", ""),
        (Kind.QUEUED, "q1", "waits for batch 1"),
    ]
    assert outcomes.counts() == {"queued": 1, "running": 2, "not reached": 3, "succeeded": 2}


def test_running_hosts_stand_together_while_they_say_the_same() -> None:
    outcomes = Outcomes()
    for host in ("a", "b", "c"):
        outcomes.put(record(host, RunState.RUNNING, None))
        outcomes.take_live_line(f"run-{host}", "epoch 2" if host == "b" else "epoch 1")

    assert [(o.name, o.live_line) for o in outcomes.outcomes()] == [
        ("a,c", "epoch 1"),
        ("b", "epoch 2"),
    ]


def test_runs_that_ended_wait_to_be_read_once(said: Said) -> None:
    outcomes = Outcomes()
    outcomes.put(record("a"))
    outcomes.put(record("b", RunState.RUNNING, None))
    assert [run.host for run in outcomes.unread()] == ["a"]

    outcomes.take_output("run-a", said(b""))

    assert outcomes.unread() == []


def test_the_reference_is_the_biggest_outcome_that_ran_to_its_end(said: Said) -> None:
    outcomes = Outcomes()
    for host in ("a", "b"):
        outcomes.put(record(host, RunState.LOST, None, "host was rebooted"))
        outcomes.take_output(f"run-{host}", said(b"x"))
    lost = outcomes.outcomes()
    outcomes.put(record("c"))
    outcomes.take_output("run-c", said(b"x"))

    assert [o.hosts for o in lost if o is reference_of(lost)] == [["a", "b"]]
    reference = reference_of(outcomes.outcomes())
    assert reference is not None
    assert reference.hosts == ["c"]
    assert reference_of([]) is None


def test_the_outcome_of_a_run_is_found(said: Said) -> None:
    outcomes = Outcomes()
    outcomes.put(record("a", RunState.RUNNING, None))

    found = find(outcomes.outcomes(), "run-a")

    assert found is not None
    assert found.hosts == ["a"]
    assert find(outcomes.outcomes(), "run-b") is None


def test_of_a_long_output_only_a_head_stays(said: Said) -> None:
    output = said(b"".join(b"line %d\n" % n for n in range(100_000)))

    assert output.line_count == 100_000
    assert len(output.head) == HEAD_LINES
    assert output.head[7] == "line 7"
    assert len(output.prints) == 2000


def test_a_line_without_an_end_takes_little_memory(said: Said) -> None:
    output = said(b"x" * 5_000_000)

    assert output.line_count == 1
    assert len(output.head[0]) <= 500


def test_the_head_is_plain_text(said: Said) -> None:
    output = said(b"\x1b[31mred\x1b[0m [b]x[/b]\n1%\r9%\n\xff\xe2\x80\xaeevil\n")

    assert output.head == ("red [b]x[/b]", "9%", "\ufffdevil")


def test_a_spool_that_is_missing_is_an_empty_output(tmp_path: Path) -> None:
    output = read_output(tmp_path / "none.log", "a", lambda: False)

    assert (output.line_count, output.head) == (0, ())


def test_reading_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(b"line\n" * 1_000_000)

    assert read_output(path, "a", lambda: True).line_count == 0


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"", ""),
        (b"one\ntwo\n", "two"),
        (b"one\n 3%\r 62%", "62%"),
        (b"one\n 62%\r", "62%"),
        (b"one\n\n  \n", "one"),
        (b"x" * 10_000 + b"\nend", "end"),
        (b"\x1b[31mred\x1b[0m", "red"),
    ],
)
def test_the_live_line_is_what_a_terminal_shows_last(
    tmp_path: Path, text: bytes, line: str
) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(text)

    assert read_last_line(path).strip() == line


def test_no_live_line_without_a_spool(tmp_path: Path) -> None:
    assert read_last_line(tmp_path / "none.log") == ""


def test_changed_added_and_missing_lines_are_counted_and_found(said: Said) -> None:
    reference = said(b"a\nb\nc\nd\ne\n")

    changed = difference(reference, said(b"a\nB\nc\nd\ne\n"))
    added = difference(reference, said(b"a\nb\nnew\nc\nd\ne\n"))
    missing = difference(reference, said(b"a\nb\nd\ne\n"))

    assert (changed.count, changed.lines) == (1, {1: 1})
    assert (added.count, added.lines) == (1, {2: None})
    assert (missing.count, missing.lines) == (1, {})


def test_lines_with_the_own_name_do_not_differ(said: Said) -> None:
    reference = said(b"I am gpu01\nv1\n", "gpu01")

    assert difference(reference, said(b"I am gpu02\nv2\n", "gpu02")).lines == {1: 1}
    assert difference(reference, said(b"I am gpu01\nv1\n", "gpu03")).count == 0


def test_long_outputs_are_compared_as_far_as_they_are_known(said: Said) -> None:
    lines = [b"line %d\n" % n for n in range(10_000)]
    reference = said(b"".join(lines))

    early = difference(reference, said(b"".join([b"x\n", *lines[1:]])))
    late = difference(reference, said(b"".join([*lines[:-1], b"x\n"])))

    assert (early.count, early.is_whole) == (1, False)
    assert (late.count, late.is_whole) == (0, False)


def test_many_scattered_differences_are_counted(said: Said) -> None:
    reference = said(b"".join(b"line %d\n" % n for n in range(1000)))
    other = said(b"".join(b"line %d\n" % (n if n % 2 else -n - 1) for n in range(1000)))

    assert difference(reference, other).count == 500


@pytest.mark.parametrize(
    ("reference", "other", "part"),
    [
        ("535.161.08", "535.104.05", "104.05"),
        ("Mode : Enabled", "Mode : Disabled", "Disabled"),
        ("a b c", "a c", ""),
        ("same", "same", ""),
        ("", "new", "new"),
        ("a a a", "a a", ""),
    ],
)
def test_the_part_of_a_line_that_differs_is_found_in_whole_words(
    reference: str, other: str, part: str
) -> None:
    start, end = differing_part(reference, other)

    assert other[start:end] == part


@given(st.text("ab .\n", max_size=12), st.text("ab .\n", max_size=12))
def test_the_part_that_differs_is_a_part(reference: str, other: str) -> None:
    start, end = differing_part(reference, other)

    assert 0 <= start <= end <= len(other)
    assert reference.startswith(other[:start])
    assert reference.endswith(other[end:])


TEXTS = st.lists(
    st.sampled_from([b"a", b"b", b"h1", b"", b"1%\r9%"]), max_size=8
).map(b"\n".join)  # fmt: skip


@given(TEXTS, TEXTS)
def test_equal_texts_never_differ_and_others_always_do(
    tmp_path_factory: pytest.TempPathFactory, one: bytes, other: bytes
) -> None:
    said = Said(tmp_path_factory.mktemp("spool"))
    a, b = said(one, "h2"), said(other, "h2")

    assert (difference(a, b).count == 0) == (a.digest == b.digest)
