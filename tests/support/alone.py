"""Tests run beside others, in processes of their own (``pytest -n 2``); one that must not says ``@pytest.mark.alone``.

Must be alone: what holds wall time, load or the memory of the machine to a bound that a busy neighbour would break (also
where a short time limit of ours decides what happens), what takes all there is of something (inotify, a disk), and what
stops, restarts or fills a server that other tests talk to. It runs while no other process of this checkout runs a test,
after all the others. Everything else must stand neighbours, in any order: ports are 0 or of ``support/ports.py``, databases,
queues and keys have random names, which never are names of tests (those must be the same in every process), files lie in
``tmp_path``, and what is waited for is a condition.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

_GATE, _ROOM = Path(__file__), Path(__file__).parent  # locked as they lie here: nothing to agree on or to clear away


def pytest_configure(config: pytest.Config) -> None:
    """An example that a neighbour holds up is no slow one."""
    if hasattr(config, "workerinput"):
        hypothesis.settings.register_profile("beside others", deadline=2000)  # ms, ten times as long as else
        hypothesis.settings.load_profile("beside others")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Other processes wait while a test is alone: least long if those come last."""
    if hasattr(config, "workerinput"):
        items.sort(key=_alone)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tests share the room; one that must be alone has it to itself."""
    gate, room = os.open(_GATE, os.O_RDONLY), os.open(_ROOM, os.O_RDONLY)
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)  # whoever waits for the room keeps others from entering
        fcntl.flock(room, fcntl.LOCK_EX if _alone(item) else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        return (yield)
    finally:
        fcntl.flock(room, fcntl.LOCK_UN)  # said, since processes that were forked have it open as well
        os.close(room)
        os.close(gate)


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None
