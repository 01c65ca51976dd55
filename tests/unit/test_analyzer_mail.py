"""A message as a job keeps it, and the job it becomes."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookhear.contracts.analyzer_mail import Mail
from lookhear.contracts.analyzer_messages import MOST
from lookhear.errors import BadMessage
from lookhear.jobs.job import ANSWER
from lookhear.serve.amqp.incoming import job_of, key_of
from lookhear.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    return Settings(storage_dir=tmp_path)


@given(st.binary(max_size=200), st.none() | st.text(max_size=20))
def test_it_is_kept_byte_for_byte(body: bytes, id: str | None) -> None:
    mail = Mail(body, id, "from", "media.x", None, {"a": 1, "b": "ü"})
    assert Mail.of(json.loads(json.dumps(mail.packed()))) == mail
    assert isinstance(mail.id, str) and mail.id
    with suppress(BadMessage):
        assert mail.read().message_id == mail.id


def test_what_an_earlier_version_kept_is_read() -> None:
    assert Mail.of({"body": "\u00ff{}", "message_id": "m", "exchange": ""}) == Mail(b"\xff{}", "m")


def test_a_huge_message_is_refused_and_kept_about_as_small_as_it_came() -> None:
    mail = Mail(b"\xff" * (MOST + 1), "m")
    with pytest.raises(BadMessage, match="1048577 bytes"):
        mail.read()
    assert mail.id == "m" and len(json.dumps(mail.packed())) < 1.4 * MOST and Mail.of(mail.packed()) == mail


def test_headers_that_are_no_json_are_words_and_too_many_are_left_out() -> None:
    kept = Mail(b"", headers={"at": Path("x"), "deaths": [1]}).packed()["headers"]
    assert kept == {"at": "x", "deaths": "[1]"}
    fractions = {"short": 0.5, "long": 0.1, "beyond": 1e300, "none": float("nan")}
    kept = Mail(b"", headers=fractions).packed()["headers"]
    assert kept == {"short": 0.5, "long": "0.1", "beyond": "1e+300", "none": "nan"}, "they are put aside in four bytes"
    assert Mail(b"", headers={"long": "x" * 20_000}).packed()["headers"] == {}


def test_the_id_is_that_of_the_body_else_of_the_properties_else_made_of_the_body() -> None:
    body = b'{"message_id": 7, "file_path": "a", "priority": "soon"}'
    assert Mail(body, "properties").id == "7", "though the rest of it cannot be read"
    assert Mail(b'{"file_path": "a"}', "properties").id == "properties"
    assert Mail(b"{").id == Mail(b"{").id != Mail(b"[").id


def test_the_same_message_has_the_same_key_whatever_its_id_is(settings: Settings) -> None:
    long = json.dumps({"message_id": "x" * 100_000, "file_path": "a.wav"}).encode()
    keys = [job_of(Mail(long), settings).idempotency_key for _ in range(2)]
    assert keys[0] == keys[1] and keys[0] is not None and len(keys[0]) < 300
    assert key_of("a") != key_of("b") and "\n" in key_of("a"), "no header of HTTP can say that"


def test_what_it_asks_for_becomes_a_job(settings: Settings) -> None:
    told = {"file_path": "a.wav", "media_id": "m", "priority": "critical", "analysis_options": {"extract_mir": False}}
    job = job_of(Mail(json.dumps(told).encode(), routing_key="media.x"), settings)
    assert (job.contract, job.media_store_id, job.priority) == ("analyzer", "m", 10)
    assert job.request["path"] == str((settings.storage_dir / "a.wav").resolve()) and job.request["name"] == "a.wav"
    assert "mir" not in job.request["tasks"] and "spectral" in job.request["tasks"]
    assert job.request[ANSWER]["routing_key"] == "media.x"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "bad_message"),
        (b'{"file_path": "b.wav"}', "medium_not_found"),
        (b'{"file_path": "/etc/passwd"}', "path_refused"),
        (b'{"file_path": "' + b"x" * 5000 + b'"}', "medium_not_found"),
    ],
)
def test_what_cannot_be_done_becomes_a_job_that_says_why(settings: Settings, body: bytes, code: str) -> None:
    job = job_of(Mail(body), settings)
    assert job.request["refused"]["code"] == code and "path" not in job.request
