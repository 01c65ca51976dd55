"""Things that several threads want done at once are done in one go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

_MOST = 256
_Asked = TypeVar("_Asked")
_Made = TypeVar("_Made")


class Together(Generic[_Asked, _Made]):
    """While one go is on its way, those who come meanwhile gather for the next: a disk that is waited for is shared."""

    def __init__(self, act: Callable[[Sequence[_Asked]], list[_Made]]) -> None:
        self._act = act
        self._gathered: list[tuple[_Asked, Future[_Made]]] = []
        self._guard = threading.Lock()
        self._turn = threading.Lock()

    def do(self, asked: _Asked) -> _Made:
        """What came of it, or what was raised."""
        answer: Future[_Made] = Future()
        with self._guard:
            self._gathered.append((asked, answer))
        with self._turn:
            while not answer.done():
                self._go()
        return answer.result()

    def _go(self) -> None:
        with self._guard:
            group, self._gathered = self._gathered[:_MOST], self._gathered[_MOST:]
        try:
            made = self._act([asked for asked, _ in group])
        except BaseException as error:
            for _, answer in group:
                answer.set_exception(error)
            return
        for (_, answer), one in zip(group, made, strict=True):
            answer.set_result(one)
