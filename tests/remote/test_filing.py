"""Single files on a host: renamed, removed, read in pieces, written anew."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from lazytui.remote import filing
from tests.remote.agent_process import interpreters

if TYPE_CHECKING:
    from pathlib import Path

    from tests.remote.agent_process import AgentProcess
    from tests.remote.conftest import StartAgent


def seen(path: Path) -> dict[str, Any]:
    return filing.stamp(path.stat())


@pytest.mark.parametrize("version", sorted(interpreters()))
def test_every_python_renames_reads_writes_and_removes(
    start_agent: StartAgent, home: Path, version: str
) -> None:
    agent = start_agent(python=interpreters()[version])
    name = os.fsdecode(b"n\xff\nw")
    (home / "old").write_bytes(b"one two")

    assert agent.call("file_rename", path="old", to=name)["ok"]
    piece = agent.call("file_read", path=name, offset=4, size=100)
    assert (piece["size"], piece["payload"]) == (7, b"two")
    wrote = agent.call(
        "file_write", b"three", path=name, word="a1", offset=0, last=True, seen=seen(home / name)
    )
    assert wrote["ok"], wrote
    assert (home / name).read_bytes() == b"three"
    assert agent.call("file_remove", paths=[name])["count"] == 1
    assert list(home.iterdir()) == []


def test_a_name_that_is_taken_is_not_taken_over(home: Path) -> None:
    (home / "a").write_text("a")
    (home / "b").symlink_to("nothing")

    with pytest.raises(FileExistsError, match="has that name"):
        filing.rename(os.fsencode(home / "a"), os.fsencode(home / "b"))
    assert (home / "a").read_text() == "a"


def test_a_folder_does_not_go_into_itself(home: Path) -> None:
    (home / "a").mkdir()

    with pytest.raises(OSError, match="into itself"):
        filing.rename(os.fsencode(home / "a"), os.fsencode(home / "a/b"))


def test_what_is_removed_is_not_what_links_lead_to(home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    folder = home / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "out").symlink_to(kept)
    (folder / "file").write_text("x")
    os.mkfifo(folder / "fifo")
    (home / "link").symlink_to(kept)

    told = filing.remove([os.fsencode(folder), os.fsencode(home / "link")])

    assert told == {"count": 6, "problems": [], "more": 0}
    assert list(home.iterdir()) == []
    assert (kept / "file").read_text() == "x"


def test_what_cannot_be_removed_is_named_and_the_rest_goes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "folder").mkdir()
    (home / "folder" / "stays").write_text("x")
    (home / "folder" / "goes").write_text("x")
    unlink = filing.posix.unlink

    def refuse(name: bytes, **options: Any) -> None:
        if name == b"stays":
            raise PermissionError(1, "Operation not permitted")
        unlink(name, **options)

    monkeypatch.setattr(filing.posix, "unlink", refuse)
    told = filing.remove([os.fsencode(home / "folder"), os.fsencode(home / "gone")])

    assert told["count"] == 1
    assert told["problems"] == [f"{home}/folder/stays: Operation not permitted"]
    assert [path.name for path in (home / "folder").iterdir()] == ["stays"]


def test_the_root_is_never_removed() -> None:
    assert filing.remove([b"/"])["problems"] == ["/: that is everything"]


def test_what_is_no_file_is_not_waited_for(home: Path) -> None:
    os.mkfifo(home / "fifo")

    with pytest.raises(OSError, match="no file with contents"):
        filing.read(os.fsencode(home / "fifo"), 0, 10)


def test_a_file_changed_meanwhile_is_left_as_it_is(home: Path) -> None:
    path = home / "file"
    path.write_text("first")
    before = seen(path)
    path.write_text("somebody else's")

    told = filing.write(os.fsencode(path), b"w", 0, b"mine", True, before)

    assert told["kind"] == "changed"
    assert path.read_text() == "somebody else's"
    assert [each.name for each in home.iterdir()] == ["file"]
    filing.write(os.fsencode(path), b"w", 0, b"mine", True, {})
    assert path.read_text() == "mine"


def test_a_written_file_keeps_mode_and_links_and_comes_whole(home: Path) -> None:
    path = home / "file"
    path.write_text("first")
    path.chmod(0o751)
    (home / "folder").mkdir()
    link = home / "folder" / "link"
    link.symlink_to("../file")
    before = seen(path)

    filing.write(os.fsencode(link), b"w", 0, b"a" * 10, False, before)
    assert path.read_text() == "first"
    filing.write(os.fsencode(link), b"w", 10, b"b" * 10, True, before)

    assert path.read_bytes() == b"a" * 10 + b"b" * 10
    assert path.stat().st_mode & 0o777 == 0o751
    assert link.is_symlink()


def test_links_in_a_circle_are_told(home: Path) -> None:
    (home / "a").symlink_to("b")
    (home / "b").symlink_to("a")

    with pytest.raises(OSError, match="links that lead to each other"):
        filing.write(os.fsencode(home / "a"), b"w", 0, b"x", True, {})


def test_a_word_that_is_a_path_is_refused(agent: AgentProcess, home: Path) -> None:
    (home / "file").write_text("x")
    reply = agent.call("file_write", b"x", path="file", word="../x", offset=0, last=True)
    assert not reply["ok"]
    assert (home / "file").read_text() == "x"
