"""What the ssh config reader lists, tells and refuses, beyond the values that ssh agrees on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lazytui.errors import SettingsError
from lazytui.ssh import config_files, config_match
from lazytui.ssh.config import SSHConfig
from tests.leftovers import is_alive


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with an empty .ssh folder."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return tmp_path


def write(path: Path, text: str | bytes) -> Path:
    """Write a file that only its owner may write, as ssh wants it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return path


def load(home: Path, text: str | bytes, **options: object) -> SSHConfig:
    """Read a user config with this text."""
    write(home / ".ssh" / "config", text)
    return SSHConfig.load(home=home, local_user="me", system_path=None, **options)


def names(config: SSHConfig) -> list[str]:
    """The listed hosts."""
    return [entry.alias for entry in config.entries]


def told(config: SSHConfig) -> list[tuple[int, str]]:
    """Line and text of every problem."""
    return [(problem.line, problem.text) for problem in config.problems]


# Listing


def test_hosts_are_listed_once_in_order_of_first_appearance_with_their_place(home: Path) -> None:
    config = load(home, "# hosts\nHost b a\n  Port 1\n\nHost c b\n  Port 2\n")

    path = str(home / ".ssh" / "config")
    assert [(e.alias, e.path, e.line, e.conditional) for e in config.entries] == [
        ("b", path, 2, False),
        ("a", path, 2, False),
        ("c", path, 5, False),
    ]


def test_wildcards_and_negations_name_no_host(home: Path) -> None:
    config = load(home, "Host * !bad\nHost web? db\nHost *\n")

    assert names(config) == ["db"]
    assert config.skipped_patterns == ("*", "!bad", "web?")


def test_a_host_named_by_match_lines_only_is_conditional(home: Path) -> None:
    config = load(home, "Match originalhost a,!b,c*,d\n Port 1\nHost d\nMatch !originalhost e\n")

    assert [(e.alias, e.conditional) for e in config.entries] == [("a", True), ("d", False)]


def test_match_host_names_a_host_unless_it_is_the_hostname_of_another(home: Path) -> None:
    config = load(home, "Host web\n HostName 10.0.0.1\nMatch host 10.0.0.1,lone\n User x\n")

    assert [(e.alias, e.conditional) for e in config.entries] == [("web", False), ("lone", True)]


def test_a_host_included_under_a_condition_is_conditional(home: Path) -> None:
    write(home / ".ssh" / "more", "Host inner\n  Port 1\n")

    config = load(home, "Match user me\n  Include more\n")

    assert [(e.alias, e.conditional) for e in config.entries] == [("inner", True)]


def test_a_host_that_the_including_host_block_excludes_is_not_listed(home: Path) -> None:
    write(home / ".ssh" / "more", "Host web\nHost db\n")

    config = load(home, "Host web*\n  Include more\n")

    assert names(config) == ["web"]


def test_the_three_names_of_this_machine_are_one_host(home: Path) -> None:
    config = load(home, "Host 127.0.0.1 localhost web ::1\n  User me\n")

    assert names(config) == ["127.0.0.1", "web"]
    assert config.runtime_key("localhost") == config.runtime_key("::1")
    assert config.runtime_key("web") != config.runtime_key("localhost")


@pytest.mark.parametrize(
    "difference", ["Port 2222", "User other", "HostName far.example.com", "ProxyJump gw"]
)
def test_names_of_this_machine_that_lead_elsewhere_stay_apart(home: Path, difference: str) -> None:
    config = load(home, f"Host localhost\n  {difference}\nHost 127.0.0.1\n")

    assert names(config) == ["localhost", "127.0.0.1"]


def test_two_names_for_one_address_stay_two_hosts(home: Path) -> None:
    config = load(home, "Host a b\n  HostName 127.0.0.1\n")

    assert names(config) == ["a", "b"]


def test_a_name_that_cannot_be_shown_is_told_and_not_listed(home: Path) -> None:
    config = load(home, b"Host good b\xe9d e\x1b]0;x\x07vil\n  Port 7\n")

    assert names(config) == ["good"]
    assert [line for line, _ in told(config)] == [1, 1]
    assert all(str(problem).isprintable() for problem in config.problems)


