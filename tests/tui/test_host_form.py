"""A host is added to the ssh config and taken out of it on Hosts, after a look at the lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lazytui.core.audit import Deed
from lazytui.core.host_edits import HostEdits
from lazytui.ssh.config import SSHConfig
from tests.tui.fake_engine import FakeEngine, lab
from tests.tui.seen import settle, shown, text, until

if TYPE_CHECKING:
    from pathlib import Path

KEPT = "# mine\nHost gpu01\n    HostName 10.0.0.1\n\nHost gpu02 gpu03\n    User ana\n"


class Noted:
    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []

    async def note(self, what: Deed, subject: str, hosts: list[str]) -> None:
        self.lines.append((what, subject, hosts))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "config"
    made.write_text(KEPT)
    return made


def editing(file: Path, engine: FakeEngine) -> tuple[FakeEngine, Noted]:
    noted = Noted()
    engine.host_edits = HostEdits(lambda: SSHConfig.load(file, system_path=None), noted)
    return engine, noted


async def test_a_host_is_written_after_its_lines_were_shown(file: Path) -> None:
    engine, noted = editing(file, lab())
    async with shown(engine) as pilot:
        await pilot.press("a")
        await settle(pilot, "nothing is written before you say so")
        await pilot.press(*"new", "tab", *"10.0.3.5", "tab", *"ana", "tab", *"2222")
        await pilot.press("tab", *"~/.ssh/lab", "tab", *"gpu01", "enter")
        await settle(pilot, "Add new?")
        seen = text(pilot.app)
        lines = ["Host new", "HostName 10.0.3.5", "Port 2222", "User ana"]
        assert all(f"+{line}" in seen or f"+    {line}" in seen for line in lines), seen
        assert file.read_text() == KEPT
        await pilot.press("y")
        await until(pilot, lambda: file.read_text() != KEPT)
        await until(pilot, lambda: not pilot.app.screen.is_modal)
    options = SSHConfig.load(file, system_path=None).resolve("new")
    assert (options.user, options.hostname, options.port) == ("ana", "10.0.3.5", 2222)
    assert options.proxy_jump == ("gpu01",)
    assert file.read_text().startswith(KEPT)
    assert noted.lines == [(Deed.HOST_ADDED, str(file), ["new"])]


async def test_what_cannot_be_is_said_and_what_was_typed_stays(file: Path) -> None:
    engine, _ = editing(file, lab())
    async with shown(engine) as pilot:
        await pilot.press("a", "enter")
        await settle(pilot, "give it a name")
        await pilot.press(*"gpu01", "enter")
        await settle(pilot, "say where it is: a name or an address")
        await pilot.press("tab", *"1.2.3.4", "enter")
        await settle(pilot, "gpu01 is there already")
        await pilot.press("up", "ctrl+u", *"x y", "enter")
        await settle(pilot, "'x y' cannot be the name of a host")
        await pilot.press("ctrl+u", *"ok", *["tab"] * 3, *"99999", "enter")
        await settle(pilot, "is no port: a number from 1 to 65535")
        await pilot.press("ctrl+u", "tab", "tab", *"a b", "enter")
        await settle(pilot, "'a b' is no way")
        await pilot.press("escape")
        await until(pilot, lambda: not pilot.app.screen.is_modal)
    assert file.read_text() == KEPT


async def test_nothing_is_written_when_the_lines_are_not_what_was_meant(file: Path) -> None:
    engine, noted = editing(file, lab())
    async with shown(engine) as pilot:
        await pilot.press("a", *"new", "tab", *"ana@10.0.3.5:2222", "enter")
        await settle(pilot, "Add new?")
        await pilot.press("n")
        await settle(pilot, "nothing is written before you say so")
        assert "ana@10.0.3.5:2222" in text(pilot.app)
    assert (file.read_text(), noted.lines) == (KEPT, [])


async def test_a_host_is_taken_out_after_its_lines_were_shown(file: Path) -> None:
    engine, noted = editing(file, lab())
    async with shown(engine) as pilot:
        await pilot.press("D")
        await settle(pilot, "Take gpu01 out of the ssh config?")
        assert "-Host gpu01" in text(pilot.app)
        await pilot.press("y")
        await until(pilot, lambda: file.read_text() != KEPT)
    assert "gpu01" not in file.read_text()
    assert "Host gpu02 gpu03\n    User ana\n" in file.read_text()
    assert noted.lines == [(Deed.HOST_REMOVED, str(file), ["gpu01"])]


async def test_a_host_of_several_hosts_line_leaves_the_others_there(file: Path) -> None:
    engine, _ = editing(file, lab())
    async with shown(engine) as pilot:
        await pilot.press("j", "D")
        await settle(pilot, "Take gpu02 out of the ssh config?")
        await pilot.press("y")
        await until(pilot, lambda: file.read_text() != KEPT)
    assert "Host gpu03\n    User ana\n" in file.read_text()


async def test_without_any_host_one_can_be_added(file: Path) -> None:
    file.write_text("")
    engine, _ = editing(file, FakeEngine())
    async with shown(engine) as pilot:
        await settle(pilot, "No hosts yet")
        await pilot.press("a", *"first", "tab", *"root@10.0.0.4", "enter")
        await settle(pilot, "Add first?")
        await pilot.press("y")
        await until(pilot, lambda: "Host first" in file.read_text())
