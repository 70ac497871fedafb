"""The package as users get it: a wheel with its style sheets, light to import."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

SHOW_SHEETS = """
import lazytui, sys
from lazytui.tui.styles import sheet_paths
print(lazytui.__file__)
for path in sheet_paths():
    print(path)
    assert "{" in open(path).read()
"""


def python(code: str, *, path: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=True,
        cwd=path,
    )
    return done.stdout.splitlines()


def test_a_wheel_carries_the_style_sheets_and_finds_them(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)

    module, *sheets = python(SHOW_SHEETS, path=site)

    assert Path(module).is_relative_to(site)
    names = {Path(sheet).name for sheet in sheets}
    assert names == {path.name for path in (ROOT / "tcss").glob("*.tcss")}
    assert all(Path(sheet).is_relative_to(site) for sheet in sheets)


def test_an_editable_install_uses_the_sheets_of_the_checkout() -> None:
    _, *sheets = python(SHOW_SHEETS, path=ROOT)

    assert {Path(sheet).resolve().parent for sheet in sheets} == {ROOT / "tcss"}


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "asyncio", "asyncssh", "textual", "rich", "sqlite3", "ClusterShell", "psutil"
    code = f"import lazytui, sys; print([m for m in {heavy!r} if m in sys.modules])"

    assert python(code, path=ROOT) == ["[]"]
