"""What the API is: as the seed's document has it, and the page that fixes what that leans on.

Both are facts kept beside this file, and :func:`citations` finds the tests that are about them.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

TEXT = (Path(__file__).parent / "seed_facts.md").read_text(encoding="utf-8")
API = (Path(__file__).parent / "api_facts.md").read_text(encoding="utf-8")
TESTS = Path(__file__).parents[1]
NO_DEFAULT = object()


@dataclass(frozen=True)
class Method:
    """A method as the document prints it; ``parameters`` are names with defaults."""

    owner: str
    name: str
    parameters: tuple[tuple[str, object], ...]

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"


@dataclass(frozen=True)
class Name:
    """A class, method, property or constant of the API.

    Args:
        owner: the class.
        name: in the class; empty for the class itself.
        parameters: with their defaults, as Python writes them; empty for what is not called.
        returns: the type of what it gives, or of a property.
        value: of a constant, as Python writes it.
    """

    owner: str
    name: str
    parameters: str
    returns: str
    value: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}" if self.name else self.owner


_NAME = re.compile(r"- (\w+)(?:\.(\w+))?(?:(\(.*\))(?: -> (.+))?|: (.+)| = (.+))?")


def names() -> list[Name]:
    """Give all names of the API's page."""
    found = []
    for line in API.splitlines():
        named = _NAME.fullmatch(line)
        if named is not None and not _is_said(line):
            owner, name, parameters, returns, type_, value = (part or "" for part in named.groups())
            found.append(Name(owner, name, parameters, returns or type_, value))
    return found


def cited_facts() -> list[str]:
    """Give all facts that a test has to cite: names, ``NAME ! Error``, and what is said."""
    found, name = [], ""
    for line in API.splitlines():
        if line.startswith("  - ! "):
            found.append(f"{name} ! {line.removeprefix('  - ! ')}")
        elif line.startswith("- ") and _is_said(line):
            found.append(line.removeprefix("- "))
        elif (named := _NAME.fullmatch(line)) is not None:
            name = ".".join(part for part in named.groups()[:2] if part)
            found.append(name)
    return found


def _is_said(line: str) -> bool:
    return re.match(r"- \w+: ", line) is not None


@dataclass(frozen=True)
class Citation:
    """A test that is about a fact."""

    fact: str
    test: str
    code: str


def citations() -> list[Citation]:
    """Give what all tests cite with ``@pytest.mark.fact(...)``."""
    found = []
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "mark.fact(" not in text:
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                code = ast.unparse(ast.Module(node.body, []))
                for fact in _facts_of(node):
                    found.append(Citation(fact, f"{path.name}::{node.name}", code))
    return found


def _facts_of(test: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [
        ast.literal_eval(argument)
        for mark in test.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fact"
        for argument in mark.args
    ]


def methods() -> list[Method]:
    """Give all methods of the document."""
    found = re.finditer(r"^## (\w+)\.(\w+)\n\n```python\n(.*?)```", TEXT, re.M | re.S)
    return [_method(owner, name, code) for owner, name, code in (m.groups() for m in found)]


def properties() -> list[tuple[str, str]]:
    """Give all properties of the document, as class and name."""
    return re.findall(r"^- (\w+)\.(\w+)$", TEXT, re.M)


def example(number: int) -> str:
    """Give the code of an example of the document."""
    found = re.search(rf"^## Example {number}\n\n```python\n(.*?)```", TEXT, re.M | re.S)
    assert found is not None
    return found[1]


def _method(owner: str, name: str, code: str) -> Method:
    (function,) = ast.parse(f"def {code.strip().replace('→', '->')}: ...").body
    assert isinstance(function, ast.FunctionDef)
    names = [argument.arg for argument in function.args.args]
    values = [ast.literal_eval(default) for default in function.args.defaults]
    defaults = [NO_DEFAULT] * (len(names) - len(values)) + values
    return Method(owner, name, tuple(zip(names, defaults, strict=True)))
