"""The page: self-contained, whole, and safe whatever the file's tags hold."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import re
import struct
import zlib
from html import unescape
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import lookhear
from lookhear.analysis.report import Finding, Note, Refusal, Report, TaskError
from lookhear.page import OPTIONS, render, render_many
from lookhear.page.glossary import entry, known
from lookhear.page.keys import key_name, wheel_code
from lookhear.page.markup import Html, el, text
from lookhear.page.numbers import amount, clock, time_ticks
from lookhear.page.png import data_uri, palette
from lookhear.page.view import View
from lookhear.tasks.catalogue import all_tasks
from support.sound import encode, tone

_VOID = {"meta", "br", "img", "input", "link", "hr"}
_EVIL = "</title></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202e\x00\udcff𝄞"


class Reader(HTMLParser):
    """Fails on a tag that is closed and was not open; keeps what may not be there."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(page: str) -> Reader:
    """What holds for every page."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    assert reader.tags.count("script") == 1 and reader.tags.count("style") == 1
    assert not {"iframe", "object", "embed", "link", "base", "form"} & set(reader.tags)
    assert len(reader.ids) == len(set(reader.ids))
    for name, value in reader.attributes:
        assert not name.startswith("on"), name
        if name in {"src", "href", "action", "xlink:href", "poster", "srcset"}:
            assert value.startswith(("data:image/png;base64,", "data:image/jpeg;base64,", "#")), value[:80]
    assert "@import" not in page and "url(" not in page and "http://" not in page and "https://" not in page
    script = page.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    page.encode("utf-8")
    assert not re.search(r'(style|d|viewBox)="[^"]*\b(nan|inf)\b', page)
    return reader


@pytest.fixture(scope="module")
def report() -> Report:
    names = [task.name for task in lookhear.tasks("audio") if task.default]
    tags = {"title": "<script>alert(1)</script>", "artist": 'Ünï & "Söhne" \''}
    data = encode(tone(12, channels=2), "flac", "flac", "s16", **tags)
    return lookhear.analyze(data, [*names, "overview", "sound_overview"], OPTIONS)


def changed(report: Report, task: str, **fields: Any) -> Report:
    """The report with other values of one task."""
    findings = [
        dataclasses.replace(one, value=dataclasses.replace(one.value, **fields)) if one.task == task else one
        for one in report.findings
    ]
    return dataclasses.replace(report, findings=tuple(findings))


def test_one_page_holds_all_and_nothing_else(report: Report) -> None:
    page = render(report)
    check(page)
    for word in ("Waveform", "Spectrogram", "Key", "Loudness", "LUFS", "true_peak", "SHA-256", "CPU time"):
        assert word in page
    for finding in report.findings:
        if finding.task != "overview":
            for field in dataclasses.fields(finding.value):
                if field.name != "spread":
                    assert f"<code>{field.name}" in page


def test_tags_cannot_speak(report: Report) -> None:
    page = render(report)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_nothing_from_outside_becomes_markup(report: Report) -> None:
    medium = dataclasses.replace(report.medium, name=_EVIL, kind=_EVIL, sha256=_EVIL)
    evil = dataclasses.replace(
        report,
        medium=medium,
        errors=(TaskError(_EVIL, _EVIL, _EVIL),),
        warnings=(Note(_EVIL, _EVIL), Note(_EVIL)),
        timings={_EVIL: 1.0, "total": 2.0},
        findings=(
            *report.findings,
            Finding(_EVIL, {_EVIL: _EVIL, "list": [_EVIL], "rows": [{_EVIL: _EVIL}]}, report.findings[0].provenance),
        ),
    )
    evil = changed(evil, "mir", key=_EVIL, mode=_EVIL, meter=_EVIL)
    evil = changed(evil, "technical", tags={_EVIL: _EVIL, "title": _EVIL, "artist": _EVIL})
    for page in (render(evil), render_many([evil, Refusal(_EVIL, TaskError("", _EVIL, _EVIL))])):
        reader = check(page)
        assert "alert(1)&lt;" in page
        assert not [value for name, value in reader.attributes if name in {"src", "href"} and "alert" in value]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_text_is_text(words: str) -> None:
    made = el("p", words, title=words)
    reader = Reader()
    reader.feed(made)
    assert reader.tags == ["p"] and reader.open == []
    made.encode("utf-8")
    assert el("p", Html("<b>x</b>")) == "<p><b>x</b></p>"
    if words.isascii() and words.isprintable():
        assert unescape(text(words)) == words


@pytest.mark.parametrize("seconds", [0.0001, 0.05, 1, 5])
def test_short_files_have_a_page(seconds: float) -> None:
    names = [task.name for task in lookhear.tasks("audio")]
    for sound in (tone(seconds), np.zeros((1, max(1, round(44100 * seconds))), np.float32)):
        page = render(lookhear.analyze(encode(sound), names, OPTIONS))
        check(page)
        assert "could not be made" not in page


def test_ten_hours_stay_small(report: Report) -> None:
    seconds = 36000.0
    beats = tuple(float(t) for t in np.arange(0.2, seconds, 0.5))
    overview = report["overview"]
    wave = dataclasses.replace(overview.waveform, seconds_per_bucket=seconds / len(overview.waveform.channels[0].rms))
    long = dataclasses.replace(report, medium=dataclasses.replace(report.medium, duration=seconds))
    long = changed(long, "overview", waveform=wave)
    long = changed(long, "mir", tempo=120.0, beats=beats, downbeats=beats[::4])
    course = dataclasses.replace(report["perceptual"].curve, values=tuple([-20.0, None] * 18000))
    long = changed(long, "perceptual", curve=course)
    page = render(long)
    check(page)
    assert "could not be made" not in page
    assert len(page) < 700_000
    assert "10:00:00" in page and "every 70th bar" in page


def test_every_missing_value_has_a_dash_and_a_reason(report: Report) -> None:
    page = render(report)  # a steady tone: no tempo, no key
    for words in ("No steady pulse was found", "It takes ten seconds of sound", "Valence and liveness are null"):
        assert words in page or report["perceptual"].danceability is not None
    rows = re.findall(r"<tr><th scope=\"row\"[^>]*>.*?</tr>", page)
    dashed = [row for row in rows if '<td class="value">—</td>' in row]
    assert dashed
    for row in dashed:
        assert re.search(r'<td class="says"><span class="reason">[^<]{8,}</span>', row), row


def test_none_everywhere_is_fine(report: Report) -> None:
    for finding in report.findings:
        empty = {field.name: None for field in dataclasses.fields(finding.value)}
        bare = dataclasses.replace(finding, value=empty)
        others = tuple(bare if one is finding else one for one in report.findings)
        for findings in ((bare,), others):
            page = render(dataclasses.replace(report, findings=findings, warnings=()))
            check(page)
            assert "could not be made" not in page, finding.task


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_values_of_any_shape_do_not_break_it(report: Report, data: st.DataObject) -> None:
    """Reports of other versions hold other fields: a drawing may be lost, the page never."""
    task = data.draw(st.sampled_from([finding.task for finding in report.findings]))
    finding = next(one for one in report.findings if one.task == task)
    names = st.sampled_from([field.name for field in dataclasses.fields(finding.value)])
    value = data.draw(st.dictionaries(names | st.text(max_size=5), _VALUES, max_size=6) | _VALUES)
    strange = dataclasses.replace(finding, value=value)
    findings = tuple(strange if one is finding else one for one in report.findings)
    check(render(dataclasses.replace(report, findings=findings)))
    check(render_many([dataclasses.replace(report, findings=findings)]))


def test_missing_tasks_errors_and_unknown_tasks_have_their_place(report: Report) -> None:
    few = dataclasses.replace(report, findings=report.findings[:1], errors=(TaskError("mir", "x", "It <b>broke</b>."),))
    page = render(few)
    check(page)
    assert "It &lt;b&gt;broke&lt;/b&gt;." in page
    assert "No problem was found" not in page and "Spectrogram" not in page
    strange = Finding("unheard_of", {"value": [1, 2], "deep": {"er": None}}, report.findings[0].provenance)
    page = render(dataclasses.replace(report, findings=(strange,)))
    check(page)
    assert "Unheard of" in page and "<code>deep.er</code>" in page
    check(render(dataclasses.replace(report, findings=())))


def test_what_is_wrong_is_said_worst_first(report: Report) -> None:
    bad = dataclasses.replace(
        report, errors=(TaskError("mir", "x", "Broke."),), warnings=(Note("Cut short."), Note("By the way.", "mir"))
    )
    page = render(bad)
    at = [page.index(words) for words in ("Broke.", "Cut short.", "By the way.")]
    assert at == sorted(at)
    incomplete = dataclasses.replace(report, complete=False, warnings=())
    assert "could not be read to its end" in render(incomplete)


def test_many_files_have_a_table_with_the_refused(report: Report) -> None:
    refused = Refusal("bad<i>.mp3", TaskError("", "not_a_medium", "It is no sound."))
    page = render_many([report, refused, report])
    check(page)
    assert "3 files" in page and "bad&lt;i&gt;.mp3" in page and "It is no sound." in page
    assert page.count('<details class="file">') == 2
    assert 'href="#m0"' in page and 'href="#m2"' in page and 'id="m2"' in page
    check(render_many([]))


def test_a_page_from_json_is_the_same(report: Report) -> None:
    again = lookhear.from_json(lookhear.to_json(report))
    assert isinstance(again, Report)
    assert render(again) == render(report)


def test_the_readout_has_the_data_it_needs(report: Report) -> None:
    reader = check(render(report))
    series = [json.loads(value) for name, value in reader.attributes if name == "data-series"]
    wave, picture, loudness = series
    assert max(wave["peak"]) == pytest.approx(-6.0, abs=0.1)
    assert picture["span"] == pytest.approx(12, abs=0.1)
    assert loudness["values"][3] == pytest.approx(report["perceptual"].loudness, abs=0.2)
    assert loudness["start"] == pytest.approx(3.0)


def test_the_picture_is_a_png_of_its_cells() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    raw = base64.b64decode(data_uri(pixels).partition(",")[2])
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        kind, body = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
        assert struct.unpack(">I", raw[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        chunks[kind], at = body, at + 12 + length
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (4, 3)
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(3, 5)
    np.testing.assert_array_equal(lines[:, 1:], pixels)
    assert len(np.unique(palette(), axis=0)) == 256  # the readout finds a level by its colour


def test_every_field_of_every_task_is_explained() -> None:
    for task in all_tasks():
        if task.default and "audio" in task.kinds:
            fields = {field.name for field in dataclasses.fields(task.Result)}
            assert fields <= known(task.name), f"glossary.toml lacks {task.name}: {fields - known(task.name)}"
    assert entry("no_such_task", "some_field.deep").title == "some field: deep"


def test_numbers_are_written_as_people_do() -> None:
    assert amount(-18.49, "LUFS") == "−18.5 LUFS" and amount(-0.04, "dB") == "0.0 dB"
    assert amount(0.2367, "%") == "24 %" and amount(0.0012, "%") == "0.12 %" and amount(22050, "Hz") == "22\u202f050 Hz"
    assert amount(0.000123) == "0.000123" and amount(3.0) == "3"
    assert [clock(t) for t in (0.05, 59.94, 59.96, 61, 3599.6, 36000)] == [
        "0.05 s", "59.9 s", "1:00", "1:01", "1:00:00", "10:00:00",
    ]  # fmt: skip


@given(st.floats(1e-3, 1e6))
def test_time_axes_have_a_handful_of_marks(duration: float) -> None:
    ticks = time_ticks(duration)
    assert 2 <= len(ticks) <= 11 or duration < 2e-3
    assert all(0 <= at <= 1.001 for at, _ in ticks)
    assert len({label for _, label in ticks}) == len(ticks)


def test_keys_are_spelt_as_their_signature() -> None:
    assert key_name("A#", "major") == "B♭ major" and key_name("C#", "minor") == "C♯ minor"
    assert key_name(None, "major") is None
    wheel = {
        ("C", "major"): "8B",
        ("A", "minor"): "8A",
        ("G", "major"): "9B",
        ("E", "major"): "12B",
        ("G#", "minor"): "1A",
    }
    assert {pair: wheel_code(*pair) for pair in wheel} == wheel


def test_the_reason_names_the_field(report: Report) -> None:
    notes = (Note("No pulse, hence no tempo.", "mir"), Note("And no key.", "mir"))
    view = View.of(dataclasses.replace(report, warnings=notes), "m0")
    assert view.why("mir", "tempo") == "No pulse, hence no tempo." and view.why("mir", "key") == "And no key."
    assert view.why("nothing", "x") == "The task nothing did not run."


def test_a_picture_is_shown_with_its_colours() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :20] = (200, 30, 40)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    report = lookhear.analyze(out.getvalue(), ["colors", "technical", "duplicates", "quality", "overview"])
    assert isinstance(report, Report)
    for page in (render(report), render_many([report, report])):
        assert "data:image/jpeg;base64," in page and "#c81e28" in page and "60 × 40" in page
        assert "could not be made" not in page
