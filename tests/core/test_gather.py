"""Gathering: hosts that said the same thing and ended the same way stand in one block."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lazytui.core.gather import Gather, gather, render


def test_equal_output_and_exit_status_make_one_group_the_biggest_first() -> None:
    groups = gather(
        [("cpu01", 0, b"b\n"), ("gpu03", 0, b"a\n"), ("gpu01", 0, b"a\n"), ("gpu02", 0, b"a\n")]
    )

    assert [(g.name, g.hosts, g.exit_status, g.output) for g in groups] == [
        ("gpu[01-03]", ("gpu03", "gpu01", "gpu02"), 0, b"a\n"),
        ("cpu01", ("cpu01",), 0, b"b\n"),
    ]


def test_equal_output_with_another_exit_status_is_another_group() -> None:
    groups = gather([("a", 0, b"x"), ("b", 1, b"x"), ("c", None, b"x")])

    assert [(g.name, g.exit_status) for g in groups] == [("a", 0), ("b", 1), ("c", None)]


def test_equally_big_groups_keep_the_order_in_which_they_appeared() -> None:
    results = [(f"h{i}", 0, str(i).encode()) for i in range(50)]

    assert [g.name for g in gather(results)] == [f"h{i}" for i in range(50)]


def test_a_newer_result_of_a_host_replaces_its_older_one() -> None:
    live = Gather()
    live.add("a", 0, b"old")
    live.add("b", 0, b"new")

    live.add("a", 0, b"new")

    assert [(g.hosts, g.output) for g in live.groups()] == [(("b", "a"), b"new")]


def test_one_copy_of_each_distinct_output_is_kept() -> None:
    live = Gather()
    first = bytes(1000)
    live.add("a", 0, first)
    live.add("b", 0, bytearray(1000))  # type: ignore[arg-type]

    (group,) = live.groups()

    assert group.output is first


def test_groups_are_rendered_as_clush_does() -> None:
    groups = gather(
        [("gpu01", 0, b"ok\n"), ("gpu02", 0, b"ok\n"), ("cpu01", 3, b"no\xff"), ("x", None, b"")]
    )

    assert render(groups) == (
        b"---------------\ngpu[01-02] (2)\n---------------\nok\n"
        b"---------------\ncpu01 exit 3\n---------------\nno\xff\n"
        b"---------------\nx no exit status\n---------------\n"
    )


@given(
    st.lists(
        st.tuples(
            st.text("ab12", min_size=1, max_size=3),
            st.one_of(st.none(), st.integers(0, 2)),
            st.sampled_from([b"", b"x", b"y\n"]),
        )
    )
)
def test_every_host_is_in_exactly_one_group_that_holds_its_last_result(
    results: list[tuple[str, int | None, bytes]],
) -> None:
    groups = gather(results)

    last = {host: (status, output) for host, status, output in results}
    found = {h: (g.exit_status, g.output) for g in groups for h in g.hosts}
    assert found == last
    assert sum(len(g.hosts) for g in groups) == len(last)
    assert [len(g.hosts) for g in groups] == sorted((len(g.hosts) for g in groups), reverse=True)
