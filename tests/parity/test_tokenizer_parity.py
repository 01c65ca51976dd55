"""CLIP's byte pairs beside the tokenizers library, over texts of all kinds."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lookhear.errors import ModelUnavailable
from lookhear.models.clip.tokenizer import ClipTokenizer, read_tokenizer

pytest.importorskip("transformers")

# marks that are put over letters: several of the newer ones are put in another order there, after older tables of Unicode
KNOWN = st.characters(exclude_categories=("Cs", "Cn", "Mn", "Mc", "Me"))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ClipTokenizer]:
    from benchmarks.random_clip import tokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    try:
        return tokenizer(folder), read_tokenizer(folder / "tokenizer.json", str(folder))
    except ModelUnavailable as error:
        pytest.skip(f"no byte pairs here: {error.message}")


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(KNOWN, max_size=60),
        st.text("abcdefgh '’s\t\n.,!?0123456789ÄÖÜßéΣİ", max_size=120),
        st.lists(
            st.sampled_from(["it's", "WE'LL", "don't", "café", "東京", "👩‍👩‍👧", "½", "x" * 90, "...", "\u3000"]),
            max_size=40,
        ).map(" ".join),
    )
)
@example("ΑΣ ς Σ")
@example("İstanbul ﬁ ﬀ Ǆ")
@example("'S'T''RE '''ll")
@example("a\u0301\u0302 e\u0301 \u1100\u1161\u11a8")
def test_numbers_are_those_of_tokenizers(both: tuple[Any, ClipTokenizer], text: str) -> None:
    theirs, ours = both
    if any(unicodedata.category(letter) == "Cn" for letter in text):
        return
    assert ours(text) == theirs(text, truncation=True, max_length=77).input_ids


def test_every_letter_on_its_own(both: tuple[Any, ClipTokenizer]) -> None:
    theirs, ours = both
    texts = [f"a{chr(c)}b" for c in range(0x30000) if unicodedata.category(chr(c)) not in ("Cs", "Cn", "Co")]
    other = [text for text, one in zip(texts, theirs(texts).input_ids, strict=True) if ours(text) != one]
    assert len(texts) > 100_000 and other == []


def test_well_known_numbers(both: tuple[Any, ClipTokenizer]) -> None:
    assert both[1]("a photo of a cat") == [49406, 320, 1125, 539, 320, 2368, 49407]