# Mistakes


def test_a_mistake_costs_only_its_line_and_is_told_with_its_place(home: Path) -> None:
    config = load(home, "Host a\n  Port many\n  User u\nHost b\n  Port 5\n")

    assert names(config) == ["a", "b"]
    assert (config.resolve("a").port, config.resolve("a").user) == (22, "u")
    assert config.resolve("b").port == 5
    assert [str(p) for p in config.problems] == [f"{home}/.ssh/config:2: not a port: many"]


def test_a_broken_host_or_match_line_costs_its_block(home: Path) -> None:
    text = (
        'Host "a b\n User wrong\nMatch weather sunny\n User wrong\nMatch host\n User wrong\n'
        "Match all host x\n User wrong\nHost c ''\n User wrong\nHost d\n User right\n"
    )

    config = load(home, text)

    assert names(config) == ["d"]
    assert {config.resolve(name).user for name in ("a", "c", "x", "other")} == {"me"}
    assert config.resolve("d").user == "right"
    assert [line for line, _ in told(config)] == [1, 3, 5, 7, 9]


@pytest.mark.parametrize(
    "line",
    [
        "NoSuchOption yes",
        "Port",
        "Port 0",
        "Port 65536",
        "Port 1 2",
        "User 'open",
        "Compression maybe",
        "StrictHostKeyChecking perhaps",
        "ConnectTimeout soon",
        "ConnectTimeout 1y",
        "ServerAliveCountMax -1",
        "AddressFamily ipx",
        "HostName %x",
        "IdentityFile ~/%y",
        "IdentityFile %",
        "IdentityFile ${LZ_NOT_SET}/id",
        "UserKnownHostsFile none other",
        "UserKnownHostsFile ''",
        "IdentityFile ~no-such-user-here/id",
        "SendEnv A=1",
        "SetEnv A",
        "ProxyJump a,,b",
        "ProxyJump @gw",
        "ProxyJump gw:port:1",
        "ProxyCommand nc %y",
        "ProxyCommand sh -c 'nc",
        "IdentityAgent $not-a-name",
        "Include",
        "IgnoreUnknown Other*\nOtherOne 1\nThird 1",
    ],
)
def test_what_ssh_refuses_is_a_problem(home: Path, line: str) -> None:
    config = load(home, f"Host a\n{line}\n")

    assert [where for where, _ in told(config)] == [1 + len(line.splitlines())]
    assert config.resolve("a").hostname == "a"


def test_options_of_older_and_newer_versions_are_no_problem(home: Path) -> None:
    config = load(home, "RSAAuthentication no\nTag x\nUseRoaming no\nRequiredRSASize 2048\n")

    assert config.problems == ()


# Files


def test_without_any_file_there_are_no_hosts_and_every_name_still_resolves(home: Path) -> None:
    config = SSHConfig.load(home=home, local_user="me", system_path=home / "missing")

    options = config.resolve("Some.Host")

    assert config.entries == config.problems == config.files == ()
    assert (options.hostname, options.port, options.user) == ("some.host", 22, "me")
    assert options.user_known_hosts_files == (
        f"{home}/.ssh/known_hosts",
        f"{home}/.ssh/known_hosts2",
    )


def test_the_users_file_comes_before_the_systems(home: Path) -> None:
    system = write(home / "etc" / "ssh_config", "Include extra\nPort 1\nUser system\n")
    write(home / "etc" / "extra", "Compression yes\n")
    write(home / ".ssh" / "config", "Host a\n  User own\n")

    config = SSHConfig.load(home=home, system_path=system)

    options = config.resolve("a")
    assert (options.user, options.port, options.compression) == ("own", 1, True)


def test_a_system_file_may_not_include_from_a_home(home: Path) -> None:
    system = write(home / "etc" / "ssh_config", "Include ~/more\nHost system\n")
    write(home / "more", "Host more\n")

    config = SSHConfig.load(home=home, system_path=system)

    assert names(config) == ["system"]
    assert told(config) == [(1, "Include in a system file takes no ~")]


