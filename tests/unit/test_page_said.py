"""The page's cards of words: what is said, captions, tags, places."""

from __future__ import annotations

import dataclasses
import io
import re
import tomllib
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookhear
from lookhear.analysis.report import Finding, Report
from lookhear.page import render, render_many
from lookhear.page.glossary import known
from lookhear.page.numbers import stamp
from lookhear.tasks.audio.transcript.languages import CODES
from lookhear.tasks.audio.transcript.result import TranscriptResult, TranscriptSegment, TranscriptWord
from lookhear.tasks.catalogue import all_tasks
from lookhear.tasks.image.caption import CaptionResult, FilmCaption, FilmCaptionResult
from lookhear.tasks.image.places import FilmPlace, FilmPlacesResult, Place, PlacesResult
from lookhear.tasks.image.tags import FilmTag, FilmTagsResult, ImageTag, ImageTagsResult
from support.film import encode as encode_film
from support.film import texture
from support.sound import encode, tone
from unit.test_page import _EVIL, check


@pytest.fixture(scope="module")
def sound() -> Report:
    return lookhear.analyze(encode(tone(5)), ["technical", "overview"])


@pytest.fixture(scope="module")
def film() -> Report:
    return lookhear.analyze(encode_film([texture()] * 50), ["technical", "overview"])


@pytest.fixture(scope="module")
def image() -> Report:
    out = io.BytesIO()
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(out, "PNG")
    return lookhear.analyze(out.getvalue(), ["technical", "overview"])


def told(report: Report, **values: Any) -> str:
    """The page of ``report`` with values of other tasks."""
    origin = report.findings[0].provenance
    more = tuple(Finding(task, value, origin) for task, value in values.items())
    page = render(dataclasses.replace(report, findings=(*report.findings, *more)))
    check(page)
    assert "could not be made" not in page
    return page


def card(page: str, title: str) -> str:
    """The one with this title."""
    (body,) = re.findall(rf'<section class="card[^"]*"><h3>{title}</h3>(.*?)</section>', page)
    return str(body)


def said(*texts: str, confidence: float = 0.9, words: tuple[TranscriptWord, ...] = ()) -> TranscriptResult:
    segments = tuple(
        TranscriptSegment(float(i), i + 0.5, text, confidence, 0.02, words) for i, text in enumerate(texts)
    )
    return TranscriptResult("de", 0.976, " ".join(texts), segments, 5.0, 3.5)


def test_all_that_is_said_stands_with_its_times_and_its_language(sound: Report, film: Report) -> None:
    for report in (sound, film):
        body = card(told(report, transcript=said("Guten Morgen.", "Bis später & auf bald!")), "Transcript")
        assert "German" in body and "98 % sure" in body and "3.5 s of speech" in body
        assert re.findall(r'data-at="([\d.]+)"', body) == ["0.0", "1.0"]
        assert '<bdi class="line">Bis später &amp; auf bald!</bdi>' in body
        assert 'title="1.0 s to 1.5 s"' in body and "unsure" not in body


def test_of_a_long_transcript_nothing_is_left_out(sound: Report) -> None:
    page = told(sound, transcript=said(*(f"Satz {i}." for i in range(3000))))
    assert re.findall(r"Satz (\d+)\.", card(page, "Transcript")) == [str(i) for i in range(3000)]
    assert len(page) < 1_000_000


def test_silence_is_said_plainly(sound: Report) -> None:
    body = card(told(sound, transcript=TranscriptResult(duration=5.0)), "Transcript")
    assert "Nothing is said" in body and "No speech was found." in body and "<ol" not in body


def test_words_that_were_hardly_understood_are_marked(sound: Report) -> None:
    words = (TranscriptWord(" Guten", 0.0, 0.2, 0.95), TranscriptWord(" Borgen.", 0.2, 0.4, 0.21))
    body = card(told(sound, transcript=said("Guten Borgen.", words=words)), "Transcript")
    assert ' Guten <span class="unsure" title="21 % sure">Borgen.</span></bdi>' in body and "Dotted" in body
    other = card(told(sound, transcript=said("Guten Morgen.", words=words)), "Transcript")
    assert '"line">Guten Morgen.</bdi>' in other, "words that are not the text's do not replace it"
    whole = card(told(sound, transcript=said("Guten Morgen.", confidence=0.2)), "Transcript")
    assert '<span class="unsure" title="20 % sure">Guten Morgen.</span>' in whole


def test_a_language_that_was_given_has_no_share(sound: Report) -> None:
    given = dataclasses.replace(said("Hallo."), language="xx", language_probability=None)
    body = card(told(sound, transcript=given), "Transcript")
    assert "<bdi>xx</bdi>" in body and "% sure" not in body


def test_every_language_has_a_name() -> None:
    names = tomllib.loads((files("lookhear.page") / "languages.toml").read_text("utf-8"))
    assert names.keys() == CODES and len(set(names.values())) == len(names)


