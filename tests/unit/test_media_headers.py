"""What containers say: tags, covers, tracks, lengths; and texts that would lead elsewhere."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
import xxhash

import lookhear
from lookhear.errors import DamagedMedium, InputError, LimitExceeded
from lookhear.media.decoder import Decoder
from lookhear.media.forms import Form
from lookhear.media.limits import Limits
from lookhear.media.medium import open_medium
from support.files import id3, jpeg
from support.sound import encode, tone, two_tracks

FACTS = ["technical", "spectral"]


@pytest.fixture(scope="module")
def mp3() -> bytes:
    return encode(tone(3), "mp3", "libmp3lame", "fltp", options={"id3v2_version": "0"})


def test_a_cover_is_no_film(mp3: bytes) -> None:
    cover = b"\0image/jpeg\0\x03\0" + jpeg()
    facts = lookhear.analyze(id3((b"APIC", cover), (b"TIT2", b"\0Tone")) + mp3, FACTS)
    assert facts.medium.kind == "audio"
    assert facts["technical"].has_cover and facts["technical"].resolution is None
    assert facts["technical"].tags["title"] == "Tone"


@pytest.mark.parametrize(
    ("encoded", "title"),
    [(b"\0caf\xe9", "café"), (b"\1\xff\xfec\0a\0f\0\xe9\0", "café"), (b"\3caf\xc3\xa9", "café"), (b"\0", None),
     (b"\1\xff\xfe\0\xd8\0\xdc\0\xd8", ""), (b"\3\xff\xfe\xfd\x80", ""), (b"\x09odd", ""), (b"\0" + b"x" * 100_000, "x")],
)  # fmt: skip
def test_tags_in_any_encoding(mp3: bytes, encoded: bytes, title: str | None) -> None:
    report = lookhear.analyze(id3((b"TIT2", encoded)) + mp3, FACTS)
    assert report.complete and report.errors == ()
    assert lookhear.from_json(lookhear.to_json(report)) == report
    if title:
        assert report["technical"].tags["title"].startswith(title)


def test_tags_that_are_not_text(tmp_path: Path) -> None:
    """Vorbis comments with bytes that are no UTF-8."""
    data = encode(tone(1), "flac", "flac", "s16", title="QQQQ").replace(b"QQQQ", b"\xff\xfe\xed\xa0")
    report = lookhear.analyze(data, FACTS)
    assert report.complete
    assert lookhear.from_json(lookhear.to_json(report)) == report


def test_tags_of_the_chosen_track() -> None:
    data = encode(tone(1, rate=48000), "ogg", "libopus", "flt", 48000, artist="Someone", title="Tone")
    tags = lookhear.probe(data).tags
    assert (tags["artist"], tags["title"]) == ("Someone", "Tone")


@pytest.mark.parametrize("quality", ["0", "9"])
@pytest.mark.parametrize("xing", ["0", "1"])
def test_variable_bit_rate(quality: str, xing: str) -> None:
    """With and without the header that tells the length."""
    sound = np.concatenate([tone(10), 0.3 * np.random.default_rng(1).standard_normal((1, 441000))], axis=1)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3", options={"write_xing": xing}) as out:
        stream = out.add_stream("libmp3lame", rate=44100, layout="mono", format="fltp")
        stream.codec_context.qscale = True
        stream.codec_context.global_quality = int(quality) * 118
        frame = av.AudioFrame.from_ndarray(sound.astype(np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        resampler = av.AudioResampler("fltp", "mono", 44100, frame_size=1152)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    report = lookhear.analyze(buffer.getvalue(), FACTS)
    assert report.medium.duration == pytest.approx(20, abs=0.1)
    assert report["technical"].bit_rate == pytest.approx(8 * len(buffer.getvalue()) / 20, rel=0.02)
    if xing == "1":
        assert report.complete and not [note for note in report.warnings if note.task is None]


@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}], ids=str)
def test_the_index_at_either_end(options: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "tone.mp4"  # FFmpeg moves the index of files only
    with (
        av.open(str(path), "w", options=options) as out,
        av.open(io.BytesIO(encode(tone(5), "adts", "aac", "fltp"))) as tone5,
    ):
        stream = out.add_stream_from_template(tone5.streams.audio[0])
        for packet in tone5.demux():
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    data = path.read_bytes()
    assert (data.index(b"moov") < data.index(b"mdat")) == bool(options)
    with open_medium(data) as medium:
        list(Decoder(medium, frozenset({Form.NATIVE})))
        digest = medium.digest()
    assert (digest.sha256, digest.xxh64) == (hashlib.sha256(data).hexdigest(), xxhash.xxh64(data).hexdigest())


def test_digests_of_a_pipe_that_goes_on_after_the_sound(mp3: bytes) -> None:
    data = encode(tone(1)) + bytes(3_000_000)
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(reading, "rb") as pipe:
        report = lookhear.analyze(pipe, FACTS)
    writer.join()
    assert report.medium.sha256 == hashlib.sha256(data).hexdigest()
    assert report.medium.size == len(data)


def test_a_picture_is_an_image_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(jpeg())
    assert lookhear.probe(path).kind == "image"
    report = lookhear.analyze(path)
    assert report.medium.kind == "image" and report["technical"].resolution == (64, 48)


def test_tracks_and_channels_have_limits() -> None:
    data = two_tracks(tone(1), tone(1))
    with pytest.raises(LimitExceeded, match="2 tracks"):
        open_medium(data, Limits(max_media_streams=1))
    with pytest.raises(InputError, match="no sound track -1"):
        open_medium(data, audio_track=-1)


@pytest.mark.parametrize("rate", [1, 999, 3_000_000])
def test_rates_that_no_sound_has(rate: int) -> None:
    data = bytearray(encode(tone(1)))
    data[24:28] = rate.to_bytes(4, "little")
    with pytest.raises(DamagedMedium, match="header claims"):
        lookhear.analyze(bytes(data), FACTS)


@pytest.mark.parametrize("cut", [0.05, 0.3, 0.6, 0.97])
@pytest.mark.parametrize(
    ("container", "codec", "kind"),
    [("wav", "pcm_s16le", "s16"), ("flac", "flac", "s16"), ("mp3", "libmp3lame", "fltp"), ("adts", "aac", "fltp"),
     ("matroska", "aac", "fltp"), ("aiff", "pcm_s16be", "s16")],
)  # fmt: skip
def test_a_cut_file_says_how_much_there_was(container: str, codec: str, kind: str, cut: float) -> None:
    noise = 0.2 * np.random.default_rng(2).standard_normal((1, 441000)).astype(np.float32)
    data = encode(noise, container, codec, kind)
    report = lookhear.analyze(data[: round(cut * len(data))], FACTS)
    assert report.errors == ()
    assert report.medium.duration == pytest.approx(10 * cut, abs=0.2)
    if container not in {"adts"} and cut < 0.9:  # a bare stream does not say how long it would have been
        assert not report.complete
        assert [note for note in report.warnings if note.task is None]


PLAYLISTS = [
    "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
    "#EXTM3U\n#EXTINF:9,\n{target}\n",
    "ffconcat version 1.0\nfile '{target}'\n",
    "[playlist]\nFile1={target}\nNumberOfEntries=1\nVersion=2\n",
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1" mimeType="audio/mp4" bandwidth="1"><BaseURL>{target}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    '<svg xmlns="http://www.w3.org/2000/svg"><image href="{target}"/></svg>',
    '<html><audio src="{target}"></audio></html>',
]


@pytest.mark.parametrize("text", PLAYLISTS, ids=lambda text: text[:8])
@pytest.mark.parametrize("scheme", ["file:{file}", "{file}", "http://127.0.0.1:{port}/x.wav", "tcp://127.0.0.1:{port}"])
def test_playlists_touch_nothing_they_name(text: str, scheme: str, tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(encode(tone(1)))
    with socket.create_server(("127.0.0.1", 0)) as trap:
        target = scheme.format(file=tmp_path / "secret.wav", port=trap.getsockname()[1])
        (tmp_path / "list.m3u8").write_text(text.format(target=target))
        with pytest.raises(InputError):
            lookhear.analyze(tmp_path / "list.m3u8", FACTS)
        trap.setblocking(False)
        with pytest.raises(BlockingIOError):
            trap.accept()


@pytest.mark.alone
def test_a_session_description_opens_no_socket() -> None:
    text = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 40008 RTP/AVP 0\n"
    began = time.monotonic()
    with pytest.raises(InputError):
        lookhear.analyze(text, FACTS)
    assert time.monotonic() - began < 1  # FFmpeg would listen for ten seconds


def test_sizes_in_a_header_are_not_believed(tmp_path: Path) -> None:
    """A list of tags that claims two gigabytes."""
    data = encode(tone(2), title="Tone")
    at = data.index(b"LIST")
    path = tmp_path / "claims.wav"
    path.write_bytes(data[: at + 4] + b"\xff\0\0\x80INFOIART\x02\x45\xda\x60" + data[at + 12 :])
    program = (
        "import re, sys, lookhear\n"
        "try: lookhear.analyze(sys.argv[1])\n"
        "except lookhear.errors.LookhearError as error: pass\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=30)
    assert int(done.stdout) < 300 * 1024, done.stderr
