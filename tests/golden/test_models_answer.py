"""Known weights answer as they did when their answers were written down."""

from __future__ import annotations

import json

import pytest

from lookhear.errors import InvalidModel
from lookhear.models import golden
from lookhear.models.catalogue import load_catalogue
from lookhear.models.disk import write_json
from support.models import shelf


def test_every_model_here_answers_as_published() -> None:
    published = {card.id for card in load_catalogue().cards}  # beside them lie random ones
    installed = [one for one in shelf().store.all().values() if one.card.id in published]
    if not installed:
        pytest.skip("no weights here: set LOOKHEAR_SHARED to the folder that holds models/")
    for one in installed:
        assert golden.check(one, shelf()).startswith("as published"), one.card.id


def test_an_answer_that_drifts_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory) -> None:
    installed = shelf().store.all()
    if "yunet@n" not in installed:
        pytest.skip("no weights here: set LOOKHEAR_SHARED to the folder that holds models/")
    one = installed["yunet@n"]
    known = json.loads(golden._OURS.read_text())
    values = known[one.sha256]["answer"]["bbox_8"]["values"]
    values[3] += 0.01 * known[one.sha256]["answer"]["bbox_8"]["deviation"]
    write_json(tmp_path / "golden.json", known)
    monkeypatch.setattr(golden, "_OURS", tmp_path / "golden.json")
    with pytest.raises(InvalidModel, match=r"'bbox_8' of yunet@n is off by 0\.01 of its deviation"):
        golden.check(one, shelf())
