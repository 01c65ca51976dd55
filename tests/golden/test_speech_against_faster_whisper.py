"""Our segments and probabilities against those of faster-whisper, kept in speech.json (made by make_speech.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lookhear.media.decoder import Decoder
from lookhear.media.forms import Form
from lookhear.media.medium import open_medium
from lookhear.models.card import Want
from lookhear.tasks.audio.speech import SpeechFold, SpeechOptions
from lookhear.tasks.base import Block
from lookhear.tasks.voice import Probabilities
from support.models import need

GOLDEN = json.loads((Path(__file__).parent / "speech.json").read_text())


@pytest.mark.parametrize("name", GOLDEN["recordings"])
def test_as_faster_whisper(shared: Path, name: str) -> None:
    run = need("audio", "speech").get(Want("speech", "silero-vad@6.0")).run
    fold, network, found, heard = SpeechFold(run, SpeechOptions(reset_seconds=0)), Probabilities(run), [], 0
    with open_medium(str(shared / name)) as medium:
        for item in Decoder(medium, frozenset({Form.MONO_16K})):
            assert isinstance(item, tuple)
            fold.add(Block(Form.MONO_16K, samples=item[1]))
            found.append(network.add(item[1].data))
            heard += len(item[1].data)
    theirs = GOLDEN["recordings"][name]
    ours = np.concatenate([*found, network.finish()])[:: GOLDEN["every"]]
    assert heard == theirs["samples"]
    count = min(len(ours), len(theirs["probabilities"]))
    assert count >= len(ours) - 1
    np.testing.assert_allclose(ours[:count], theirs["probabilities"][:count], atol=1e-3)
    segments = [(segment.start * 16000, segment.end * 16000) for segment in fold.finish().segments]
    assert len(segments) == len(theirs["segments"])
    if segments:
        np.testing.assert_allclose(segments, theirs["segments"], atol=512)
