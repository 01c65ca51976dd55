"""Makes src/lookhear/models/golden.json: what models in the shared folder and in wheels answer to their seeded input.

    PYTHONPATH=tests python tests/golden/make_models.py

A change of it is a change of behaviour: say in the commit which runtime gave it.
"""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime

from lookhear.models import golden
from lookhear.models.catalogue import load_catalogue
from lookhear.models.install import pull
from support.models import shelf

TARGET = Path(golden.__file__).with_name("golden.json")


def main() -> None:
    """Keep what is known of models that are not here."""
    known = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    for name in ("musicnn", "silero-vad@6.2"):
        pull(load_catalogue().find(name), shelf().store)  # out of their wheels
    for one in shelf().store.all().values():
        if one.card.id not in {card.id for card in load_catalogue().cards}:
            continue  # random ones, for tests
        known[one.sha256] = {
            "model": one.card.id,
            "by": f"onnxruntime {onnxruntime.__version__}",
            "answer": golden.answer_of(one, shelf()),
        }
    TARGET.write_text(json.dumps(dict(sorted(known.items(), key=lambda item: item[1]["model"])), indent=1) + "\n")


if __name__ == "__main__":
    main()
