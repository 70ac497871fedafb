"""The two ends of a transfer without a network: above all what a lying giver cannot do."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazytui.remote import give, records, take, tree
from lazytui.remote.tree import Entry, TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Entry(tree.FOLDER, 0o755, 0, 0, b"")


def file(path: bytes, size: int = 5) -> Entry:
    return Entry(tree.FILE, 0o644, size, 1_000_000_000, path)


def folder(path: bytes) -> Entry:
    return Entry(tree.FOLDER, 0o755, 0, 0, path)


def link(path: bytes, target: bytes) -> Entry:
    return Entry(tree.LINK, 0o777, 0, 0, path, target)


def taker(target: Path, *entries: Entry) -> take.Taker:
    listed = tree.decode(tree.encode(list(entries)))
    return take.Taker(os.fsencode(target), b"name", listed, False, lambda _path: None)


def whole(at: take.Taker, *contents: bytes) -> None:
    """Give small files, numbered from 1, and the end."""
    at.compare()
    for index, data in enumerate(contents, 1):
        at.take(b"H", index, data)
    at.finish()


@pytest.mark.parametrize(
    "path",
    [b"..", b"../x", b"/etc/passwd", b"a/../../x", b"a//b", b".", b"./x", b"a/", b"a/."],
)
def test_a_path_that_leads_elsewhere_is_refused(path: bytes) -> None:
    entries = [ROOT, folder(b"a"), folder(b"a/.."), file(path)]

    with pytest.raises(TransferError):
        tree.decode(tree.encode(entries))
    with pytest.raises(TransferError):
        tree.decode(tree.encode([ROOT, folder(b"a"), file(path)]))


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [file(b"x")],
        [link(b"", b"/etc")],
        [ROOT, file(b"x"), file(b"x")],
        [ROOT, file(b"x"), file(b"x/y")],
        [ROOT, link(b"x", b"/etc"), file(b"x/passwd")],
        [ROOT, link(b"x", b"/etc"), folder(b"x"), file(b"x/passwd")],
        [ROOT, file(b"gone/y")],
        [ROOT, Entry(b"f", 0o644, -1, 0, b"x")],
        [ROOT, Entry(b"f", 0o644, 1 << 70, 0, b"x")],
        [ROOT, Entry(b"?", 0o644, 0, 0, b"x")],
    ],
)
def test_a_list_that_is_no_tree_is_refused(entries: list[Entry]) -> None:
    with pytest.raises(TransferError):
        tree.decode(tree.encode(entries))


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_no_bytes_at_all_are_taken_for_a_tree_that_leaves_its_root(data: bytes) -> None:
    try:
        entries = tree.decode(data)
    except TransferError:
        return
    for entry in entries[1:]:
        assert not entry.path.startswith(b"/")
        assert b".." not in entry.path.split(b"/")


@given(
    st.lists(
        st.tuples(st.sampled_from([b"H", b"S", b"E", b"=", b"F", b"R"]), st.binary(max_size=99))
    )
)
def test_records_are_the_same_however_the_stream_is_cut(wanted: list[tuple[bytes, bytes]]) -> None:
    stream = b"".join(records.record(kind, data, at) for at, (kind, data) in enumerate(wanted))
    got: list[tuple[bytes, bytes]] = []
    reader = records.Reader(lambda kind, _index, data: got.append((kind, data)), 1000)

    for at in range(0, len(stream), 7):
        reader.feed(stream[at : at + 7])

    assert got == wanted
    assert reader.rest == b""


def test_a_record_that_is_too_long_is_refused_before_it_is_read() -> None:
    reader = records.Reader(lambda *_: None, 1000)

    with pytest.raises(ValueError, match="a record of 4000000000 bytes"):
        reader.feed(records.head(b"H", 0, 4_000_000_000))


def test_a_list_that_never_ends_is_refused() -> None:
    text = records.Gathered(1000)

    text.add(0, b"x" * 500)
    text.add(0, b"x" * 500)

    with pytest.raises(ValueError, match="more than 1000 bytes"):
        text.add(0, b"x")


@pytest.mark.parametrize(
    ("records_of_giver", "words"),
    [
        ([(b"H", 1, b"longer than listed")], "not as long as listed"),
        ([(b"H", 7, b"hello")], "not asked for"),
        ([(b"H", 0, b"")], "not asked for"),
        ([(b"H", 1, b"hello"), (b"H", 1, b"again")], "not asked for"),
        ([(b"D", 1, b"hello")], "was not begun"),
        ([(b"S", 1, b"0"), (b"D", 1, b"hello!")], "longer than listed"),
        ([(b"S", 1, b"0"), (b"D", 1, b"hell"), (b"E", 1, b"")], "shorter than listed"),
        ([(b"S", 1, b"3")], "wrong place"),
        ([(b"=", 1, b"")], "is not here"),
        ([(b"?", 1, b"")], "a record of kind"),
    ],
)
def test_a_giver_that_lies_is_stopped(
    tmp_path: Path, records_of_giver: list[tuple[bytes, int, bytes]], words: str
) -> None:
    at = taker(tmp_path / "x", ROOT, file(b"a"))
    at.compare()

    stream = b"".join(records.record(kind, data, index) for kind, index, data in records_of_giver)

    with pytest.raises(TransferError, match=words):
        records.Reader(at.take, 1000).feed(stream)
    at.close()

    assert not (tmp_path / "x").exists()


def test_a_file_that_never_comes_is_missed(tmp_path: Path) -> None:
    at = taker(tmp_path / "x", ROOT, file(b"a"))
    at.compare()

    with pytest.raises(TransferError, match="1 files did not come"):
        at.finish()
    at.close()

    assert not (tmp_path / "x").exists()


def test_a_link_of_an_earlier_transfer_is_not_followed_by_the_next(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    whole(taker(tmp_path / "in" / "name", ROOT, link(b"x", os.fsencode(outside))))

    at = taker(tmp_path / "in" / "name", ROOT, folder(b"x"), file(b"x/evil"))
    at.compare()
    at.finish()

    assert at.failed[0] == (b"x", b"a link or file is in the way of a folder")
    assert list(outside.iterdir()) == []
    assert (tmp_path / "in" / "name" / "x").is_symlink()


def test_a_link_where_a_file_goes_is_replaced_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "name").mkdir()
    (tmp_path / "name" / "a").symlink_to(victim)

    whole(taker(tmp_path / "name", ROOT, file(b"a")), b"hello")

    assert victim.read_text() == "mine"
    assert (tmp_path / "name" / "a").read_text() == "hello"
    assert not (tmp_path / "name" / "a").is_symlink()


def test_a_link_at_the_temporary_name_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "name").mkdir()
    at = taker(tmp_path / "name", ROOT, file(b"a"))
    at.compare()
    (tmp_path / "name" / os.fsdecode(at.temporary(at.entries[1], b"a"))).symlink_to(victim)

    at.take(b"H", 1, b"hello")
    at.finish()

    assert victim.read_text() == "mine"
    assert at.failed[0][0] == b"a"


def test_a_host_cannot_give_a_file_more_rights_than_read_write_execute(tmp_path: Path) -> None:
    entries = [ROOT, Entry(tree.FILE, 0o6777, 5, 0, b"a")]

    whole(taker(tmp_path / "x", *entries), b"hello")

    assert (tmp_path / "x" / "a").stat().st_mode & 0o7777 == 0o777


def test_two_transfers_to_one_place_do_not_write_into_each_other(tmp_path: Path) -> None:
    first, second = (taker(tmp_path / "x", ROOT, file(b"a")) for _ in range(2))

    first.compare()
    second.compare()
    second.take(b"H", 1, b"two..")
    first.take(b"H", 1, b"one..")
    first.finish()

    assert (tmp_path / "x" / "a").read_text() == "one.."
    with pytest.raises(TransferError):
        second.finish()
    second.close()


@pytest.mark.parametrize("change", ["grow", "shrink", "touch", "remove", "replace", "pipe"])
@pytest.mark.parametrize("size", [5, give.SMALL * 3])
def test_a_file_that_changed_since_it_was_listed_is_not_given(
    tmp_path: Path, size: int, change: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * size)
    source = give.Source(os.fsencode(tmp_path), tree.scan(os.fsencode(tmp_path)), [(1, 0, b"-")])
    acts: dict[str, Callable[[], object]] = {
        "grow": lambda: path.write_bytes(b"x" * (size + 1)),
        "shrink": lambda: path.write_bytes(b"x" * (size - 1)),
        "touch": lambda: os.utime(path, (1, 1)),
        "remove": path.unlink,
        "replace": lambda: (path.unlink(), path.symlink_to("/etc/passwd")),
        "pipe": lambda: (path.unlink(), os.mkfifo(path)),  # nobody ever writes into it
    }

    acts[change]()
    block = bytes(source.block(0))

    assert block[:1] == b"F"
    assert b"root:" not in block


def test_a_part_that_is_not_the_begin_of_the_file_is_sent_anew(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * (give.SMALL * 3))
    entries = tree.scan(os.fsencode(tmp_path))
    fd = os.open(path, os.O_RDONLY)
    check = give.digest(fd, give.SMALL)
    os.close(fd)

    honest = give.Source(os.fsencode(tmp_path), entries, [(1, give.SMALL, check)])
    other = give.Source(os.fsencode(tmp_path), entries, [(1, give.SMALL, b"0" * 40)])

    assert honest.size == 2 * give.SMALL
    assert other.size == 3 * give.SMALL


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Be a user who may do little, for a while."""
    if os.getuid() != 0:
        pytest.skip("becoming another user needs root")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_what_may_not_be_read_is_named_and_the_rest_is_given(
    open_folder: Path, tmp_path: Path
) -> None:
    for name in ("closed", "open"):
        (open_folder / name).mkdir()
    (open_folder / "open" / "a").write_text("hello")
    (open_folder / "open" / "secret").write_text("hello")
    (open_folder / "open" / "secret").chmod(0)
    (open_folder / "closed").chmod(0)

    with nobody():
        entries = tree.scan(os.fsencode(open_folder))
    at = taker(tmp_path / "x", *entries)
    wants = give.read_wants(at.compare(), at.entries)
    with nobody():
        source = give.Source(os.fsencode(open_folder), entries, wants)
        stream = b"".join(bytes(source.block(number)) for number in range(source.count))
    records.Reader(at.take, 1000).feed(stream)
    at.finish()

    assert sorted(at.failed) == [
        (b"closed/.", b"Permission denied"),
        (b"open/secret", b"Permission denied"),
    ]
    assert (tmp_path / "x" / "open" / "a").read_text() == "hello"
    assert not (tmp_path / "x" / "open" / "secret").exists()


def test_a_device_is_listed_as_skipped(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("making a device needs root")
    try:
        os.mknod(tmp_path / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except OSError as error:
        pytest.skip(f"no device can be made here: {error}")

    _, entry = tree.scan(os.fsencode(tmp_path))

    assert (entry.kind, entry.target) == (tree.SPECIAL, b"a device")