def test_a_given_file_is_the_only_one_and_none_is_no_file(home: Path) -> None:
    write(home / ".ssh" / "config", "Host own\n")
    system = write(home / "etc", "Host system\n")
    given = write(home / "given", "Include more\nHost given\n")
    write(home / ".ssh" / "more", "Host more\n")

    assert names(SSHConfig.load(given, home=home, system_path=system)) == ["more", "given"]
    assert names(SSHConfig.load(Path("none"), home=home, system_path=system)) == []
    assert names(SSHConfig.load(Path(os.devnull), home=home, system_path=system)) == []


def test_a_given_file_that_cannot_be_read_is_an_error_that_names_it(home: Path) -> None:
    with pytest.raises(SettingsError, match=r"/missing: No such file"):
        SSHConfig.load(home / "missing", home=home)


def test_a_given_fifo_is_refused_instead_of_waited_for(home: Path) -> None:
    os.mkfifo(home / "fifo")

    with pytest.raises(SettingsError, match="not a regular file"):
        SSHConfig.load(home / "fifo", home=home)


def test_a_file_that_others_may_write_is_not_read(home: Path) -> None:
    (home / ".ssh" / "config").touch()
    write(home / ".ssh" / "shared", "Host shared\n").chmod(0o620)

    config = load(home, "Include shared\nHost own\n")
    (home / ".ssh" / "config").chmod(0o602)
    open_to_all = SSHConfig.load(home=home, system_path=None)

    assert names(config) == ["own"]
    assert "others could write it" in told(config)[0][1]
    assert names(open_to_all) == []
    assert "others could write it" in told(open_to_all)[0][1]


def test_includes_take_home_globs_and_relative_paths(home: Path) -> None:
    write(home / ".ssh" / "conf.d" / "2.conf", "Host two\n")
    write(home / ".ssh" / "conf.d" / "1.conf", "Host one\n")
    write(home / ".ssh" / "conf.d" / "1.conf~", "Host backup\n")
    (home / ".ssh" / "conf.d" / "folder.conf").mkdir()
    write(home / "own", "Host own\n")

    config = load(home, "Include conf.d/*.conf ~/own no-such-file ~/no-such/*\n")

    assert names(config) == ["one", "two", "own"]
    assert config.problems == ()


def test_a_file_that_includes_itself_is_cut_there(home: Path) -> None:
    write(home / ".ssh" / "other", "Host other\nInclude config\nHost after\n")

    config = load(home, "Host a\nInclude config\nHost *\nInclude other\nHost b\n")

    assert names(config) == ["a", "other", "after", "b"]
    assert [text.rpartition(": ")[2] for _, text in told(config)] == ["it includes itself"] * 2


def test_includes_end_at_sixteen_files_deep(home: Path) -> None:
    for depth in range(1, 20):
        write(home / ".ssh" / f"d{depth}", f"Host h{depth}\nHost *\nInclude d{depth + 1}\n")

    config = load(home, "Include d1\n")

    assert names(config) == [f"h{depth}" for depth in range(1, 17)]
    assert told(config) == [(3, "Include is deeper than 16 files")]


def test_files_that_include_each_other_many_times_come_to_an_end(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_files, "MAX_BYTES", 100 * config_files.MIN_COST)
    for depth in range(1, 15):
        write(home / ".ssh" / f"d{depth}", f"Include d{depth + 1} d{depth + 1} d{depth + 1}\n")

    config = load(home, "Host a\nHost *\nInclude d1\n")

    assert names(config) == ["a"]
    assert any("of configuration" in text for _, text in told(config))


def test_a_change_of_any_file_or_a_new_one_is_noticed(home: Path) -> None:
    write(home / ".ssh" / "conf.d" / "1.conf", "Host one\n")
    text = "Include conf.d/*.conf missing\n"

    def changes(change: object) -> bool:
        config = load(home, text)
        assert not config.changed()
        assert callable(change)
        change()
        return config.changed()

    assert changes(lambda: write(home / ".ssh" / "config", "Host longer\n" * 9))
    assert changes(lambda: write(home / ".ssh" / "conf.d" / "1.conf", "Host longer\n"))
    assert changes(lambda: write(home / ".ssh" / "conf.d" / "2.conf", "Host two\n"))
    assert changes(lambda: write(home / ".ssh" / "missing", "Host found\n"))
    assert changes(lambda: (home / ".ssh" / "config").unlink())


