"""Proving who we are on real sshd: keys, certificates, the ssh-agent, and what is said without."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests import evil
from tests.ssh.reaching import connecting, reach, refusal, ssh_agent
from tests.sshd_process import encrypt, write_key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd


# --- keys ------------------------------------------------------------------------------


async def test_a_refused_key_is_named_and_not_tried_again(farm: SSHFarm) -> None:
    host = farm.add("locked", options=["AuthorizedKeysFile none"])

    async with connecting(farm) as connector:
        error = await refusal(connector, "locked")

    assert error.reason == "permission denied (tried: id_ed25519)"
    assert (error.kind, error.retry) == ("auth", False)
    assert host.connections() == 1


async def test_a_host_that_takes_passwords_only_needs_one(farm: SSHFarm) -> None:
    options = ["AuthorizedKeysFile none", "PasswordAuthentication yes"]
    farm.add("guarded", options=options)

    async with connecting(farm) as connector:
        error = await refusal(connector, "guarded")

    assert error.reason == "needs a password (tried: id_ed25519)"
    assert error.retry is False


async def test_a_server_with_questions_at_the_keyboard_needs_a_password(farm: SSHFarm) -> None:
    async with evil.keyboard_interactive(("Code: ",), ("1",)) as server:
        farm.add_odd("token", server)
        async with connecting(farm) as connector:
            error = await refusal(connector, "token")

    assert error.reason == "needs a password (tried: id_ed25519)"
    assert not [seen for seen in server.seen if seen.startswith("answer")]


async def test_an_encrypted_key_needs_a_passphrase(farm: SSHFarm) -> None:
    farm.add("gpu01")
    encrypt(farm.client_key)

    async with connecting(farm) as connector:
        error = await refusal(connector, "gpu01")

    assert error.reason == "permission denied (id_ed25519 needs a passphrase)"


@pytest.mark.parametrize("content", [b"", b"no key\n", b"\xff\xfe", None])
async def test_a_key_that_cannot_be_read_is_named(farm: SSHFarm, content: bytes | None) -> None:
    farm.add("gpu01")
    farm.client_key.unlink()
    if content is None:
        farm.client_key.mkdir()
    else:
        farm.client_key.write_bytes(content)

    async with connecting(farm) as connector:
        error = await refusal(connector, "gpu01")

    assert "permission denied (id_ed25519" in error.reason


async def test_without_any_key_there_is_none_to_try(farm: SSHFarm) -> None:
    farm.add("gpu01", client_options=["IdentityFile none"])
    farm.client_key.unlink()

    async with connecting(farm) as connector:
        error = await refusal(connector, "gpu01")

    assert error.reason == "permission denied (no key to try)"


async def test_keys_that_are_replaced_are_read_again(farm: SSHFarm) -> None:
    farm.add("gpu01")
    good = farm.client_key.read_bytes()
    farm.client_key.write_bytes(b"no key\n")

    async with connecting(farm) as connector:
        await refusal(connector, "gpu01")
        farm.client_key.write_bytes(good)
        await reach(connector, "gpu01")


async def test_a_user_certificate_beside_the_key_is_offered(farm: SSHFarm, tmp_path: Path) -> None:
    authority = tmp_path / "ca"
    write_key(authority)
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", farm.user]
    subprocess.run([*sign, f"{farm.client_key}.pub"], check=True, capture_output=True)
    options = ["AuthorizedKeysFile none", f"TrustedUserCAKeys {authority}.pub"]
    host = farm.add("gpu01", options=options)

    async with connecting(farm) as connector:
        await reach(connector, "gpu01")

    assert "Accepted publickey" in host.log.read_text()


# --- the ssh-agent ---------------------------------------------------------------------------


async def test_a_key_of_the_agent_is_used_when_its_file_is_encrypted(
    farm: SSHFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.add("gpu01")
    with ssh_agent(tmp_path, farm.client_key) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        encrypt(farm.client_key)

        async with connecting(farm) as connector:
            await reach(connector, "gpu01")


async def test_a_default_key_of_the_agent_is_offered_with_identities_only(
    farm: SSHFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.add("gpu01")
    named = f"IdentityFile {farm.client_key}"
    farm.config.write_text(farm.config.read_text().replace(named, "Compression no"))
    with ssh_agent(tmp_path, farm.client_key) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        encrypt(farm.client_key)

        async with connecting(farm) as connector:
            await reach(connector, "gpu01")


async def test_a_named_public_key_stands_for_the_one_in_the_agent(
    farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01")
    with ssh_agent(tmp_path, farm.client_key) as path:
        public = farm.client_key.rename(tmp_path / "moved").with_name("work.pub")
        public.write_text(farm.client_key.with_suffix(".pub").read_text())
        farm.add_entry(
            "work",
            host.address,
            host.port,
            client_options=[f"IdentityAgent {path}", f"IdentityFile {public}"],
        )

        async with connecting(farm) as connector:
            await reach(connector, "work")


async def test_identities_only_keeps_the_agents_other_keys_back(
    farm: SSHFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [tmp_path / f"other{number}" for number in range(7)]  # MaxAuthTries is 6
    for key in others:
        write_key(key)
    host = farm.add("gpu01")
    farm.add_entry("open", host.address, host.port, client_options=["IdentitiesOnly no"])
    with ssh_agent(tmp_path, *others, farm.client_key) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        farm.client_key.unlink()

        async with connecting(farm) as connector:
            await reach(connector, "gpu01")
            error = await refusal(connector, "open")

    assert error.reason == "too many keys refused (tried: ssh-agent); set IdentitiesOnly"
    assert error.retry is False


async def test_a_key_that_is_also_in_the_agent_is_offered_once(
    farm: SSHFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = farm.add("locked", options=["AuthorizedKeysFile none", "LogLevel DEBUG1"])
    with ssh_agent(tmp_path, farm.client_key) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        async with connecting(farm) as connector:
            error = await refusal(connector, "locked")

    assert error.reason == "permission denied (tried: id_ed25519)"
    assert host.log.read_text().count("Failed publickey") == 1


@pytest.mark.parametrize("left", ["nothing", "a dead socket"])
async def test_an_agent_that_is_gone_is_part_of_the_reason(
    farm: SSHFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    farm.add("gpu01")
    path = tmp_path / "agent.sock"
    if left == "a dead socket":
        import socket

        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    encrypt(farm.client_key)

    async with connecting(farm) as connector:
        error = await refusal(connector, "gpu01")

    assert "ssh-agent gone: attach again" in error.reason
