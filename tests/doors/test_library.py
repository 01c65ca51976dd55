"""The library as a developer calls it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import lookhear
from examples.tune import compose, write
from lookhear.analysis.plan import make_plan
from lookhear.errors import InvalidOptions, InvalidReport, UnknownTask


@pytest.fixture(scope="module")
def tune(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tune") / "tune.flac"
    write(compose(8), path, "flac", "s16")
    return path


@pytest.fixture(scope="module")
def report(tune: Path) -> lookhear.Report:
    return lookhear.analyze(tune)


def test_everything_is_found_and_nothing_fails(report: lookhear.Report) -> None:
    steps = {task.name: make_plan("audio", [task.name]).steps for task in lookhear.tasks("audio") if task.default}
    wanted = {name for name in steps if not any(step.lacks for step in steps[name])}  # no model is installed here
    assert {finding.task for finding in report.findings} == wanted
    assert report.errors == ()
    assert report.complete
    assert report["mir"].tempo == pytest.approx(112, rel=0.01)
    assert (report["mir"].key, report["mir"].mode, report["mir"].meter) == ("A", "minor", "4/4")


def test_provenance_tells_how_a_value_came_about(report: lookhear.Report, tune: Path) -> None:
    import hashlib

    digest = hashlib.sha256(tune.read_bytes()).hexdigest()
    assert report.medium.sha256 == digest
    for finding in report.findings:
        assert finding.provenance.input_sha256 == digest
        assert finding.provenance.library_version == lookhear.__version__
        assert len(finding.provenance.config_hash) == 16
    other = lookhear.analyze(tune, ["mir"], {"mir": {"max_tempo": 100.0}})
    hashes = {f.task: f.provenance.config_hash for f in report.findings}
    assert other.findings[0].provenance.config_hash != hashes["mir"]
    assert other["mir"].tempo == pytest.approx(56, rel=0.02)


def test_reports_survive_json_and_fit_the_schema(report: lookhear.Report) -> None:
    text = lookhear.to_json(report)
    assert lookhear.from_json(text) == report
    validator = jsonschema.Draft202012Validator(lookhear.schema())
    validator.validate(json.loads(text))
    broken = json.loads(text)
    broken["findings"][0]["value"] = {"nonsense": 1}
    assert not validator.is_valid(broken)


def test_path_bytes_and_file_object_give_the_same(tune: Path, report: lookhear.Report) -> None:
    data = tune.read_bytes()
    for source in (str(tune), data, io.BytesIO(data)):
        assert lookhear.analyze(source, ["mir"])["mir"] == report["mir"]


def test_a_missing_value_says_why(report: lookhear.Report) -> None:
    with pytest.raises(KeyError):
        report["nonsense"]
    assert "mir" in report and "nonsense" not in report


def test_wrong_questions_are_refused_before_the_medium_is_touched() -> None:
    with pytest.raises(UnknownTask, match="Did you mean 'mir'"):
        lookhear.analyze("nowhere.mp3", ["mirr"])
    with pytest.raises(InvalidOptions, match="max_tempo"):
        lookhear.analyze("nowhere.mp3", ["mir"], {"mir": {"max_tempo": 1e9}})
    with pytest.raises(InvalidReport):
        lookhear.from_json("{}")


def test_many_gives_a_report_or_a_refusal_each(tune: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp3"
    empty.write_bytes(b"")
    answers = list(lookhear.analyze_many([str(tune), str(empty)], ["technical"], workers=2))
    assert {type(answer) for answer in answers} == {lookhear.Report, lookhear.Refusal}


def test_progress_reaches_the_end(tune: Path) -> None:
    seen: list[float] = []
    lookhear.analyze(tune, ["mir"], progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == pytest.approx(18.6, abs=0.5)


def test_importing_is_light() -> None:
    code = (
        "import sys, lookhear; print(sorted(m for m in sys.modules if m.split('.')[0] in ('numpy', 'av', 'pydantic')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
