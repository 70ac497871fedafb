"""The pages of the documentation: all code on them runs, and prints what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engines import ROOT, environment, lazytui

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sshd import SSHFarm

PAGES = sorted((ROOT / "lazytui" / "docs").glob("*.md"))
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """Code of a page; ``said`` is what the page says that it prints."""

    language: str
    code: str
    said: str | None


def blocks(page: Path) -> Iterator[Block]:
    for language, code, said in BLOCK.findall(page.read_text(encoding="utf-8")):
        yield Block(language, code, said or None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs_and_prints_what_the_page_says(
    page: Path, farm: SSHFarm, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # The parts of a cluster share port numbers, so that its hosts need networks of their own.
    apart = "DaskCluster" in page.read_text(encoding="utf-8")
    lab = request.getfixturevalue("netns") if apart else farm
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin" if apart else None
    lab.add("gpu01", path=path)
    lab.add("gpu02", path=path)
    if "old01" in page.read_text(encoding="utf-8"):
        farm.add_refused("old01")
    found = list(blocks(page))
    if "clusters start" in page.read_text(encoding="utf-8"):  # its engine lives on
        request.addfinalizer(lambda: lazytui(farm, "stop-engine"))

    for block in found:
        done = subprocess.run(
            [sys.executable, "-c", block.code]
            if block.language == "python"
            else [
                "/bin/sh",
                "-ec",
                f'lazytui() {{ "{sys.executable}" -m lazytui "$@"; }}\n{block.code}',
            ],
            env=environment(farm),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{block.code}\n{done.stderr}"
        assert block.said in (None, done.stdout), block.code

    assert found


def test_a_page_has_a_title_and_short_lines() -> None:
    for page in PAGES:
        first, *lines = page.read_text(encoding="utf-8").splitlines()
        assert first.startswith("# "), page.name
        assert all(len(line) <= 100 or line.startswith("|") for line in lines), page.name
