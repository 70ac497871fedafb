"""``connection_kwargs``: who logs in, with what, to which of the host's keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncssh
import pytest

from lazytui import InvalidRuntimeError, Runtime, RuntimeTask
from tests.library.password_host import password_host
from tests.sshd_process import encrypt

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm


@pytest.fixture
def elsewhere(hosts: SSHFarm) -> dict[str, Any]:
    """How to reach host-1 by an address, not by its name in the ssh config."""
    host = hosts.hosts["host-1"]
    return {
        "host": host.address,
        "port": host.port,
        "username": hosts.user,
        "known_hosts": hosts.known_hosts,
    }


@pytest.fixture
def key(hosts: SSHFarm, tmp_path: Path) -> Path:
    """The key that the hosts let in; it is not where ssh would look for it any more."""
    return hosts.client_key.rename(tmp_path / "key")


def test_a_password_opens_a_host_that_takes_nothing_else(hosts: SSHFarm, tmp_path: Path) -> None:
    with password_host(tmp_path, "sesame") as host:
        known = tmp_path / "known"
        known.write_text(f"[127.0.0.1]:{host.port} {host.public_key}\n")
        login = {
            "host": "127.0.0.1",
            "port": host.port,
            "username": "ann",
            "known_hosts": str(known),
        }
        with Runtime("guarded", connection_kwargs={**login, "password": "sesame"}) as runtime:
            task = RuntimeTask().run_command("echo $HOME").run_function(lambda n: n + 1, n=41)
            runtime.execute_task(task, execute_async=False)

            assert task.execution_log[0] == str(tmp_path)
            assert list(task.function_returns) == [42]
        with pytest.raises(InvalidRuntimeError, match="a wrong password"):
            Runtime("guarded", connection_kwargs={**login, "password": "wrong"})
        with pytest.raises(InvalidRuntimeError, match="needs a password"):
            Runtime("guarded", connection_kwargs=login)

        assert host.tried == ["sesame", "wrong"]


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda path: [path], id="a path"),
        pytest.param(lambda path: str(path), id="one path as text"),
        pytest.param(lambda path: path.read_text(), id="the text of a key"),
        pytest.param(lambda path: [path.read_bytes()], id="the bytes of a key"),
        pytest.param(lambda path: asyncssh.read_private_key(path), id="a key object"),
        pytest.param(lambda path: (asyncssh.read_private_key(path),), id="key objects"),
        pytest.param(
            lambda path: asyncssh.read_private_key(path).export_private_key("pkcs8-pem").decode(),
            id="PEM text",
        ),
    ],
)
def test_keys_are_given_in_any_form(elsewhere: dict[str, Any], key: Path, form: Any) -> None:
    with Runtime("x", connection_kwargs={**elsewhere, "client_keys": form(key)}) as runtime:
        assert runtime.echo("in") == "in"
    with pytest.raises(InvalidRuntimeError, match=r"permission denied|no key"):
        Runtime("x", connection_kwargs=elsewhere)


@pytest.mark.parametrize("as_text", [False, True])
def test_a_passphrase_opens_keys_in_files_and_as_text(
    elsewhere: dict[str, Any], key: Path, as_text: bool
) -> None:
    encrypt(key)
    given = {**elsewhere, "client_keys": [key.read_text() if as_text else key]}

    with Runtime("x", connection_kwargs={**given, "passphrase": "secret"}) as runtime:
        assert runtime.echo("in") == "in"
    for wrong, words in (({}, "needs a"), ({"passphrase": "other"}, "has another")):
        with pytest.raises(InvalidRuntimeError, match=f"key.* {words} passphrase") as raised:
            Runtime("x", connection_kwargs={**given, **wrong})
        assert "PRIVATE" not in str(raised.value)


def test_a_key_that_is_none_is_told(elsewhere: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "no-key").write_text("just words\n")

    with pytest.raises(InvalidRuntimeError, match="nowhere cannot be read: No such file"):
        Runtime("x", connection_kwargs={**elsewhere, "client_keys": tmp_path / "nowhere"})
    with pytest.raises(InvalidRuntimeError, match="no-key is no private key"):
        Runtime("x", connection_kwargs={**elsewhere, "client_keys": tmp_path / "no-key"})


def test_known_hosts_are_those_given_or_every_key_is_taken(
    elsewhere: dict[str, Any], tmp_path: Path, key: Path
) -> None:
    given = {**elsewhere, "client_keys": key}
    (tmp_path / "empty").touch()

    with pytest.raises(InvalidRuntimeError, match="key"):
        Runtime("x", connection_kwargs={**given, "known_hosts": tmp_path / "empty"})
    with Runtime("x", connection_kwargs={**given, "known_hosts": None}) as runtime:
        assert runtime.echo("in") == "in"


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"pasword": "x", "user": "y"},
            "connection_kwargs has no 'pasword', 'user'; it may have host, port, username, pass",
        ),
        ({"port": "22"}, "the port is a number from 1 to 65535, not '22'"),
        ({"port": 0}, "the port is a number from 1 to 65535, not 0"),
        ({"port": 70000}, "the port is a number from 1 to 65535, not 70000"),
        ({"username": ""}, "username is text that is not empty, not ''"),
        ({"username": 7}, "username is text that is not empty, not 7"),
        ({"password": b"sesame"}, "password is text, not bytes"),
        ({"passphrase": ["sesame"]}, "passphrase is text, not list"),
        ({"known_hosts": [3]}, r"known_hosts is a path, several of them, or None, not \[3\]"),
        ({"connect_timeout": "5"}, "connect_timeout is a number, not '5'"),
    ],
)
def test_a_keyword_that_is_not_known_or_means_nothing_is_refused(
    hosts: SSHFarm, keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        Runtime("host-1", connection_kwargs=keywords)

    assert "sesame" not in str(raised.value)