def test_captions_are_sentences_and_in_films_have_times(image: Report, film: Report) -> None:
    assert "<bdi>a dog on a beach</bdi>" in card(told(image, caption=CaptionResult("a dog on a beach")), "Caption")
    assert "The model says nothing of it." in card(told(image, caption=CaptionResult()), "Caption")
    scenes = (FilmCaption("a dog", 0.0, 1.0, 3), FilmCaption("a cat", 1.0, 2.0, 30))
    body = card(told(film, caption=FilmCaptionResult("a dog", scenes, 2)), "Captions")
    assert re.findall(r'data-at="([\d.]+)".*?<bdi class="line">(.*?)</bdi>', body) == [
        ("0.0", "a dog"),
        ("1.0", "a cat"),
    ]
    one = card(told(film, caption=FilmCaptionResult("a dog", scenes[:1], 1)), "Caption")
    assert "a dog" in one and "<ol" not in one
    assert "nothing" in card(told(film, caption=FilmCaptionResult()), "Caption")


def test_tags_and_places_are_ranked(image: Report, film: Report) -> None:
    tags = (ImageTag("dog", 0.71, 0.29, "animals"), ImageTag("beach", 0.12, 0.25))
    places = (Place("beach", 0.81), Place("church, indoor", 0.07))
    page = told(image, tags=ImageTagsResult("dog", tags), places=PlacesResult("beach", "outdoor", 0.97, True, places))
    assert re.findall(r"<bdi>(\w+)</bdi>.*?<b>(\d+) %</b>", card(page, "Tags")) == [("dog", "71"), ("beach", "12")]
    body = card(page, "Place")
    assert re.findall(r"<bdi>([\w, ]+)</bdi>.*?<b>(\d+) %</b>", body)[1:] == [
        ("church, indoor", "7"), ("outdoors", "97"), ("indoors", "3"),
    ]  # fmt: skip
    assert "not trained for them" in body and "data-at" not in page.split("<script>")[0]
    page = told(
        film,
        tags=FilmTagsResult("dog", (FilmTag("dog", 0.4, 0.8, 1.5),), 2),
        places=FilmPlacesResult("beach", "indoor", 0.3, False, (FilmPlace("beach", 0.5, 0.6, 0.5),), 2),
    )
    assert 'data-at="1.5"' in card(page, "Tags") and 'data-at="0.5"' in card(page, "Place")
    assert re.findall(r"<bdi>(\w+)</bdi>", card(page, "Place")) == ["beach", "indoors", "outdoors"]


def test_no_tags_and_no_places_say_so(image: Report, film: Report) -> None:
    page = told(image, tags=ImageTagsResult(), places=PlacesResult(setting="outdoor", outdoor=0.6))
    assert "No label stands out" in card(page, "Tags") and "No kind of place stands out" in card(page, "Place")
    assert "outdoors" in card(page, "Place")
    page = told(film, tags=FilmTagsResult(), places=FilmPlacesResult())
    assert "No label stands out" in card(page, "Tags") and "Setting" not in card(page, "Place")


def test_what_media_say_stays_text(image: Report, film: Report) -> None:
    words = (TranscriptWord(_EVIL, 0.0, 0.1, 0.1),)
    scenes = (FilmCaption(_EVIL, 0.0, 1.0, 0), FilmCaption(_EVIL + "b", 1.0, 2.0, 1))
    pages = [
        told(
            film,
            transcript=dataclasses.replace(said(_EVIL, words=words), language=_EVIL),
            caption=FilmCaptionResult(_EVIL, scenes, 2),
            tags=FilmTagsResult(_EVIL, (FilmTag(_EVIL, 0.4, 0.8, 1.5, _EVIL),), 2),
            places=FilmPlacesResult(_EVIL, _EVIL, 0.3, False, (FilmPlace(_EVIL, 0.5, 0.6, 0.5),), 2),
        ),
        told(
            image,
            caption=CaptionResult(_EVIL),
            tags=ImageTagsResult(_EVIL, (ImageTag(_EVIL, 0.7, 0.2),)),
            places=PlacesResult(_EVIL, _EVIL, 0.4, False, (Place(_EVIL, 0.9),)),
        ),
    ]
    for page in pages:
        assert "<script>alert" not in page and "<bdi>&lt;/title&gt;" in page


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "x",
        {
            "segments": [
                {"words": 3},
                {"words": [{"word": " ", "probability": 0.1}], "text": " "},
                {"start": "x", "words": [{}]},
                {},
            ]
        },
    ],
)
def test_values_of_other_shapes_do_not_break_the_cards(film: Report, value: Any) -> None:
    rows = {"captions": [{"start": None}, {"caption": 3}], "tags": [{}], "places": [{"time": "x"}]}
    told(film, transcript=value, caption=value, tags=value, places=value)
    page = told(film, transcript=value, caption=rows, tags=rows, places=rows)
    assert "<bdi>None</bdi>" not in page
    check(render_many([film, film]))


def test_fields_of_words_are_explained() -> None:
    for task in all_tasks():
        if task.name in {"transcript", "caption", "tags", "places"}:
            fields = {field.name for field in dataclasses.fields(task.Result)}
            assert fields <= known(task.name), f"glossary.toml lacks {task.name}: {fields - known(task.name)}"


def test_times_are_alike_throughout() -> None:
    assert [stamp(s, 59) for s in (0.2, 58.6)] == ["0:00", "0:59"]
    assert [stamp(s, 3599) for s in (7, 3598.4)] == ["0:07", "59:58"]
    assert stamp(61, 4000) == "0:01:01" and stamp(3601, 3599) == "60:01"
