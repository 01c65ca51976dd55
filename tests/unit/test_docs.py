"""Documentation that cannot drift."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

import pytest

from lookhear.cli.auth import auth
from lookhear.cli.commands import app
from lookhear.cli.models import models
from lookhear.cli.vectors import vectors
from lookhear.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["tasks", "catalogue"])
def test_pages_made_from_the_code_are_what_it_says(page: str) -> None:
    spec = importlib.util.spec_from_file_location(f"make_{page}", ROOT / "docs" / f"make_{page}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / f"{page}.md").read_text() == module.text(), f"run: python docs/make_{page}.py"


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    for field in dataclasses.fields(Settings):
        assert f"`{field.name.upper()}`" in page


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for command in app.registered_commands:
        assert command.callback is not None
        assert command.callback.__name__ in readme


def test_every_command_on_models_is_documented() -> None:
    page = (ROOT / "docs" / "models.md").read_text()
    for command in models.registered_commands:
        name = command.name or (command.callback.__name__ if command.callback else "")
        assert f"lookhear models {name}" in page or f"`{name}`" in page or f" {name} " in page, name


def test_every_command_on_vectors_is_documented() -> None:
    page = (ROOT / "docs" / "service.md").read_text()
    for command in vectors.registered_commands:
        assert f"lookhear vectors {command.name or getattr(command.callback, '__name__', None)}" in page


def test_every_command_on_keys_and_tokens_is_documented() -> None:
    page = (ROOT / "docs" / "service.md").read_text()
    for command in auth.registered_commands:
        assert command.callback is not None
        assert f"lookhear auth {command.callback.__name__}" in page
