"""What the seed's document says of its API, read from the facts kept beside this file."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

TEXT = (Path(__file__).parent / "seed_facts.md").read_text(encoding="utf-8")
NO_DEFAULT = object()


@dataclass(frozen=True)
class Method:
    """A method as the document prints it; ``parameters`` are names with defaults."""

    owner: str
    name: str
    parameters: tuple[tuple[str, object], ...]

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"


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
