"""Runs shared between callers: whoever comes while one is going waits for it, and then all that wait go together.

A caller that comes alone runs at once: nothing is ever waited for to make a batch larger.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Feeds = Mapping[str, NDArray[Any]]
Run = Callable[..., list[NDArray[Any]]]  #: takes Feeds, and what is ``asked`` of it


class _Call:
    """One caller's rows."""

    def __init__(self, feeds: Feeds, asked: tuple[Hashable, ...]) -> None:
        self.feeds = feeds
        self.asked = asked
        self.rows = len(next(iter(feeds.values())))
        alone = () if {len(array) for array in feeds.values()} == {self.rows} else (id(self),)  # its own fault, then
        shapes = tuple((name, array.shape[1:], array.dtype) for name, array in sorted(feeds.items()))
        self.kind = asked, alone, shapes
        self.woken = threading.Event()
        self.leads = False
        self.outputs: list[NDArray[Any]] | None = None
        self.error: BaseException | None = None


class Batcher:
    """Calls ``run`` with the rows of one or more callers, at most ``most`` unless one caller has more."""

    def __init__(self, run: Run, most: int) -> None:
        self._run = run
        self._most = most
        self._guard = threading.Lock()
        self._waiting: list[_Call] = []
        self._busy = False

    def __call__(self, feeds: Feeds, *asked: Hashable) -> list[NDArray[Any]]:
        """The outputs for these rows. The first axis of every input and output counts rows.

        Only callers who ask for the same share a run.
        """
        call = _Call(feeds, asked)
        with self._guard:
            self._waiting.append(call)
            call.leads, self._busy = not self._busy, True
        if not call.leads:
            call.woken.wait()
        if call.leads:
            self._lead()
        if call.error is not None:
            raise call.error
        assert call.outputs is not None
        return call.outputs

    def _lead(self) -> None:
        """Run what waits, the caller's own rows among it; then wake the next to lead."""
        with self._guard:
            calls = self._take()
        try:
            _answer(calls, self._run)
        except Exception as error:
            _answer_alone(calls, self._run, error)
        except BaseException as error:  # this process is ending
            for call in calls:
                call.error = error
        with self._guard:
            following = next(iter(self._waiting), None)
            self._busy = following is not None
            if following is not None:
                following.leads = True
        for call in calls[1:]:
            call.woken.set()
        if following is not None:
            following.woken.set()

    def _take(self) -> list[_Call]:
        """The first that waits, and those like it that fit beside it."""
        first = self._waiting.pop(0)
        calls, rows = [first], first.rows
        for call in list(self._waiting):
            if call.kind == first.kind and rows + call.rows <= self._most:
                self._waiting.remove(call)
                calls.append(call)
                rows += call.rows
        return calls


def _answer(calls: list[_Call], run: Run) -> None:
    if len(calls) == 1:
        calls[0].outputs = run(calls[0].feeds, *calls[0].asked)
        return
    joined = {name: np.concatenate([call.feeds[name] for call in calls]) for name in calls[0].feeds}
    outputs = run(joined, *calls[0].asked)
    start = 0
    for call in calls:
        call.outputs = [output[start : start + call.rows] for output in outputs]
        start += call.rows


def _answer_alone(calls: list[_Call], run: Run, error: Exception) -> None:
    """What broke together is tried one by one, so that a caller suffers only for what is its own."""
    for call in calls:
        if len(calls) == 1:
            call.error = error
            continue
        try:
            call.outputs = run(call.feeds, *call.asked)
        except Exception as own:
            call.error = own
