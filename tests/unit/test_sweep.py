"""The sweep: order, memory, failures and interruptions, with real decoders and folds written here."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from lookhear.analysis.sweep import Grid, Runner, decoded, sweep
from lookhear.errors import DamagedMedium
from lookhear.media.decoder import Decoder
from lookhear.media.forms import Form, Samples
from lookhear.media.medium import open_medium
from lookhear.tasks.base import Block
from support.sound import encode, tone

EVERYTHING = frozenset(Form)


class Keeper:
    """Keeps every block."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.blocks: list[Block] = []
        self.threads: set[int] = set()
        self._fail_after = fail_after

    def add(self, block: Block) -> None:
        if len(self.blocks) == self._fail_after:
            raise ZeroDivisionError("broken on purpose")
        self.blocks.append(block)
        self.threads.add(threading.get_ident())

    def finish(self) -> None:
        return None


def swept(data: bytes, *folds: Keeper, forms: frozenset[Form] = EVERYTHING) -> list[Runner]:
    runners = [Runner(str(i), forms, fold) for i, fold in enumerate(folds)]
    with open_medium(data) as medium:
        sweep(Decoder(medium, decoded(forms)), runners)
    return runners


@pytest.fixture(scope="module")
def data() -> bytes:
    return encode(tone(21, channels=2))


def test_every_form_comes_whole_and_in_order(data: bytes) -> None:
    keeper = Keeper()
    swept(data, keeper)
    for form, rate in ((Form.NATIVE, 44100), (Form.MONO_22K, 22050), (Form.MONO_16K, 16000)):
        runs = [block.samples for block in keeper.blocks if block.form is form and block.samples is not None]
        ends = np.cumsum([run.data.shape[-1] for run in runs])
        assert [run.start for run in runs] == [0, *ends[:-1]]
        assert {run.rate for run in runs} == {rate}
        assert ends[-1] == pytest.approx(21 * rate, abs=2)
    spectra = [block.spectra for block in keeper.blocks if block.spectra is not None]
    frames = np.cumsum([len(run.power) for run in spectra])
    assert [run.start for run in spectra] == [0, *frames[:-1]]
    assert frames[-1] == 1 + 21 * 22050 // 512


def test_nobody_can_write_to_what_all_share(data: bytes) -> None:
    keeper = Keeper()
    swept(data, keeper)
    for block in keeper.blocks:
        parts = [block.samples] if block.samples else [block.spectra]
        for array in (value for part in parts for value in vars(part).values() if isinstance(value, np.ndarray)):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


def test_spectra_are_only_made_where_wanted(data: bytes) -> None:
    keeper = Keeper()
    swept(data, keeper, forms=frozenset({Form.SPECTRA}))
    assert {block.form for block in keeper.blocks} == {Form.SPECTRA}
    other = Keeper()
    swept(data, other, forms=frozenset({Form.NATIVE}))
    assert {block.form for block in other.blocks} == {Form.NATIVE}


def test_a_fold_that_breaks_is_left_alone_and_the_others_go_on(data: bytes) -> None:
    broken, sound, reference = Keeper(fail_after=3), Keeper(), Keeper()
    runners = swept(data, broken, sound)
    swept(data, reference)
    assert isinstance(runners[0].failure, ZeroDivisionError)
    assert len(broken.blocks) == 3
    assert runners[1].failure is None
    assert len(sound.blocks) == len(reference.blocks)


def test_folds_run_in_the_thread_that_called(data: bytes) -> None:
    keeper = Keeper()
    swept(data, keeper)
    assert keeper.threads == {threading.get_ident()}


class Tracked:
    """Stands before a decoder and counts what was taken from it."""

    def __init__(self, runs: int, failure: BaseException | None = None) -> None:
        self.taken = 0
        self._runs, self._failure = runs, failure

    def __iter__(self) -> Iterator[tuple[Form, Samples]]:
        for i in range(self._runs):
            self.taken += 1
            yield Form.MONO_22K, Samples(i * 4, 22050, np.zeros(4, np.float32))
        if self._failure is not None:
            raise self._failure


def test_the_decoder_is_never_far_ahead() -> None:
    ahead = []

    class Watching(Keeper):
        def add(self, block: Block) -> None:
            super().add(block)
            ahead.append(decoder.taken - len(self.blocks))

    decoder = Tracked(500)
    sweep(decoder, [Runner("", frozenset({Form.MONO_22K}), Watching())])  # type: ignore[arg-type]
    assert len(ahead) == 500
    assert max(ahead) <= 8


@pytest.mark.parametrize("failure", [DamagedMedium("It is broken."), MemoryError(), KeyError("a bug")], ids=repr)
def test_what_the_decoder_raises_arrives(failure: BaseException) -> None:
    keeper = Keeper()
    before = threading.active_count()
    with pytest.raises(type(failure)):
        sweep(Tracked(9, failure), [Runner("", frozenset({Form.MONO_22K}), keeper)])  # type: ignore[arg-type]
    assert len(keeper.blocks) == 9
    assert threading.active_count() == before


def test_an_interruption_ends_the_decoder_at_once() -> None:
    decoder = Tracked(10**9)
    before = threading.active_count()

    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(decoder, [Runner("", frozenset({Form.MONO_22K}), Keeper())], stop)  # type: ignore[arg-type]
    assert threading.active_count() == before
    assert decoder.taken < 20


def test_progress_only_grows(data: bytes) -> None:
    seen: list[float] = []
    with open_medium(data) as medium:
        sweep(Decoder(medium, frozenset({Form.NATIVE, Form.MONO_16K})), [], seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(21, abs=0.01)


def test_nothing_at_all_is_no_spectrum() -> None:
    keeper = Keeper()
    Grid([Runner("", EVERYTHING, keeper)]).finish()
    assert keeper.blocks == []
