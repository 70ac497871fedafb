"""RuntimeManager, as the seed's document has it, on real hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lazytui import (
    NoRuntimesDetectedError,
    NoRuntimesError,
    RuntimeManager,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm

WAIT = "until [ -e ~/go ]; do sleep 0.02; done"


# --- RuntimeManager ----------------------------------------------------------------------------


@pytest.mark.fact(
    "RuntimeManager",
    "RuntimeManager.create_group",
    "RuntimeManager.create_group ! NoRuntimesError",
    "RuntimeManager.create_group ! ValueError",
)
def test_the_manager_makes_groups_of_what_it_detects(hosts: SSHFarm) -> None:
    hosts.add_refused("down")
    (hosts.hosts["host-2"].home / "data").mkdir()

    with RuntimeManager() as manager:
        every = manager.create_group()
        with_data = manager.create_group(
            min_memory=1,
            min_cpu_cores=1,
            installed_executables=["sh", "python3"],
            filter_commands="[ -d ~/data ] && echo True",
            working_dir="~/work",
        )

        assert every.hosts == ["host-1", "host-2"]
        assert with_data.hosts == ["host-2"]
        assert with_data.get_runtime().working_dir.endswith("/work")
        assert manager.create_group(include_hosts="host-1").hosts == ["host-1"]
        assert manager.create_group(exclude_hosts=["host-1"]).hosts == ["host-2"]
        with pytest.raises(NoRuntimesError, match="gpu"):
            manager.create_group(gpu_required=True)
        with pytest.raises(ValueError, match="not both"):
            manager.create_group("host-1", "host-2")
        for unknown in ({"include_hosts": "host-9"}, {"exclude_hosts": "host-9"}):
            with pytest.raises(ValueError, match="host-9"):
                manager.create_group(**unknown)


@pytest.mark.fact(
    "RuntimeManager.print_hosts",
    "RuntimeManager.print_inactive_hosts",
    "RuntimeManager.print_runtime_info",
    "RuntimeManager: print_hosts: inactive hosts with (inactive) and the reason",
    "RuntimeGroup.print_hosts",
)
def test_the_manager_prints_hosts_and_what_is_wrong_with_the_inactive_ones(
    hosts: SSHFarm, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts.add_refused("down")
    manager = RuntimeManager()

    manager.print_hosts()
    assert capsys.readouterr().out.splitlines() == [
        "HOST    STATE",
        "host-1  active",
        "host-2  active",
        "down    (inactive) refused",
    ]
    manager.print_inactive_hosts()
    assert capsys.readouterr().out.splitlines() == ["HOST  STATE", "down  (inactive) refused"]
    manager.print_runtime_info()
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["HOST", "STATE", "OS", "PYTHON", "CORES", "MEMORY", "GPUS"]
    assert [row.split()[0] for row in rows] == ["host-1", "host-2", "down"]
    manager.create_group().print_hosts()
    assert capsys.readouterr().out.splitlines()[1:] == ["host-1  active", "host-2  active"]


@pytest.mark.fact(
    "RuntimeManager ! NoRuntimesDetectedError",
    "NoRuntimesDetectedError",
)
def test_without_a_runtime_the_manager_says_why(farm: SSHFarm, isolated_home: Path) -> None:
    with pytest.raises(NoRuntimesDetectedError, match=r"there is no host in ~/\.ssh/config"):
        RuntimeManager()


def test_with_inactive_hosts_only_the_manager_says_why_for_each(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in farm.env().items():
        monkeypatch.setenv(name, value)
    farm.add_refused("down")

    with pytest.raises(NoRuntimesDetectedError, match="can be used: down: refused"):
        RuntimeManager()
