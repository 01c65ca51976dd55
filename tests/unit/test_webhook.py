"""A webhook, told over a real line to a real server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from lookhear.errors import InvalidSettings
from lookhear.outlets.webhook import Webhook, sign
from support.web import Asked, Web, web


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as found:
        yield found


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        threading.Event().wait(0.005)


def signed(asked: Asked, key: bytes) -> bool:
    """As a receiver checks it."""
    content = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode() + asked.body
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return hmac.compare_digest(asked.headers["webhook-signature"], "v1," + base64.b64encode(digest).decode())


def test_the_signature_is_that_of_the_standard() -> None:
    """The example that the standard's own libraries are tested with."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    said = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_event_comes_signed(site: Web) -> None:
    hook = Webhook(site.put("/hook"), "whsec_" + base64.b64encode(b"the key").decode())
    assert hook.tell("job_completed", {"job_id": "1", "note": "ü"})
    assert hook.close() == 0
    (asked,) = site.asked
    told = json.loads(asked.body)
    assert told["type"] == "job_completed" and told["data"] == {"job_id": "1", "note": "ü"}
    assert abs(told["timestamp"] / 1000 - time.time()) < 60
    assert signed(asked, b"the key") and not signed(asked, b"another")
    assert asked.headers["content-type"] == "application/json"


def test_a_plain_secret_signs_and_none_does_not(site: Web) -> None:
    url = site.put("/hook")
    for secret in ("plain", None):
        hook = Webhook(url, secret)
        hook.tell("job_failed", {})
        hook.close()
    first, second = site.asked
    assert signed(first, b"plain") and "webhook-signature" not in second.headers


def test_a_secret_that_is_no_base64_is_refused_at_once() -> None:
    with pytest.raises(InvalidSettings, match="WEBHOOK_SECRET"):
        Webhook("http://127.0.0.1:1", "whsec_?")


def test_it_is_tried_again_with_the_same_id(site: Web) -> None:
    hook = Webhook(site.put("/hook", statuses=[500, 429]), "plain", waits=(0.01, 0.02, 0.03))
    hook.tell("job_completed", {})
    until(lambda: len(site.asked) == 3)
    hook.close()
    assert len({asked.headers["webhook-id"] for asked in site.asked}) == 1 and len(site.asked) == 3
    assert all(signed(asked, b"plain") for asked in site.asked)


def test_a_refusal_is_not_tried_again_and_the_next_event_comes(site: Web, caplog: pytest.LogCaptureFixture) -> None:
    hook = Webhook(site.put("/hook", statuses=[400]), waits=(0.01,))
    hook.tell("one", {})
    hook.tell("two", {})
    assert hook.close() == 0
    assert [json.loads(asked.body)["type"] for asked in site.asked] == ["one", "two"]
    assert "HTTP 400" in caplog.text


def test_nobody_there_costs_the_event_alone(caplog: pytest.LogCaptureFixture) -> None:
    hook = Webhook("http://127.0.0.1:1", waits=(0.01,))
    assert hook.tell("one", {})
    until(lambda: "did not take event" in caplog.text)
    assert hook.close() == 0


@pytest.mark.parametrize("url", ["nonsense", "", "ftp://host", "http://[::1"])
def test_an_address_that_is_none_raises_into_nobody(url: str, caplog: pytest.LogCaptureFixture) -> None:
    hook = Webhook(url, waits=())
    assert hook.tell("one", {})
    assert hook.close() == 0
    assert caplog.records and all(record.levelno == logging.WARNING for record in caplog.records)


def test_what_cannot_be_written_is_told_and_raises_into_nobody(site: Web, caplog: pytest.LogCaptureFixture) -> None:
    hook = Webhook(site.put("/hook"))
    assert not hook.tell("one", {"a": object()}) and not hook.tell("two", {"a": float("nan")})
    hook.close()
    assert site.asked == [] and len(caplog.records) == 2


def test_a_full_queue_holds_up_nobody(site: Web, caplog: pytest.LogCaptureFixture) -> None:
    hook = Webhook(site.put("/hook", holds=0), capacity=3)
    started = time.monotonic()
    assert [hook.tell("event", {"n": n}) for n in range(5)] == [True, True, True, False, False]
    assert time.monotonic() - started < 10 and "3 events wait" in caplog.text
    site.release.set()
    assert hook.close() == 0 and len(site.asked) == 3


def test_close_sends_what_waits_in_order_and_then_takes_nothing(site: Web) -> None:
    hook = Webhook(site.put("/hook"))
    for n in range(50):
        hook.tell("event", {"n": n})
    assert hook.close() == 0
    assert [json.loads(asked.body)["data"]["n"] for asked in site.asked] == list(range(50))
    assert not hook.tell("late", {})


def test_close_does_not_wait_out_the_waits(site: Web) -> None:
    hook = Webhook(site.put("/hook", statuses=[500]), waits=(3600.0,))
    hook.tell("one", {})
    until(lambda: len(site.asked) == 1)
    started = time.monotonic()
    assert hook.close() == 0 and time.monotonic() - started < 60
    assert [asked.status for asked in site.asked] == [500, 200]


def test_close_gives_up_on_a_server_that_hangs(site: Web, caplog: pytest.LogCaptureFixture) -> None:
    hook = Webhook(site.put("/hook", holds=0))
    hook.tell("one", {})
    hook.tell("two", {})
    started = time.monotonic()
    assert hook.close(0.2) == 2 and time.monotonic() - started < 20
    assert "2 events unsent" in caplog.text
