"""Fixtures for every test: a home of its own, a farm of real SSH hosts, tmux, namespaces.

What a machine lacks is skipped with the reason; in CI the flag of that part makes it a failure:
LAZYTUI_REQUIRE_SSHD, LAZYTUI_REQUIRE_TMUX, LAZYTUI_REQUIRE_NETNS (each "1").
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.leftovers import end_engines
from tests.netns import NetnsLab, missing_netns
from tests.sshd import SSHFarm, missing_sshd
from tests.tmux import Tmux, missing_tmux

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers of the ground itself; in CI, look at the same examples every time."""
    settings.register_profile("ci", derandomize=True, database=None)
    if os.environ.get("LAZYTUI_REQUIRE_SSHD") == "1":
        settings.load_profile("ci")
    config.addinivalue_line(
        "markers", "leaves_nothing: fails when a process of the farm outlives its connections"
    )


def require(part: str, reason: str | None) -> None:
    """Skip the test because of ``reason``, or fail when LAZYTUI_REQUIRE_<part> is 1."""
    if reason is None:
        return
    if os.environ.get(f"LAZYTUI_REQUIRE_{part}") == "1":
        pytest.fail(f"LAZYTUI_REQUIRE_{part}=1, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def isolated_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Give every test an empty HOME and XDG folders: none reads the developer's own config."""
    home = tmp_path_factory.mktemp("home")
    for name in ("SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "XDG_CONFIG_DIRS", "TMUX", "TMUX_TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    for name in list(os.environ):
        if name.startswith("LAZYTUI_") and not name.startswith("LAZYTUI_REQUIRE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / ".local" / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / ".local" / "share"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    yield home
    end_engines(home)


@pytest.fixture
def farm_factory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], SSHFarm]]:
    """Make farms of real sshd hosts; all are closed at the end, with whatever they left."""
    require("SSHD", missing_sshd())
    farms: list[SSHFarm] = []

    def make() -> SSHFarm:
        farms.append(SSHFarm(tmp_path_factory.mktemp("farm")))
        return farms[-1]

    yield make
    for farm in farms:
        end_engines(farm.home)
    leftovers = [leftover for farm in farms for leftover in farm.close()]
    if leftovers and request.node.get_closest_marker("leaves_nothing"):
        lines = "\n  ".join(map(str, leftovers))
        pytest.fail(f"the test left processes running (now killed):\n  {lines}", pytrace=False)


@pytest.fixture
def farm(farm_factory: Callable[[], SSHFarm]) -> SSHFarm:
    """An empty farm; ``farm.add("gpu01")`` starts a host."""
    return farm_factory()


@pytest.fixture
def netns(farm: SSHFarm) -> Iterator[NetnsLab]:
    """Hosts in network namespaces of their own, whose links can be cut."""
    require("NETNS", missing_netns())
    with NetnsLab(farm) as lab:
        yield lab


@pytest.fixture
def tmux_factory(isolated_home: Path) -> Iterator[Callable[..., Tmux]]:
    """Make terminals: ``tmux_factory(size=(80, 24), env=farm.env())``; all end with the test."""
    require("TMUX", missing_tmux())
    terminals: list[Tmux] = []

    def make(size: tuple[int, int] = (80, 24), env: dict[str, str] | None = None) -> Tmux:
        terminals.append(Tmux(size, env if env is not None else dict(os.environ)))
        return terminals[-1]

    yield make
    for terminal in terminals:
        terminal.stop()
