"""The blocking API on the hosts of a farm, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import lazytui

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sshd import SSHFarm


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Each test begins anew: what it opened is closed at its end."""
    yield
    lazytui.close()


@pytest.fixture
def hosts(farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, closed: None) -> SSHFarm:
    """A farm with two hosts, whose ssh config is the user's."""
    for name, value in farm.env().items():
        monkeypatch.setenv(name, value)
    farm.add("host-1")
    farm.add("host-2")
    return farm
