"""Documentation that cannot drift."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

from lookhear.cli.commands import app
from lookhear.settings import Settings

ROOT = Path(__file__).parents[2]


def test_the_page_of_tasks_is_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("make_tasks", ROOT / "docs" / "make_tasks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "tasks.md").read_text() == module.text(), "run: python docs/make_tasks.py"


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    for field in dataclasses.fields(Settings):
        assert f"`{field.name.upper()}`" in page


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for command in app.registered_commands:
        assert command.callback is not None
        assert command.callback.__name__ in readme
