"""Opening and decoding: odd inputs are normal, wrong ones are refused in words."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xxhash

import lookhear
from lookhear.errors import (
    EmptyMedium,
    InputError,
    LimitExceeded,
    MediumNotFound,
    MediumUnreadable,
    NotAMedium,
    SourceRefused,
)
from lookhear.media.decoder import Decoder
from lookhear.media.forms import Form
from lookhear.media.limits import Limits
from lookhear.media.medium import open_medium
from lookhear.media.sound import Heard
from support.sound import encode, film, tone, two_tracks


def decoded(source, form: Form = Form.NATIVE, limits: Limits | None = None, **options) -> tuple[np.ndarray, Heard]:
    with open_medium(source, limits, **options) as medium:
        decoder = Decoder(medium, frozenset({form}))
        runs = [samples.data for _, samples in decoder]
        return np.concatenate(runs, axis=-1), decoder.heard


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "7.1"])
def test_channels(layout: str) -> None:
    count = {"mono": 1, "stereo": 2, "5.1": 6, "7.1": 8}[layout]
    sound, heard = decoded(encode(tone(1, channels=count), layout=layout))
    assert sound.shape == (count, 44100)
    assert heard.layout == layout
    mean, _ = decoded(encode(tone(1, channels=count), layout=layout), Form.MONO_22K)
    assert np.abs(mean).max() == pytest.approx(0.5, abs=0.01)  # the mean of equal channels is each of them


@pytest.mark.parametrize(
    ("codec", "sample_format", "depth"),
    [("pcm_u8", "u8", 8), ("pcm_s16le", "s16", 16), ("pcm_s24le", "s32", 24), ("pcm_s32le", "s32", 32),
     ("pcm_f32le", "flt", 32), ("pcm_f64le", "dbl", 64)],
)  # fmt: skip
def test_sample_formats(codec: str, sample_format: str, depth: int) -> None:
    data = encode(tone(0.5), codec=codec, sample_format=sample_format)
    sound, _ = decoded(data)
    assert np.abs(sound[0] - tone(0.5)[0]).max() < (0.01 if depth == 8 else 1e-4)
    assert lookhear.probe(data).audio[0].bits_per_sample == depth


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 48000, 96000, 192000, 384000])
def test_rates_keep_time_and_pitch(rate: int) -> None:
    data = encode(tone(1.0, rate=rate), rate=rate)
    for form, expected in ((Form.NATIVE, rate), (Form.MONO_22K, 22050), (Form.MONO_16K, 16000)):
        sound, _ = decoded(data, form)
        sound = np.atleast_2d(sound)[0]
        assert len(sound) == pytest.approx(expected, abs=2)
        peak = np.argmax(np.abs(np.fft.rfft(sound * np.hanning(len(sound)))))
        assert peak * expected / len(sound) == pytest.approx(440, abs=1.5)


@pytest.mark.parametrize(
    ("container", "codec", "sample_format"),
    [("mp3", "libmp3lame", "fltp"), ("adts", "aac", "fltp"), ("ogg", "libopus", "flt"), ("flac", "flac", "s16"),
     ("mp4", "aac", "fltp"), ("matroska", "libopus", "flt"), ("aiff", "pcm_s16be", "s16")],
)  # fmt: skip
def test_formats_and_digests_in_one_read(container: str, codec: str, sample_format: str) -> None:
    rate = 48000 if codec == "libopus" else 44100
    data = encode(tone(3, rate=rate), container, codec, sample_format, rate)
    with open_medium(data) as medium:
        assert medium.probe.kind == "audio"
        decoder = Decoder(medium, frozenset({Form.NATIVE}))
        for _ in decoder:
            pass
        assert decoder.heard.seconds == pytest.approx(3, abs=0.1)
        digest = medium.digest()
    assert digest.sha256 == hashlib.sha256(data).hexdigest()
    assert digest.xxh64 == xxhash.xxh64(data).hexdigest()
    assert digest.size == len(data)


def test_kind_is_by_content(tmp_path: Path) -> None:
    wav = tmp_path / "picture.jpg"
    wav.write_bytes(encode(tone(1)))
    assert lookhear.probe(wav).kind == "audio"
    assert lookhear.probe(film(tone(1))).kind == "video"
    text = tmp_path / "song.mp3"
    text.write_text("These are words, and words alone.\n" * 500)
    with pytest.raises(NotAMedium):
        lookhear.probe(text)


def test_a_film_gives_its_sound() -> None:
    report = lookhear.analyze(film(tone(4)), ["spectral", "technical"])
    assert report.medium.kind == "video"
    assert report["technical"].resolution == (64, 48)
    assert report["spectral"].spectral_centroid == pytest.approx(440, rel=0.5)


def test_tracks_can_be_chosen() -> None:
    data = two_tracks(tone(1, frequency=440), tone(1, frequency=1760))
    for track, frequency in ((0, 440), (1, 1760)):
        sound, _ = decoded(data, audio_track=track)
        assert np.argmax(np.abs(np.fft.rfft(sound[0]))) == pytest.approx(frequency, abs=2)
    with pytest.raises(InputError, match="no sound track 2"):
        open_medium(data, audio_track=2)


def test_a_truncated_file_is_reported_as_such() -> None:
    data = encode(tone(10), "mp3", "libmp3lame", "fltp")
    report = lookhear.analyze(data[: len(data) // 2], ["spectral"])
    assert not report.complete
    assert report.medium.duration == pytest.approx(5, abs=0.5)
    assert any("promises" in note.message or "breaks off" in note.message for note in report.warnings)


def test_wild_floats_are_tamed() -> None:
    sound = tone(2)
    sound[0, 1000], sound[0, 2000], sound[0, 3000] = np.nan, np.inf, 1e30
    out, heard = decoded(encode(sound, codec="pcm_f32le", sample_format="flt"))
    assert heard.wild_samples
    assert np.isfinite(out).all() and np.abs(out).max() <= 1.0


def test_a_change_of_format_on_the_way(shared: Path) -> None:
    report = lookhear.analyze(
        shared / "malformed/audio_flac_faulty/02 - increasing number of channels.flac", ["spectral"]
    )
    assert report["spectral"].spectral_centroid is not None
    assert any("changes rate or channels" in note.message for note in report.warnings)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{secret}'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
        "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "<!doctype html><p>hello",
    ],
)
def test_playlists_lead_nowhere(text: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(encode(tone(1)))
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(text.format(secret=secret))
    with pytest.raises(InputError):
        lookhear.analyze(playlist, ["spectral"])


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    for path, error in (
        (tmp_path / "nowhere.mp3", MediumNotFound),
        (tmp_path, NotAMedium),
        (Path("/dev/null"), NotAMedium),
        (tmp_path / "empty.mp3", EmptyMedium),
        (tmp_path / ("x" * 300), MediumUnreadable),
    ):
        with pytest.raises(error):
            open_medium(path)
    with pytest.raises(MediumUnreadable, match="Nothing came"):
        open_medium(tmp_path / "pipe", Limits(media_open_seconds=0.2))
    with pytest.raises(InputError):
        open_medium(42)  # type: ignore[arg-type]
    with pytest.raises(EmptyMedium):
        open_medium(io.BytesIO())


def test_limits() -> None:
    data = encode(tone(3, channels=2))
    for limits in (
        Limits(max_media_bytes=1000),
        Limits(max_media_seconds=2),
        Limits(max_audio_channels=1),
        Limits(max_media_streams=0),
    ):
        with pytest.raises(LimitExceeded, match="MAX_"):
            open_medium(data, limits)


def test_a_stream_is_cut_at_the_limit() -> None:
    """A pipe does not say how long it will be."""
    data = encode(tone(8), "mp3", "libmp3lame", "fltp", options={"write_xing": "0"})
    read, write = os.pipe()
    threading.Thread(target=lambda: (os.write(write, data), os.close(write)), daemon=True).start()
    with os.fdopen(read, "rb") as pipe:
        report = lookhear.analyze(pipe, ["technical", "spectral"], limits=Limits(max_media_seconds=4))
    assert not report.complete
    assert report.medium.sha256 == hashlib.sha256(data).hexdigest()
    assert any("MAX_MEDIA_SECONDS" in note.message for note in report.warnings)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    data = encode(tone(2), "mp3", "libmp3lame", "fltp")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/song.mp3":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(data)
            else:
                self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_urls_need_to_be_allowed(server: str) -> None:
    url = f"{server}/song.mp3"
    with pytest.raises(SourceRefused, match="ALLOW_URLS"):
        lookhear.analyze(url, ["spectral"])
    with pytest.raises(SourceRefused, match="ALLOW_PRIVATE_URLS"):
        lookhear.analyze(url, ["spectral"], limits=Limits(allow_urls=True))
    allowed = Limits(allow_urls=True, allow_private_urls=True)
    assert lookhear.analyze(url, ["spectral"], limits=allowed).medium.duration == pytest.approx(2, abs=0.1)
    with pytest.raises(MediumNotFound):
        lookhear.analyze(f"{server}/nothing", limits=allowed)
    with pytest.raises(SourceRefused, match="not a kind of URL"):
        lookhear.analyze("ftp://localhost/x.mp3", limits=allowed)


def test_nothing_is_left_open(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(encode(tone(2)))
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"nothing" * 1000)

    def work() -> None:
        lookhear.analyze(path, ["spectral", "perceptual"])
        with pytest.raises(InputError):
            lookhear.analyze(broken, ["spectral"])

    work()
    files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    work()
    assert len(os.listdir("/proc/self/fd")) == files
    assert threading.active_count() == threads


def test_an_interruption_stops_the_decoder() -> None:
    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        lookhear.analyze(encode(tone(60)), ["spectral"], progress=stop)
    assert threading.active_count() == before
