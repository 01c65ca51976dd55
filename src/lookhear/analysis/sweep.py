"""One pass over a medium in time: a decoding thread beside one that feeds every fold the forms it asked for.

A queue of a few blocks lies between them, so the decoder waits for the maths and memory does not grow with the
recording. A second thread for the maths was tried and made it slower: the two wait for each other's interpreter lock.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from lookhear.dsp.mel import mel_power
from lookhear.dsp.stft import PowerSpectra
from lookhear.media.decoder import Decoder, Item
from lookhear.media.forms import FloatArray, Form, Frames, Picture, Samples, Sampling
from lookhear.tasks.base import Block, Fold, Spectra

_DEPTH = 2  # runs of samples or frames waiting
Progress = Callable[[float], None]  #: seconds of the medium done


@dataclass
class Runner:
    """One fold on its way: its forms, the time it took, and what stopped it."""

    name: str
    forms: frozenset[Form]
    fold: Fold[object]
    sampling: Sampling | None = None  #: of a fold that wants pictures out of a film
    seconds: float = 0.0
    failure: BaseException | None = None

    @property
    def late(self) -> bool:
        """Does it wait for key frames, which only a first pass can tell?"""
        return self.sampling is not None and self.sampling.key_frames

    def add(self, block: Block) -> None:
        """Hand the block to the fold, unless it has failed before."""
        if self.failure is not None:
            return
        began = time.thread_time()
        try:
            self.fold.add(block)
        except Exception as error:
            self.failure = error
        self.seconds += time.thread_time() - began


def decoded(forms: Iterable[Form]) -> frozenset[Form]:
    """The forms the decoder must make for the folds to get ``forms``."""
    return frozenset(Form.MONO_22K if form is Form.SPECTRA else form for form in forms)


class Grid:
    """Hands every reader its blocks; makes spectra of MONO_22K where someone wants them."""

    def __init__(self, runners: Iterable[Runner]) -> None:
        self._readers = {form: [runner for runner in runners if form in runner.forms] for form in Form}
        self._watchers = [runner for runner in runners if runner.forms & {Form.FRAMES, Form.MOTION}]
        self._stft = PowerSpectra() if self._readers[Form.SPECTRA] else None
        self._frames = 0

    def add(self, item: Item) -> float:
        """Take what the decoder made; gives the time (s) it reaches to."""
        if isinstance(item, Frames):
            for runner in self._watchers:
                runner.add(Block(Form.FRAMES, frames=item))
            return float(item.times[-1])
        kind, value = item
        if isinstance(value, Picture):
            for runner in self._readers[Form.PIXELS]:
                if runner.sampling == kind:
                    runner.add(Block(Form.PIXELS, picture=value))
            return value.time
        assert isinstance(kind, Form)
        self._hear(kind, value)
        return float((value.start + value.data.shape[-1]) / value.rate)

    def _hear(self, form: Form, samples: Samples) -> None:
        self._hand(Block(form, samples=samples))
        if form is Form.MONO_22K and self._stft is not None:
            self._spectra(self._stft.add(samples.data))

    def finish(self) -> None:
        """The sound has ended: the last frames."""
        if self._stft is not None:
            self._spectra(self._stft.finish())

    def _spectra(self, power: FloatArray) -> None:
        if not len(power):
            return
        spectra = Spectra(self._frames, power, np.sqrt(power), mel_power(power))
        for array in (spectra.power, spectra.magnitude, spectra.mel):
            array.flags.writeable = False
        self._frames += len(power)
        self._hand(Block(Form.SPECTRA, spectra=spectra))

    def _hand(self, block: Block) -> None:
        for runner in self._readers[block.form]:
            runner.add(block)


class _Decoding:
    """The producer: runs in its own thread, and never more than a few blocks ahead."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._queue: queue.Queue[Item | None] = queue.Queue(_DEPTH)
        self._abort = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookhear-decode", daemon=True)
        self.failure: BaseException | None = None
        self.seconds = 0.0

    def __enter__(self) -> Iterator[Item]:
        self._thread.start()
        return iter(self._queue.get, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abort.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            for item in self._decoder:
                if not self._put(item):
                    return
        except BaseException as error:
            self.failure = error
        finally:
            self.seconds = time.thread_time()
            self._put(None)

    def _put(self, item: Item | None) -> bool:
        """Wait for room. False once nobody takes any more."""
        while not self._abort.is_set():
            try:
                self._queue.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False


def sweep(decoder: Decoder, runners: list[Runner], progress: Progress | None = None) -> float:
    """Decode once and feed every runner; gives the CPU seconds of the decoding thread.

    Raises what the decoder raises (DamagedMedium, MediumUnreadable, LimitExceeded); failures of folds stay with them.
    """
    grid = Grid(runners)
    decoding = _Decoding(decoder)
    done = 0.0
    with decoding as items:
        for item in items:
            done = max(done, grid.add(item))
            if progress is not None:
                progress(done)
        grid.finish()
    if decoding.failure is not None:
        raise decoding.failure
    return decoding.seconds
