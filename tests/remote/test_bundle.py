"""What is sent to a host: small, the same program as the source, and Python 3.6."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

import lazytui.remote
from lazytui.core import bundle
from tests.remote.agent_process import AgentProcess, interpreters

SOURCES = sorted(Path(lazytui.remote.__path__[0]).glob("*.py"))
MODULES = [path for path in SOURCES if path.name != "__init__.py"]
PARTS = sorted({part for part in bundle.PART_OF_OP.values() if part})


class WithoutDocstrings(ast.NodeTransformer):
    """Empties docstrings, as the bundle does."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = ""
        return node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_stripping_changes_nothing_but_docstrings_and_comments(path: Path) -> None:
    source = path.read_text()

    stripped = bundle.strip(source)

    expected = WithoutDocstrings().visit(ast.parse(source))
    assert ast.dump(ast.parse(stripped)) == ast.dump(expected)
    assert "  # " not in stripped


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_every_line_keeps_its_number(path: Path) -> None:
    source = path.read_text().splitlines()

    for number, line in enumerate(bundle.strip("\n".join(source)).splitlines()):
        assert line.strip() == '""' or source[number].startswith(line)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_remote_code_is_python_3_6(path: Path) -> None:
    old = interpreters().get("3.6")
    if old is None:
        ast.parse(path.read_text(), feature_version=(3, 6))
        return

    done = subprocess.run(
        [old, "-I", "-S", "-c", f"compile(open({str(path)!r}).read(), 'x', 'exec')"],
        capture_output=True,
        text=True,
    )

    assert done.stderr == ""


def test_the_first_file_is_understood_by_every_python_3() -> None:
    ast.parse(bundle.strip((SOURCES[0].parent / "boot.py").read_text()), feature_version=(3, 4))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_remote_code_imports_only_the_standard_library_and_itself(path: Path) -> None:
    import sys

    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            assert (
                name.startswith("lazytui.remote") or name.split(".")[0] in sys.stdlib_module_names
            )


@pytest.mark.parametrize("part", PARTS)
def test_every_part_fits_into_one_frame(part: str) -> None:
    # That of functions has cloudpickle with it: half a dozen times what our own parts are.
    assert len(bundle.part_source(part)) <= (262_144 if part == "functions" else 65_536)


def test_the_boot_source_is_small() -> None:
    assert len(bundle.boot_source(b"m" * 32)) < 24_000


def test_the_boot_source_begins_with_the_marker_and_is_else_the_same() -> None:
    one, two = bundle.boot_source(b"1" * 32), bundle.boot_source(b"2" * 32)

    assert one.startswith(b"MARKER=b'11111111111111111111111111111111'\n")
    assert one[44:] == two[44:]


def test_a_part_that_is_loaded_twice_is_loaded_once(agent: AgentProcess) -> None:
    job = agent.start("sleep 0.2; echo late")
    agent.follow(job)

    agent.call("load", bundle.part_source("jobs"), part="jobs")

    assert agent.output()[0] == b"late\n"


def test_a_part_that_fails_says_where() -> None:
    """A traceback that names the true line is why blank lines are kept."""
    source = "module('broken', 'x = 1\\n\\ny = = 2')"
    import tempfile

    with tempfile.TemporaryDirectory() as folder, AgentProcess(Path(folder)) as agent:
        reply = agent.call("load", source.encode(), part="broken")

    assert not reply["ok"]
    assert "line 3" in reply["error"]
