"""``lazytui doctor``: what runs, what is wrong, and what to do about it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from lazytui.commands.doctor_checks import Health
from lazytui.commands.doctor_system import log_out
from lazytui.rendezvous import meeting_point
from tests.engines import environment, lazytui, paths_of

if TYPE_CHECKING:
    from tests.sshd import SSHFarm

START = "from lazytui.pump.connect import start; from lazytui.rendezvous import meeting_point; "


def findings(farm: SSHFarm, **environ: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    done = lazytui(farm, "doctor", "--json", **environ)
    assert done.stderr == b""
    found: dict[str, list[dict[str, str]]] = {}
    for finding in json.loads(done.stdout):
        assert list(finding) == ["check", "state", "text", "advice"]
        found.setdefault(finding["check"], []).append(finding)
    return done.returncode, found


def test_where_all_is_well_it_says_so(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")
    (farm.home / ".ssh").chmod(0o700)

    code, found = findings(farm)

    assert code == 0
    assert found["engine"][0]["text"] == "none runs; lazytui starts one"
    assert found["ssh config"][0]["text"].startswith("1 host in ~/.ssh/config")
    assert "broken" not in {finding["state"] for each in found.values() for finding in each}


def test_lingering_alone_does_not_save_what_a_session_leaves_running() -> None:
    calm = log_out("ann", kills=False, lingers=False)
    killed = log_out("ann", kills=True, lingers=False)
    lingering = log_out("ann", kills=True, lingers=True)

    assert calm.health is Health.FINE
    assert (killed.health, lingering.health) == (Health.ATTENTION, Health.ATTENTION)
    assert "also if you linger" in lingering.text
    assert lingering.advice.startswith("start the engine with: systemd-run --user --scope lazytui")
    assert killed.advice == f"loginctl enable-linger, then {lingering.advice}"
    assert "KillExcludeUsers=ann" in killed.advice


def test_the_engine_that_runs_is_told_with_its_age(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")
    env = environment(farm)
    subprocess.run([sys.executable, "-c", START + "start(meeting_point())"], env=env, check=True)

    code, found = findings(farm)

    assert code == 0
    assert found["engine"][0]["text"].startswith("pid ")
    assert "since 20" in found["engine"][0]["text"]
    assert found["socket"][0]["text"] == meeting_point(environ=env).socket


def test_what_is_wrong_comes_with_its_place_and_with_what_to_do(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")
    paths = paths_of(farm)
    paths.spool_dir.chmod(0o777)
    paths.config_dir.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_text("[connect]\ntimeout_s = 'soon'\n")
    farm.config.write_text(farm.config.read_text() + "\nHost broken\n  Port many\n")
    paths.journal.write_bytes(b"no database at all" * 100)

    code, found = findings(
        farm, SSH_AUTH_SOCK="/nowhere", XDG_CONFIG_HOME=str(paths.config_dir.parent)
    )

    assert code == 1
    assert f"chmod 700 {paths.spool_dir}" in [f["advice"] for f in found["state"]]
    assert "config.toml" in found["settings"][0]["text"]
    assert found["journal"][0]["state"] == "broken"
    assert any("config:" in finding["text"] for finding in found["ssh config"])
    assert "/nowhere does not answer" in found["ssh-agent"][0]["text"]


def test_a_socket_that_is_open_to_others_is_broken(farm: SSHFarm) -> None:
    from pathlib import Path

    farm.add_refused("gpu01")
    paths_of(farm)
    path = Path(meeting_point(environ=environment(farm)).socket)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
        path.chmod(0o666)
        code, found = findings(farm)
    path.unlink()

    assert code == 1
    assert "chmod 600" in found["engine"][0]["text"]


def test_for_people_each_finding_is_a_line_with_its_advice_below(farm: SSHFarm) -> None:
    done = lazytui(farm, "doctor")

    lines = done.stdout.decode().splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("◆ ssh config"))
    assert lines[at + 1].strip().startswith("→ add a `Host` entry")
    assert lines[-1].endswith("want a look")
