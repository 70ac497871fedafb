"""Output is saved as it came or as it is shown, completely or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lazytui.core import save
from lazytui.core.save import save_output
from lazytui.core.search import parse_query

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "saved.txt"


def test_raw_every_byte_is_saved(spool: Path, target: Path) -> None:
    spool.write_bytes(bytes(range(256)) * 5000)
    assert save_output(spool, target, plain=False) == 256 * 5000
    assert target.read_bytes() == spool.read_bytes()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"plain\nlines\n", "plain\nlines\n"),
        (b"no end", "no end"),
        (b"\x1b[31mred\x1b[m no end", "red no end\n"),
        (b" 10%\r 20%\nend\r\n", " 20%\nend\n"),
        (b"\x1b]52;c;aGk=\x07a\tb \xff\n", "a       b \ufffd\n"),
        ("größe \u202e日本\n".encode(), "größe 日本\n"),
    ],
)
def test_plain_it_is_saved_as_it_is_shown(
    spool: Path, target: Path, data: bytes, text: str
) -> None:
    spool.write_bytes(data)
    save_output(spool, target, plain=True)
    assert target.read_text() == text


@pytest.mark.parametrize("block", [1, 7, 4096])
def test_the_pieces_it_is_read_in_do_not_show(
    spool: Path, target: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(save, "_BLOCK", block)
    lines = [f"\x1b[3{n % 8}mline {n}\x1b[m" for n in range(300)]
    spool.write_text("\n".join(lines) + "\n")
    save_output(spool, target, plain=True)
    assert target.read_text() == "".join(f"line {n}\n" for n in range(300))


@pytest.mark.parametrize("plain", [True, False])
def test_only_matching_lines_are_saved(spool: Path, target: Path, plain: bool) -> None:
    spool.write_bytes(b"one\nTWO \x1b[1mneedle\x1b[m\nthree\r\n NEEDLE\rneedles\n")
    save_output(spool, target, plain=plain, query=parse_query("needle"))
    raw = b"TWO \x1b[1mneedle\x1b[m\n NEEDLE\rneedles\n"
    assert target.read_bytes() == (b"TWO needle\nneedles\n" if plain else raw)


def test_a_failure_leaves_what_was_there_and_nothing_else(spool: Path, target: Path) -> None:
    target.write_text("mine")
    with pytest.raises(FileNotFoundError):
        save_output(spool, target, plain=True)
    assert target.read_text() == "mine"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_that_cannot_be_written_is_told(spool: Path, tmp_path: Path) -> None:
    spool.write_bytes(b"x\n")
    with pytest.raises(FileNotFoundError):
        save_output(spool, tmp_path / "missing" / "x", plain=True)
