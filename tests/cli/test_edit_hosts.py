"""``lazytui add-runtime`` and ``delete-runtime``: nobody's ssh config is damaged."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.errors import UsageError
from lazytui.ssh.config import SSHConfig
from lazytui.ssh.config_edit import adding, removing, write
from lazytui.ssh.destination import Destination
from tests.engines import lazytui

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm

OWN = """\
# my hosts, touch nothing
ServerAliveInterval 30

# the lab
Host gpu01 gpu02   # two of them
\tHostName 10.0.0.1
    User  ana

# the old one
Host old
  HostName 10.0.0.9

Host *
    User everybody
"""


def config(tmp_path: Path, text: str = OWN) -> Path:
    path = tmp_path / "config"
    path.write_bytes(text.encode())
    return path


def says(path: Path, name: str) -> dict[str, str]:
    """What the real ssh makes of a host."""
    done = subprocess.run(["ssh", "-G", "-F", str(path), name], capture_output=True, check=True)
    lines = (line.split(" ", 1) for line in done.stdout.decode().splitlines())
    return {words[0]: words[-1] for words in lines}


def test_a_host_is_added_and_ssh_goes_where_it_leads(tmp_path: Path) -> None:
    path = config(tmp_path)

    write(adding(path, "new", Destination.parse("bob@10.0.0.7:2222"), id_file="~/.ssh/my key"))

    told = says(path, "new")
    assert (told["hostname"], told["port"], told["user"]) == ("10.0.0.7", "2222", "bob")
    assert told["identityfile"] == "~/.ssh/my key"
    assert says(path, "old")["user"] == "everybody"
    assert says(path, "gpu02")["user"] == "ana"


def test_every_line_that_was_there_is_there_still(tmp_path: Path) -> None:
    path = config(tmp_path)

    write(adding(path, "new", Destination.parse("bob@10.0.0.7")))

    left = path.read_text().splitlines()
    start = left.index("Host new")
    del left[start : start + 4]
    assert left == OWN.splitlines()
    assert left[start - 1 :][:2] == ["", "Host *"]  # before the one that would win over it


@pytest.mark.parametrize("text", ["", "Host a\n  Port 1", "Host a\r\n  Port 1\r\n", "\n\n# only\n"])
def test_a_host_is_added_to_any_file_and_removing_it_gives_the_same_hosts(
    tmp_path: Path, text: str
) -> None:
    path = config(tmp_path, text)

    write(adding(path, "new", Destination.parse("h")))
    both = [entry.alias for entry in SSHConfig.load(path).entries]
    (edit,) = removing(SSHConfig.load(path), "new")
    write(edit)

    assert both == [*(["a"] if "Host a" in text else []), "new"]
    assert [entry.alias for entry in SSHConfig.load(path).entries] == both[:-1]
    assert path.read_bytes().strip() == text.encode().strip()


def test_a_block_goes_with_its_lines_and_nothing_else(tmp_path: Path) -> None:
    path = config(tmp_path)

    (edit,) = removing(SSHConfig.load(path), "old")
    write(edit)

    assert path.read_text() == OWN.replace("Host old\n  HostName 10.0.0.9\n\n", "")


def test_of_a_line_with_several_names_only_the_one_goes(tmp_path: Path) -> None:
    path = config(tmp_path)

    (edit,) = removing(SSHConfig.load(path), "gpu01")
    write(edit)

    assert path.read_text() == OWN.replace("gpu01 gpu02", "gpu02")


def test_a_host_of_an_included_file_is_removed_there(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("Host inner\n  Port 1\nHost kept\n  Port 2\n")
    path = config(tmp_path, f"Include {other}\n{OWN}")

    (edit,) = removing(SSHConfig.load(path), "inner")
    write(edit)

    assert other.read_text() == "Host kept\n  Port 2\n"
    assert path.read_text() == f"Include {other}\n{OWN}"


def test_what_was_there_before_is_kept_and_the_very_first_for_ever(tmp_path: Path) -> None:
    path = config(tmp_path)
    path.chmod(0o640)

    for number in range(14):
        write(adding(path, f"new{number}", Destination.parse("h")))

    kept = sorted(tmp_path.glob("config.lazytui-*"))
    assert len(kept) == 11
    assert kept[0].read_text() == OWN
    assert path.stat().st_mode & 0o777 == kept[0].stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = config(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(real)

    write(adding(link, "new", Destination.parse("h")))

    assert link.is_symlink()
    assert "Host new" in real.read_text()


def test_a_file_that_somebody_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = config(tmp_path)
    edit = adding(path, "new", Destination.parse("h"))
    path.write_text("Host theirs\n")

    with pytest.raises(UsageError, match="changed meanwhile"):
        write(edit)

    assert path.read_text() == "Host theirs\n"


@pytest.mark.parametrize(
    "name", ["", "*", "a b", "-x", "a,b", "!a", "a\nProxyCommand x", "#a", 'a"']
)
def test_no_name_is_more_than_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        adding(config(tmp_path), name, Destination.parse("h"))


@pytest.mark.parametrize(
    "to", ["", "@h", "h:0", "h:99999", "h:x", "-oProxyCommand=x", "u ser@h", "h\nUser x", "a%h@h"]
)
def test_no_destination_is_more_than_that(to: str) -> None:
    with pytest.raises(UsageError):
        Destination.parse(to)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("h", ("", "h", 22)),
        ("bob@10.0.0.1:2222", ("bob", "10.0.0.1", 2222)),
        ("ssh://bob@h", ("bob", "h", 22)),
        ("[::1]:2222", ("", "::1", 2222)),
        ("fe80::1", ("", "fe80::1", 22)),
    ],
)
def test_a_destination_is_read_as_ssh_reads_it(text: str, found: tuple[str, str, int]) -> None:
    to = Destination.parse(text)

    assert (to.user, to.host, to.port) == found


@given(st.lists(st.sampled_from([*OWN.splitlines(), "", "Match all", "Host x !y", "  Port 7"])))
def test_of_any_file_nothing_is_lost_but_the_block(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = config(tmp_path_factory.mktemp("ssh"), "\n".join(lines))
    before = {e.alias: SSHConfig.load(path).resolve(e.alias) for e in SSHConfig.load(path).entries}
    try:
        write(adding(path, "new", Destination.parse("h.example:7")))
    except UsageError:
        return

    now = SSHConfig.load(path)
    assert (now.resolve("new").hostname, now.resolve("new").port) == ("h.example", 7)
    assert {alias: now.resolve(alias) for alias in before} == before


def test_the_commands_show_the_change_and_say_where_the_backup_is(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")
    before = farm.config.read_text()

    dry = lazytui(farm, "add-runtime", "new", "bob@10.0.0.7", "--dry-run")
    untouched = farm.config.read_text()
    done = lazytui(farm, "add-runtime", "new", "bob@10.0.0.7")
    again = lazytui(farm, "add-runtime", "new", "bob@10.0.0.7")
    listed = lazytui(farm, "hosts", "--offline").stdout.decode()
    gone = lazytui(farm, "delete-runtime", "new")

    assert "+Host new" in dry.stdout.decode()
    assert untouched == before
    assert (done.returncode, again.returncode, gone.returncode) == (0, 2, 0)
    assert "written; as it was before: " in done.stderr.decode()
    assert "there already" in again.stderr.decode()
    assert "bob@10.0.0.7:22" in listed
    assert "-Host new" in gone.stdout.decode()
    assert farm.config.read_text().strip() == before.strip()
