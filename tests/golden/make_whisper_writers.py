"""Make whisper_writers.json anew: python tests/golden/make_whisper_writers.py WHISPER/utils.py

The file is of the source archive of openai-whisper 20250625, which has no other needs.
"""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent
LAYOUTS: tuple[dict[str, Any], ...] = (
    {},
    {"max_line_width": 24},
    {"max_line_count": 2},
    {"max_line_width": 24, "max_line_count": 1},
    {"max_line_width": 24, "max_line_count": 2},
    {"max_line_width": 8, "max_line_count": 3},
)


def main(utils: str) -> None:
    """Every format, with words and without, in every layout."""
    whisper, source = _module("whisper_utils", Path(utils)), _module("whisper_segments", HERE / "whisper_segments.py")
    rows = []
    for words in (False, True):
        for layout in LAYOUTS:
            result = {"text": "", "segments": source.segments(words=words)}
            for kind in ("txt", "srt", "vtt", "tsv"):
                out = io.StringIO()
                whisper.get_writer(kind, ".").write_result(result, out, dict(layout))
                rows.append({"words": words, "layout": layout, "format": kind, "text": out.getvalue()})
    (HERE / "whisper_writers.json").write_text(json.dumps(rows, indent=1) + "\n")


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(sys.argv[1])
