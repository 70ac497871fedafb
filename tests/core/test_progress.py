"""Progress: what running programs say of themselves, read from the end of their output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.core.progress import AT_ONCE, TEXT_CHARS, Progress, ProgressReader, read_progress

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("output", "share", "text"),
    [
        (b"\r 30%|###       | 30/100 [00:03<00:07]\r 31%|###       | 31/100", 0.31, "31%"),
        (b"\rDownloading 12.5 %\x1b[K", 0.125, "12%"),
        (b"epoch 3/10\nloss 0.41\n", 0.3, "30%"),
        (b"[ 3 / 12] Building CXX object\n", 0.25, "25%"),
        (b"\x1b[32m29%\x1b[0m", 0.29, "29%"),
        (b"100%|####| 8/8\n", 1.0, "100%"),
        (b"LAZYTUI_STATUS: epoch 5/100\nsome line with 80%\n", 0.05, "epoch 5/100"),
        (b"LAZYTUI_STATUS: warming up\n", None, "warming up"),
        (b"LAZYTUI_STATUS: one\nLAZYTUI_STATUS: two\n", None, "two"),
        (b"LAZYTUI_STATUS: \x1b[2Jboo\n", None, "boo"),
    ],
)
def test_progress_is_understood(output, share, text):
    assert read_progress(output) == Progress(share, text)


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"\n\r\n",
        b"hello world\n",
        b"see /usr/3/10 or 2026/11/23\n",
        b"http://10.0.0.1/24/8\n",
        b"speedup of 250%\n",
        b"7/0 and 8/3\n",
        b"v1.2/3\n",
        b"50%\n" + b"line\n" * 20,
    ],
)
def test_what_only_looks_like_progress_is_left_alone(output):
    assert read_progress(output) is None


def test_only_the_end_is_looked_at():
    assert read_progress(b"LAZYTUI_STATUS: old\n" + b"x" * 5000) is None


@given(st.binary(max_size=3000))
def test_any_bytes_give_a_sane_share_and_a_short_text(output):
    progress = read_progress(output)

    assert progress is None or progress.share is None or 0 <= progress.share <= 1
    assert progress is None or len(progress.text) <= TEXT_CHARS


async def test_a_reader_tells_which_runs_are_further_now(tmp_path: Path):
    spool = tmp_path / "a.log"
    reader = ProgressReader()
    spool.write_bytes(b"10%")
    reader.grew("a", str(spool))

    assert await reader.read() == {"a"}
    assert reader.of("a") == Progress(0.1, "10%")
    assert await reader.read() == set()

    spool.write_bytes(b"10%\nno news\n")
    reader.grew("a", str(spool))
    assert await reader.read() == set()


async def test_a_spool_that_is_not_there_is_passed_over(tmp_path: Path):
    reader = ProgressReader()
    reader.grew("gone", str(tmp_path / "gone.log"))
    reader.grew("folder", str(tmp_path))

    assert await reader.read() == set()


async def test_many_spools_are_read_in_turns(tmp_path: Path):
    reader = ProgressReader()
    for number in range(AT_ONCE + 1):
        spool = tmp_path / f"{number}.log"
        spool.write_bytes(b"50%")
        reader.grew(str(number), str(spool))

    assert len(await reader.read()) == AT_ONCE
    assert await reader.read() == {str(AT_ONCE)}


async def test_runs_that_are_over_are_forgotten(tmp_path: Path):
    reader = ProgressReader()
    spool = tmp_path / "a.log"
    spool.write_bytes(b"50%")
    reader.grew("a", str(spool))
    await reader.read()
    reader.grew("a", str(spool))

    reader.keep({})

    assert reader.of("a") is None
    assert await reader.read() == set()