def test_a_config_that_appears_later_is_noticed(home: Path) -> None:
    config = SSHConfig.load(home=home, system_path=None)

    write(home / ".ssh" / "config", "Host a\n")

    assert config.changed()


# Match exec


def test_nothing_is_run_before_a_connection_is_wanted(home: Path) -> None:
    marker = home / "ran"
    config = load(home, f'Host a\n User u\nMatch exec "touch {marker}; test %n = a"\n Port 9\n')

    listed = config.resolve("a")

    assert config.has_match_exec
    assert listed.port == 22
    assert not marker.exists()
    assert config.resolve("a", run_exec=True).port == 9
    assert marker.exists()
    assert config.resolve("a").port == 22


def test_a_command_is_not_run_when_the_line_fails_before_it(home: Path) -> None:
    marker = home / "ran"
    config = load(home, f'Match originalhost b exec "touch {marker}"\n Port 9\n')

    assert config.resolve("a", run_exec=True).port == 22
    assert not marker.exists()


def test_a_command_that_never_ends_counts_as_failed_and_is_killed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_match, "EXEC_TIMEOUT_S", 1.0)
    marker = home / "pid"
    config = load(home, f'Match exec "sleep 600 & echo $! > {marker}; wait"\n Port 9\n')

    port = config.resolve("a", run_exec=True).port

    assert port == 22
    child = int(marker.read_text())
    deadline = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(child)


def test_a_jump_that_is_none_may_have_a_comment(home: Path) -> None:
    config = load(home, "Host a\n ProxyJump none # direct\nHost *\n ProxyJump gw\n")

    assert config.resolve("a").proxy_jump == ()
    assert config.resolve("b").proxy_jump == ("gw",)


def test_a_shell_that_does_not_exist_counts_as_failed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", str(home / "no-shell"))
    config = load(home, "Match exec true\n Port 9\n")

    assert config.resolve("a", run_exec=True).port == 22


# Resolving


def test_a_user_is_given_only_when_the_config_says_so(home: Path) -> None:
    config = load(home, "Host a\n  User me\nHost b\n")

    assert config.resolve("a").user_given
    assert not config.resolve("b").user_given


def test_key_files_are_expanded_for_the_host(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LZ_KEYS", "/keys/%h")
    config = load(
        home,
        "Host a\n HostName %h.example.com\n Port 7\n User u\n"
        " IdentityFile ~/%r@%h\n IdentityFile ${LZ_KEYS}/%n-%p%%\n IdentityFile %d/x\n",
    )

    assert config.resolve("a").identity_files == (
        f"{home}/u@a.example.com",
        "/keys/%h/a-7%",
        f"{home}/x",
    )


def test_a_variable_of_the_proxy_command_is_left_to_the_shell(home: Path) -> None:
    config = load(home, "ProxyCommand nc ${JUMP} %h %p 100%%\n")

    assert config.resolve("a").proxy_command == "nc ${JUMP} a 22 100%"


def test_a_missing_agent_variable_means_no_agent(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load(home, "Host a\n IdentityAgent $LZ_AGENT\nHost b\n IdentityAgent SSH_AUTH_SOCK\n")

    assert config.resolve("a").identity_agent == "none"
    assert config.resolve("b").identity_agent is None


def test_a_long_wildcard_against_a_long_name_is_answered(home: Path) -> None:
    config = load(home, f"Host {'*a' * 400}*b\n Port 9\nHost {'*a' * 400}\n Port 8\n")

    assert config.resolve("a" * 5000).port == 8


def test_ten_thousand_hosts_are_listed_and_each_finds_its_own_block(home: Path) -> None:
    text = "".join(f"Host n{i}\n HostName 10.0.{i >> 8}.{i & 255}\n" for i in range(10_000))

    config = load(home, f"{text}Host *\n User u\n")

    assert len(config.entries) == 10_000
    assert config.resolve("n9999").hostname == "10.0.39.15"
    assert config.resolve("n0").user == "u"
