"""One frozen Settings, read once from the environment and ``.env``."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from lookhear.errors import InvalidSettings
from lookhear.jobs.settings import JobSettings
from lookhear.media.limits import Limits
from lookhear.models.settings import ModelSettings
from lookhear.outlets.settings import AmqpSettings, OutletSettings
from lookhear.scale.settings import ScaleSettings


@dataclass(frozen=True)
class ServeSettings:
    """What the doors allow. Each is a setting of the same name, in capitals."""

    host: str = "127.0.0.1"
    port: int = 8000
    media_roots: str = ""  #: folders whose files a request may name, parted by ':'; the storage folder always is one
    cors_origins: str = "*"  #: parted by commas; empty: none
    auth_scope: Literal["jobs", "all"] = "jobs"  #: all: a token for everything but health
    auth_disabled: bool = False
    public_key_path: Path | None = None  #: PEM of the ES256 key that tokens are checked with
    max_image_size: int = 10_485_760  #: bytes of a picture to caption or to process
    target_image_width: int = 384
    target_image_height: int = 384
    request_timeout: float = 30.0  #: s that an answer without a job may take
    result_wait: float = 10.0  #: s that the answer about an unfinished tagging job is held open
    max_requests: int = 64  #: analyses that may run or wait at once; beyond it 503
    shutdown_seconds: float = 30.0  #: for what is going on when the service is told to stop
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"
    debug: bool = False  #: problems tell where they come from

    @property
    def roots(self) -> tuple[Path, ...]:
        """Folders that requests may name files in."""
        return tuple(Path(one).expanduser() for one in self.media_roots.split(os.pathsep) if one)


@dataclass(frozen=True)
class Settings(ServeSettings, JobSettings, OutletSettings, AmqpSettings, ScaleSettings, Limits, ModelSettings):
    """Every setting; the variable is the field's name in capitals, as in ``MAX_MEDIA_SECONDS=600``."""


_ALIASES = {  # other names of the same
    "ANALYZER_MODEL_PATH": "MODEL_CACHE_DIR",
    "ANALYZER_GPU_ENABLED": "USE_GPU",
    "ANALYZER_MAX_MEMORY": "MODEL_MEMORY_MB",
    "ANALYZER_WORKERS": "MAX_WORKERS",
    "ANALYZER_LOG_LEVEL": "LOG_LEVEL",
    "ANALYZER_LOG_FORMAT": "LOG_FORMAT",
    "MQTT_USER": "MQTT_USERNAME",
}


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
