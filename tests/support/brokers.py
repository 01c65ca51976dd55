"""A real RabbitMQ: the one that answers here, or a private one that can be killed and started again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.brokers import Broker, answers, installed, private_broker
from support.ports import free_port
from support.services import missing

_HERE = "amqp://guest:guest@127.0.0.1:5672/"


@pytest.fixture(scope="session")
def own_broker() -> Iterator[Broker]:
    """A private one for all tests that stop it; each starts it again."""
    if installed() is None:
        missing("no RabbitMQ is installed")
    with private_broker(free_port) as broker:
        yield broker


@pytest.fixture(scope="session")
def broker_url(request: pytest.FixtureRequest) -> str:
    """Of a broker that stays."""
    if answers(_HERE):
        return _HERE
    url: str = request.getfixturevalue("own_broker").url
    return url
