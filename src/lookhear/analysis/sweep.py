"""One pass over the sound: a decoding thread beside one that feeds every fold the forms it asked for.

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
from lookhear.media.forms import FloatArray, Form, Samples
from lookhear.media.sound import SoundDecoder
from lookhear.tasks.base import Block, Fold, Spectra

_DEPTH = 2  # runs of samples waiting
Progress = Callable[[float], None]  #: seconds of sound done


@dataclass
class Runner:
    """One fold on its way: its forms, the time it took, and what stopped it."""

    name: str
    forms: frozenset[Form]
    fold: Fold[object]
    seconds: float = 0.0
    failure: BaseException | None = None

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


def waveforms(forms: Iterable[Form]) -> frozenset[Form]:
    """The forms the decoder must make for the folds to get ``forms``."""
    return frozenset(Form.MONO_22K if form is Form.SPECTRA else form for form in forms if form is not Form.PIXELS)


class Grid:
    """Turns runs of samples into blocks; makes spectra of MONO_22K where someone wants them."""

    def __init__(self, runners: Iterable[Runner]) -> None:
        self._readers = {form: [runner for runner in runners if form in runner.forms] for form in Form}
        self._stft = PowerSpectra() if self._readers[Form.SPECTRA] else None
        self._frames = 0

    def add(self, form: Form, samples: Samples) -> None:
        """Take what the decoder made."""
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

    def __init__(self, decoder: SoundDecoder) -> None:
        self._decoder = decoder
        self._queue: queue.Queue[tuple[Form, Samples] | None] = queue.Queue(_DEPTH)
        self._abort = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookhear-decode", daemon=True)
        self.failure: BaseException | None = None
        self.seconds = 0.0

    def __enter__(self) -> Iterator[tuple[Form, Samples]]:
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

    def _put(self, item: tuple[Form, Samples] | None) -> bool:
        """Wait for room. False once nobody takes any more."""
        while not self._abort.is_set():
            try:
                self._queue.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False


def sweep(decoder: SoundDecoder, runners: list[Runner], progress: Progress | None = None) -> float:
    """Decode once and feed every runner; gives the CPU seconds of the decoding thread.

    Raises what the decoder raises (DamagedMedium, MediumUnreadable, LimitExceeded); failures of folds stay with them.
    """
    grid = Grid(runners)
    decoding = _Decoding(decoder)
    done = 0.0
    with decoding as blocks:
        for form, samples in blocks:
            grid.add(form, samples)
            if progress is not None:
                done = max(done, (samples.start + samples.data.shape[-1]) / samples.rate)
                progress(done)
        grid.finish()
    if decoding.failure is not None:
        raise decoding.failure
    return decoding.seconds
