"""The programs that are timed, one process each: python benchmarks/programs.py NAME FILE [TIMES]."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


def decode(path: str) -> None:
    """PyAV: every frame decoded, none looked at."""
    import av

    with av.open(path) as container:
        stream = container.streams.audio[0]
        for packet in container.demux(stream):
            for _ in packet.decode():
                pass


def frames(path: str) -> None:
    """PyAV: every frame of a film decoded by as many threads as ours, none looked at."""
    import os

    import av

    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = min(4 * len(os.sched_getaffinity(0)), 8)
        for packet in container.demux(stream):
            for _ in packet.decode():
                pass


def content(path: str) -> None:
    """PySceneDetect, its usual detector and settings: scenes alone."""
    import scenedetect

    scenedetect.detect(path, scenedetect.ContentDetector())


def adaptive(path: str) -> None:
    """PySceneDetect with the detector that does best after tuning."""
    import scenedetect

    scenedetect.detect(path, scenedetect.AdaptiveDetector())


def film(path: str) -> None:
    """Ours: all tasks on what is seen in a film that run by default."""
    import lookhear

    lookhear.analyze(path, ["scenes", "visual", "colors", "quality", "technical", "duplicates"])


def scenes(path: str) -> None:
    """Ours: scenes alone."""
    import lookhear

    lookhear.analyze(path, ["scenes"])


def librosa(path: str) -> None:
    """The same kinds of value: spectral shape, MFCC, chroma, tonal centroids, tempo, beats, key, loudness as RMS."""
    import librosa as lib
    import numpy as np

    y, rate = lib.load(path)
    feature = lib.feature
    chroma = feature.chroma_stft(y=y, sr=rate)
    for values in (
        feature.spectral_centroid(y=y, sr=rate),
        feature.spectral_rolloff(y=y, sr=rate),
        feature.spectral_bandwidth(y=y, sr=rate),
        feature.spectral_contrast(y=y, sr=rate),
        feature.spectral_flatness(y=y),
        feature.zero_crossing_rate(y=y),
        feature.mfcc(y=y, sr=rate, n_mfcc=13),
        feature.tonnetz(chroma=chroma),
        feature.rms(y=y),
        chroma,
    ):
        np.mean(values, axis=1)
    lib.beat.beat_track(y=y, sr=rate)
    lib.onset.onset_detect(y=y, sr=rate)


def essentia(path: str) -> None:
    """The algorithms one by one: rhythm, key, loudness, danceability, spectral shape and MFCC per frame."""
    import essentia.standard as es

    audio = es.MonoLoader(filename=path, sampleRate=44100)()
    es.RhythmExtractor2013(method="multifeature")(audio)
    es.KeyExtractor()(audio)
    stereo, rate, *_ = es.AudioLoader(filename=path)()
    es.LoudnessEBUR128(sampleRate=rate)(stereo)
    es.Danceability()(audio)
    window, spectrum, mfcc = es.Windowing(type="hann"), es.Spectrum(), es.MFCC()
    shape = (es.Centroid(), es.RollOff(), es.Flux(), es.Flatness(), es.SpectralContrast())
    for frame in es.FrameGenerator(audio, frameSize=2048, hopSize=1024, startFromZero=True):
        magnitudes = spectrum(window(frame))
        mfcc(magnitudes)
        for algorithm in shape:
            algorithm(magnitudes)


def extractor(path: str) -> None:
    """Essentia's MusicExtractor, all in one."""
    import essentia.standard as es

    es.MusicExtractor()(path)


def lookhear(path: str) -> None:
    """Ours, called from a program."""
    import lookhear

    lookhear.analyze(path, ["spectral", "mir", "perceptual", "quality", "similarity"])


PROGRAMS: dict[str, Callable[[str], None]] = {
    program.__name__: program
    for program in (decode, librosa, essentia, extractor, lookhear, frames, content, adaptive, film, scenes)
}


def main(name: str, path: str, times: int = 1) -> None:
    """Run it so many times in this process; from the second on, print the seconds of each."""
    for number in range(times):
        began = time.perf_counter()
        PROGRAMS[name](path)
        if number:
            print(time.perf_counter() - began)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
