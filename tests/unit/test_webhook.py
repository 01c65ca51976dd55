"""A webhook, told over a real line to a real server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import pytest

from lookhear.errors import InvalidSettings, OutletFailed, OutletRefused
from lookhear.outlets.webhook import Webhook, sign
from support.web import Asked, Web, web


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as found:
        yield found


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
    hook.send("job_completed", {"job_id": "1", "note": "ü"})
    hook.close()
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
        hook.send("job_failed", {})
        hook.close()
    first, second = site.asked
    assert signed(first, b"plain") and "webhook-signature" not in second.headers


def test_a_secret_that_is_no_base64_is_refused_at_once() -> None:
    with pytest.raises(InvalidSettings, match="WEBHOOK_SECRET"):
        Webhook("http://127.0.0.1:1", "whsec_?")


def test_told_again_it_has_the_same_id(site: Web) -> None:
    hook = Webhook(site.put("/hook", statuses=[500]), "plain")
    with pytest.raises(OutletFailed, match="HTTP 500"):
        hook.send("job_completed", {}, "7")
    hook.send("job_completed", {}, "7")
    hook.close()
    assert [asked.headers["webhook-id"] for asked in site.asked] == ["msg_7", "msg_7"]
    assert all(signed(asked, b"plain") for asked in site.asked)


@pytest.mark.parametrize(("status", "final"), [(400, True), (422, True), (429, False), (403, False), (503, False)])
def test_what_would_be_refused_again_is_told_from_what_may_go_well(site: Web, status: int, final: bool) -> None:
    hook = Webhook(site.put("/hook", status=status))
    with pytest.raises(OutletFailed) as raised:
        hook.send("one", {})
    hook.close()
    assert isinstance(raised.value, OutletRefused) is final


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "", "ftp://host", "http://[::1"])
def test_an_address_where_nobody_is_may_do_later(url: str) -> None:
    hook = Webhook(url)
    with pytest.raises(OutletFailed, match="WEBHOOK_URL") as raised:
        hook.send("one", {})
    assert not isinstance(raised.value, OutletRefused)
    hook.close()


@pytest.mark.parametrize("value", [object(), float("nan")])
def test_what_cannot_be_written_is_refused(site: Web, value: object) -> None:
    hook = Webhook(site.put("/hook"))
    with pytest.raises(OutletRefused):
        hook.send("one", {"a": value})
    hook.close()
    assert site.asked == []


def test_once_closed_it_tells_nothing(site: Web) -> None:
    hook = Webhook(site.put("/hook"))
    hook.close()
    with pytest.raises(OutletFailed):
        hook.send("late", {})
