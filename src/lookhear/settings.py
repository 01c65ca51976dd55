"""One frozen Settings, read once from the environment and ``.env``."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lookhear.errors import InvalidSettings
from lookhear.media.limits import Limits
from lookhear.models.settings import ModelSettings


@dataclass(frozen=True)
class Settings(Limits, ModelSettings):
    """Every setting; the variable is the field's name in capitals, as in ``MAX_MEDIA_SECONDS=600``."""


_ALIASES = {"ANALYZER_MODEL_PATH": "MODEL_CACHE_DIR", "ANALYZER_GPU_ENABLED": "USE_GPU"}  # other names of the same


def load_settings(environment: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> Settings:
    """Settings from ``environment`` (default: the process's), and for what it lacks from the file ``dotenv``.

    Raises InvalidSettings.
    """
    values: dict[str, str] = {}
    if dotenv is not None and dotenv.is_file():
        from dotenv import dotenv_values

        values.update({key: value for key, value in dotenv_values(dotenv).items() if value is not None})
    values.update(os.environ if environment is None else environment)
    for old, new in _ALIASES.items():
        if old in values:
            values.setdefault(new, values[old])
    names = {field.name: field.name.upper() for field in dataclasses.fields(Settings)}
    given = {name: values[variable] for name, variable in names.items() if values.get(variable, "") != ""}
    if not given:
        return Settings()
    from pydantic import ValidationError  # slow to import, and seldom needed

    try:
        settings: Settings = _adapter().validate_python(given)
        return settings
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        raise InvalidSettings(f"The setting {name}={first['input']!r} is wrong: {first['msg']}.") from error


@lru_cache(maxsize=1)
def _adapter() -> Any:
    """What checks settings; made once, since that takes longer than many an analysis."""
    from pydantic import TypeAdapter

    return TypeAdapter(Settings)
