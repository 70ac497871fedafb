"""Folders that are looked into, here and on hosts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lazytui.core.files import PIECE, FileChangedError
from lazytui.errors import TransferError
from tests.engines import engine_on

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd


def furnish(root: Path) -> Path:
    (root / "folder").mkdir(parents=True)
    (root / "file").write_bytes(b"12345")
    os.utime(root / "file", (1_600_000_000, 1_600_000_000))
    (root / "to folder").symlink_to("folder")
    (root / "to nothing").symlink_to("none")
    os.mkfifo(root / "fifo")
    with open(os.fsencode(root) + b"/\xff\n", "wb"):
        pass
    return root


async def test_a_folder_is_the_same_here_and_there(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    root = furnish(host.home / "data")

    async with engine_on(farm) as engine:
        there = await engine.files.look("gpu01", "data")
        here = await engine.files.look(None, str(root))

    kinds = [(file.name, file.kind) for file in there.files]
    assert kinds == [
        ("folder", "d"),
        ("to folder", "D"),
        ("fifo", "x"),
        ("file", "f"),
        ("to nothing", "l"),
        ("\udcff\n", "f"),
    ]
    assert there.files == here.files
    assert there.path == here.path == str(root)
    assert (there.files[3].size, there.files[3].changed) == (5, 1_600_000_000)
    assert 0 < there.free <= there.total


async def test_a_folder_is_made_where_it_is_asked_for(farm: SSHFarm, tmp_path: Path) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as engine:
        await engine.files.look("gpu01", "~/new", make=True)
        await engine.files.look(None, str(tmp_path / "new"), make=True)

        with pytest.raises(TransferError, match="gpu01:~/new: File exists"):
            await engine.files.look("gpu01", "~/new", make=True)

    assert (host.home / "new").is_dir()
    assert (tmp_path / "new").is_dir()


async def test_what_cannot_be_looked_into_is_said_with_its_host(farm: SSHFarm) -> None:
    farm.add("gpu01")
    farm.add_refused("down")

    async with engine_on(farm) as engine:
        with pytest.raises(TransferError, match="gpu01:none: No such file or directory"):
            await engine.files.look("gpu01", "none")
        with pytest.raises(TransferError, match="down:~: refused"):
            await engine.files.look("down", "~")


async def test_a_folder_of_very_many_is_cut_and_says_so(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    for number in range(3100):
        (host.home / f"{number}").touch()

    async with engine_on(farm) as engine:
        folder = await engine.files.look("gpu01", ".")

    assert len(folder.files) == 3000
    assert folder.more >= 100


@pytest.mark.parametrize("where", ["gpu01", None])
async def test_a_file_is_read_edited_renamed_and_removed_here_and_there(
    farm: SSHFarm, where: str | None
) -> None:
    home = farm.add("gpu01").home
    big = os.urandom(2 * PIECE + 17)
    (home / "big").write_bytes(big)

    async with engine_on(farm) as engine:
        files = engine.files
        was = await files.fetch(where, str(home / "big"), 1 << 20)
        assert (was.data, was.size) == (big, len(big))
        await files.replace(where, str(home / "big"), big[::-1], was.stamp)
        assert (home / "big").read_bytes() == big[::-1]
        with pytest.raises(FileChangedError, match="changed there meanwhile"):
            await files.replace(where, str(home / "big"), b"late", was.stamp)
        assert (home / "big").read_bytes() == big[::-1]
        await files.replace(where, str(home / "big"), b"", None)
        await files.rename(where, str(home / "big"), str(home / "small"))
        (home / "small").write_bytes(b"xy")
        with pytest.raises(TransferError, match="more than 1B"):
            await files.fetch(where, str(home / "small"), 1)
        removed = await files.remove(where, [str(home / "small")])

    assert (removed.count, removed.problems) == (1, ())
    assert not [path for path in home.iterdir() if path.name in ("big", "small")]


async def test_a_rename_onto_something_is_refused_and_says_where(farm: SSHFarm) -> None:
    home = farm.add("gpu01").home
    (home / "a").touch()
    (home / "b").touch()

    async with engine_on(farm) as engine:
        with pytest.raises(TransferError, match="gpu01:a: something has that name already"):
            await engine.files.rename("gpu01", "a", "b")
