"""Genre, mood and instruments by given tags: what follows is told by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from lookhear.errors import InvalidOptions
from lookhear.media.probe import Probe
from lookhear.tasks import words
from lookhear.tasks.audio.genre import GENRES, Genre, GenreResult
from lookhear.tasks.audio.instruments import Instrument, Instruments, InstrumentsOptions, InstrumentsResult
from lookhear.tasks.audio.mood import WORDS, Mood, MoodResult
from lookhear.tasks.audio.music_tags import MusicTagsResult
from lookhear.tasks.base import Context, NoOptions
from support.musicnn import LASTFM, MAGNATAGATUNE

SPEECH = {"male": 0.4, "man": 0.3, "vocal": 0.2, "guitar": 0.1, "drums": 0.05, "Hip-Hop": 0.6, "fast": 0.2, "slow": 0.1}


def tell(task: Any, tags: dict[str, float], options: Any = None) -> tuple[Any, list[str]]:
    """The result and the warnings."""
    said: list[str] = []
    probe = Probe("audio", "wav", "WAV", 1.0, None, None, ())
    context = Context(probe, said.append, results={"music_tags": MusicTagsResult((), tags)})
    return task.start(context, options or task.Options()).finish(), said


def test_every_word_is_one_that_a_network_knows() -> None:
    known = {*MAGNATAGATUNE, *LASTFM}
    assert (len(MAGNATAGATUNE), len(LASTFM), len(known)) == (50, 50, 92)
    groups = [*GENRES.values(), *WORDS.values(), words.VOICE, words.INSTRUMENTS, words.ELECTRIC]
    assert {word for group in groups for word in group} <= known


def test_one_word_of_several() -> None:
    assert words.any_of({"a": 0.5, "b": 0.2, "c": 0.9}, ("a", "b")) == pytest.approx(1 - 0.5 * 0.8)
    assert words.any_of({"a": 0.5}, ("a", "x")) == 0.5
    assert words.any_of({"a": 0.5}, ("x",)) is None
    assert words.likeliest({"a": 0.5, "b": 0.2}, ("a", "b")) == 0.5
    assert words.likeliest({}, ("a",)) is None


@pytest.mark.parametrize(
    ("tags", "alone"),
    [
        (SPEECH, True),
        ({**SPEECH, "guitar": 0.3}, False),
        ({**SPEECH, "choir": 0.3}, False),
        ({"male": 0.2, "guitar": 0.1}, False),
        ({"rock": 0.5}, False),
        ({}, False),
    ],
)
def test_a_voice_alone(tags: dict[str, float], alone: bool) -> None:
    assert words.voice_alone(tags) is alone


def test_without_voices_and_without_amplifiers() -> None:
    assert words.instrumentalness({"vocal": 0.5, "man": 0.5, "guitar": 0.9}) == 0.25
    assert words.acousticness({"electronic": 0.5, "rock": 0.2, "guitar": 0.9}) == pytest.approx(0.4)
    assert words.instrumentalness({"rock": 0.5}) is None and words.instrumentalness({}) is None
    assert words.acousticness({}) is None


def test_a_genre_is_as_likely_as_the_likeliest_of_its_words() -> None:
    result, said = tell(Genre(), {"classical": 0.6, "classic": 0.7, "jazz": 0.3, "violin": 0.9})
    assert result.scores == {"classical": 0.7, "jazz": 0.3}
    odds = (0.7 / 0.3, 0.3 / 0.7)
    assert result.probabilities == {
        "classical": pytest.approx(odds[0] / sum(odds), abs=1e-4),
        "jazz": pytest.approx(odds[1] / sum(odds), abs=1e-4),
    }
    assert result.genre == "classical" and said == []


def test_genre_probabilities_add_up() -> None:
    for tags in (dict.fromkeys([*MAGNATAGATUNE, *LASTFM], p) for p in (0.0001, 0.5, 1.0)):
        result, _ = tell(Genre(), tags)
        assert set(result.probabilities) == set(GENRES)
        assert math.fsum(result.probabilities.values()) == pytest.approx(1, abs=1e-3)


def test_no_genre_where_none_is_likely_or_somebody_may_speak() -> None:
    result, said = tell(Genre(), {"rock": 0.2, "folk": 0.24})
    assert result.genre is None and list(result.scores) == ["folk", "rock"] and "no genre" in said[0]
    result, said = tell(Genre(), SPEECH)
    assert result.genre is None and result.scores["hip-hop"] == 0.6 and "voice" in said[0]
    assert tell(Genre(), {}) == (GenreResult(), [])
    assert tell(Genre(), dict.fromkeys(["rock", "jazz"], 0.0))[0].genre is None


def test_a_network_tells_only_genres_that_it_has_words_for() -> None:
    result, _ = tell(Genre(), dict.fromkeys(MAGNATAGATUNE, 0.1))
    assert {"classical", "electronic", "rock", "indian"} <= set(result.scores)
    assert not {"jazz", "folk", "hip-hop", "blues"} & set(result.scores)


def test_arousal_is_fast_and_loud_against_slow_and_soft() -> None:
    result, _ = tell(Mood(), {"fast": 0.5, "loud": 0.1, "slow": 0.1, "soft": 0.0, "quiet": 0.2, "happy": 0.01})
    stirred, calm = 1 - 0.5 * 0.9, 1 - 0.9 * 0.8
    assert result.arousal == pytest.approx(stirred / (stirred + calm), abs=1e-4)
    assert result.valence is None
    assert list(result.words.items())[:2] == [("fast", 0.5), ("soft", 0.2)]
    assert result.words["soft"] == pytest.approx(0.2)
    assert "mellow" not in result.words


def test_no_arousal_where_nothing_tells_it() -> None:
    faint = {"fast": 0.03, "loud": 0.0, "slow": 0.03, "soft": 0.0, "quiet": 0.0}
    assert tell(Mood(), faint)[0].arousal is None
    result, said = tell(Mood(), SPEECH)
    assert result.arousal is None and any("voice" in message for message in said)
    assert tell(Mood(), {"happy": 0.2, "sad": 0.1})[0].arousal is None
    assert tell(Mood(), {}) == (MoodResult(), [])


def test_instruments_from_the_threshold_on() -> None:
    tags = {"piano": 0.5, "synth": 0.3, "harp": 0.1, "vocal": 0.1}
    result, _ = tell(Instruments(), tags)
    assert result.instruments == (Instrument("piano", 0.5), Instrument("synthesizer", 0.3))
    assert (result.voice, result.vocals) == (None, 0.1)
    result, _ = tell(Instruments(), tags, InstrumentsOptions(threshold=0.05))
    assert [one.label for one in result.instruments] == ["piano", "synthesizer", "harp"]
    for threshold in (0.0, 1.0, -1):
        with pytest.raises(InvalidOptions):
            InstrumentsOptions(threshold=threshold)


@pytest.mark.parametrize(
    ("tags", "voice"),
    [
        ({"female": 0.4, "woman": 0.4, "male": 0.1}, "female"),
        ({"male": 0.4, "man": 0.4, "female": 0.1}, "male"),
        ({"male": 0.4, "man": 0.2, "female": 0.4}, "mixed"),
        ({"choir": 0.6, "choral": 0.5, "female": 0.2}, "choir"),
        ({"female": 0.4}, None),
    ],
)
def test_whose_voice(tags: dict[str, float], voice: str | None) -> None:
    assert tell(Instruments(), tags)[0].voice == voice


def test_no_words_for_instruments() -> None:
    result, said = tell(Instruments(), {"rock": 0.5, "jazz": 0.1})
    assert result == InstrumentsResult() and "no words" in said[0]
    assert tell(Instruments(), {}) == (InstrumentsResult(), [])


def test_tasks_by_tags_take_no_options_but_the_threshold() -> None:
    assert Genre.Options is NoOptions and Mood.Options is NoOptions
