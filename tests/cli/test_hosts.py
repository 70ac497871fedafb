"""``lazytui hosts``: what it finds, how it says so, and what it never does."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.engines import environment, lazytui, lazytui_here

if TYPE_CHECKING:
    import pytest

    from tests.sshd import SSHFarm

KEYS = [
    "host", "state", "reason", "hostname", "port", "user", "os", "cpu_cores", "memory",
    "python_version", "gpus", "latency_ms",
]  # fmt: skip


def test_the_table_has_active_hosts_first_and_says_why_others_are_not(farm: SSHFarm) -> None:
    farm.add_refused("dead")
    farm.add("gpu01")

    done = lazytui(farm, "hosts")

    lines = done.stdout.decode().splitlines()
    assert (done.returncode, done.stderr) == (0, b"")
    assert lines[0].split() == ["HOST", "STATE", "CORES", "MEM", "GPUS", "PYTHON", "OS"]
    assert lines[1].split()[:3] == ["gpu01", "●", "active"]
    assert lines[3].split() == ["HOST", "STATE", "REASON"]
    assert lines[4].split() == ["dead", "○", "inactive", "refused"]


def test_details_add_latency_and_address_and_the_old_name_of_the_command_works(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    done = lazytui(farm, "list-runtimes", "-l")

    assert done.returncode == 0, done.stderr
    heads, row = done.stdout.decode().splitlines()
    assert heads.split()[-2:] == ["LATENCY", "ADDRESS"]
    assert row.split()[-1] == f"{farm.user}@{host.address}:{host.port}"


def test_json_has_exactly_the_promised_keys_for_active_and_inactive_hosts(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    farm.add_refused("dead")

    done = lazytui(farm, "hosts", "--json")

    active, inactive = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, b"")
    assert list(active) == KEYS
    assert list(inactive) == KEYS
    assert (active["host"], active["state"], active["reason"]) == ("gpu01", "active", None)
    assert (active["hostname"], active["port"], active["user"]) == (
        host.address, host.port, farm.user
    )  # fmt: skip
    assert active["cpu_cores"] >= 1
    assert active["memory"] > 1 << 20
    assert active["python_version"].startswith("3.")
    assert isinstance(active["gpus"], list)
    assert active["latency_ms"] >= 0
    assert (inactive["state"], inactive["reason"], inactive["os"]) == ("inactive", "refused", None)


def test_offline_says_what_the_config_says_and_connects_to_nothing(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    farm.add("node1", jump="gpu01")

    listed = lazytui(farm, "hosts", "--offline")
    objects = lazytui(farm, "hosts", "--offline", "--json", "node1")

    assert listed.returncode == 0
    assert [line.split()[0] for line in listed.stdout.decode().splitlines()] == [
        "HOST", "gpu01", "node1"
    ]  # fmt: skip
    (node1,) = json.loads(objects.stdout)
    assert list(node1) == KEYS
    assert (node1["host"], node1["state"], node1["reason"]) == ("node1", "inactive", "not tried")
    assert host.connections() == 0


def test_a_where_is_a_name_a_node_set_a_pattern_or_a_group(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("gpu01", "gpu02", "cpu01"):
        farm.add_entry(name, "192.0.2.1", 22)
    farm.add("up")
    lazytui(farm, "groups", "add", "train", "gpu[01-02]")

    def listed(*where: str) -> list[str]:
        words = ["hosts", "--offline", "--json", *where]
        code, out, err = lazytui_here(farm, monkeypatch, capfd, *words)
        assert (code, err) == (0, "")
        return [found["host"] for found in json.loads(out)]

    assert listed("gpu01") == ["gpu01"]
    assert listed("gpu[01-02]") == ["gpu01", "gpu02"]
    assert listed("*pu01", "!cpu01") == ["gpu01"]
    assert listed("@train", "-", "gpu02") == ["gpu01"]
    assert listed("cpu01,up") == ["cpu01", "up"]


def test_a_filter_asks_the_hosts_first(farm: SSHFarm) -> None:
    farm.add("up")
    farm.add_refused("dead")

    done = lazytui(farm, "hosts", "--json", "state:up", "mem>1M")
    none = lazytui(farm, "hosts", "gpu>=64")

    assert [host["host"] for host in json.loads(done.stdout)] == ["up"]
    assert none.returncode == 2
    assert b"no host matches gpu>=64" in none.stderr


def test_what_is_not_there_or_does_not_parse_is_a_usage_error(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    farm.add_refused("gpu01")

    for where, told in [
        ("gpu0", "gpu0"),  # never fuzzy
        ("gpu[01-09]", "gpu02"),
        ("@nowhere", "nowhere"),
        ("mem>>3", "character"),
        ("gpu[", "character"),
    ]:
        for offline in ([], ["--offline"]):
            code, out, err = lazytui_here(farm, monkeypatch, capfd, "hosts", *offline, where)
            assert (code, out) == (2, ""), where
            assert told in err


def test_a_broken_line_of_the_config_is_told_with_its_place_and_costs_nothing_else(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")
    with farm.config.open("a") as config:
        config.write("\nHost odd\n    Port seven\n")
    line = len(farm.config.read_text().splitlines())

    done = lazytui(farm, "hosts", "--offline")

    assert done.returncode == 0
    assert [row.split()[0] for row in done.stdout.decode().splitlines()] == ["HOST", "gpu01", "odd"]
    assert f"{farm.config}:{line}" in done.stderr.decode()


def test_a_config_named_by_f_is_the_only_one_and_must_exist(farm: SSHFarm) -> None:
    farm.add("gpu01")
    other = farm.root / "other_config"
    other.write_text("Host only\n    HostName 192.0.2.7\n")

    given = lazytui(farm, "-F", str(other), "hosts", "--offline", "--json")
    missing = lazytui(farm, "-F", str(farm.root / "nothing"), "hosts")

    assert [host["host"] for host in json.loads(given.stdout)] == ["only"]
    assert missing.returncode == 2
    assert b"nothing" in missing.stderr
    assert missing.stdout == b""


def test_a_mistake_in_the_settings_is_told_with_its_line_and_the_rest_works(farm: SSHFarm) -> None:
    farm.add("gpu01")
    settings = farm.home / ".config/lazytui/config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[connect]\ntimeout_s = 3\nkeepalive_s = 'often'\n")

    done = lazytui(farm, "hosts")

    assert done.returncode == 0
    assert b"gpu01" in done.stdout
    assert f"{settings}:3" in done.stderr.decode()


def test_without_hosts_it_says_what_to_do_and_loads_nothing_heavy(farm: SSHFarm) -> None:
    farm.config.unlink()
    script = (
        "import sys; from lazytui.cli import main; code = main(['hosts', '--json']);"
        "heavy = {'asyncssh', 'textual', 'rich', 'asyncio', 'sqlite3'} & set(sys.modules);"
        "sys.exit(f'loaded {heavy}' if heavy else code)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(farm), capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    assert b"lazytui demo" in done.stderr


def test_importing_lazytui_loads_no_library() -> None:
    script = (
        "import sys; import lazytui, lazytui.cli;"
        "print(*{'asyncssh', 'textual', 'rich', 'asyncio', 'sqlite3', 'ClusterShell', 'psutil'}"
        " & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert done.stdout.split() == []


def test_a_reader_that_goes_away_ends_it_quietly(farm: SSHFarm) -> None:
    farm.add_entry("gpu01", "192.0.2.1", 22)
    line = f"{sys.executable} -m lazytui hosts --offline | true; echo ${{PIPESTATUS[0]}}"

    done = subprocess.run(
        ["bash", "-c", line], env=environment(farm), capture_output=True, check=False
    )

    assert done.stderr == b""
    assert done.stdout.split()[-1] in (b"141", b"0")  # 0: it was quicker than `true`
