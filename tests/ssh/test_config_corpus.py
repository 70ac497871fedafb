"""Every config of the corpus means to us what it means to ssh."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.ssh.config_oracle import MISSING, SSH, Dump, as_ssh_says, as_we_say, dump, load

CORPUS = Path(__file__).parent / "corpus"
SCENARIOS = sorted(folder.name for folder in CORPUS.iterdir())

pytestmark = pytest.mark.skipif(SSH is None, reason=MISSING)


def aliases_of(scenario: str) -> list[str]:
    """The hosts to ask for, from the first line of the scenario."""
    first = (CORPUS / scenario / "config").read_bytes().splitlines()[0].decode()
    return first.removeprefix("# aliases: ").split()


@pytest.fixture(scope="module")
def defaults(tmp_path_factory: pytest.TempPathFactory) -> Dump:
    empty = tmp_path_factory.mktemp("defaults") / "config"
    empty.touch()
    return dump(empty, "defaults")


@pytest.fixture
def private_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a scenario is copied to, readable by nobody else: ssh insists on that."""
    monkeypatch.setenv("LZ_CORPUS", "/from/environment")
    return tmp_path / "corpus"


def copy(scenario: str, to: Path) -> Path:
    """Copy a scenario, filling in the folder it is in."""
    shutil.copytree(CORPUS / scenario, to)
    for path in (found for found in to.rglob("*") if found.is_file()):
        path.write_bytes(path.read_bytes().replace(b"@DIR@", str(to).encode()))
        path.chmod(0o600)
    return to / "config"


@pytest.mark.parametrize(
    ("scenario", "alias"),
    [(scenario, alias) for scenario in SCENARIOS for alias in aliases_of(scenario)],
)
def test_every_option_of_a_host_is_what_ssh_says(
    scenario: str, alias: str, private_copy: Path, defaults: Dump
) -> None:
    path = copy(scenario, private_copy)
    config = load(path)

    options = config.resolve(alias, run_exec=True)

    assert config.problems == ()
    assert as_we_say(options, defaults) == as_ssh_says(options, dump(path, alias), defaults)
