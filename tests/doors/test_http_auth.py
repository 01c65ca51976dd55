"""Tokens: what opens a door, and everything that must not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import APIRouter, Depends, FastAPI

from lookhear.errors import InvalidSettings
from lookhear.serve.http.app import create_app
from lookhear.serve.http.auth import INFERENCE, Claims, Guard, needs, needs_admin
from lookhear.serve.http.keys import make_pair, read_private, sign
from lookhear.settings import Settings
from support.service import Service, served


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_pair(tmp_path_factory.mktemp("keys"))


def doors(app: FastAPI) -> None:
    """Doors that ask for tokens."""
    router = APIRouter()

    @router.post("/x/job")
    async def job(claims: Annotated[Claims, Depends(needs(INFERENCE))]) -> str:
        return claims.sub

    @router.get("/x/admin", dependencies=[Depends(needs_admin)])
    async def admin() -> str:
        return "admin"

    @router.get("/open")
    async def open_door() -> str:
        return "open"

    app.include_router(router)


def app_with(tmp_path: Path, **settings: Any) -> FastAPI:
    """An app with those settings."""
    app = create_app(Service(Settings(storage_dir=tmp_path, **settings)))
    doors(app)
    return app


@pytest.fixture(scope="module")
def client(pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with served(app_with(tmp_path_factory.mktemp("storage"), public_key_path=pair[1])) as found:
        yield found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def token(pair: tuple[Path, Path], **claims: Any) -> str:
    """A good token, but for ``claims``; what is None there is left out."""
    content = {"sub": "a", "permissions": [INFERENCE], "exp": int(time.time()) + 60, **claims}
    return jwt.encode({k: v for k, v in content.items() if v is not None}, read_private(pair[0]), "ES256")


def test_a_permission_opens_one_door_and_an_administrator_all(client: httpx.Client, pair: tuple[Path, Path]) -> None:
    key = read_private(pair[0])
    inference, admin = sign(key, "app", [INFERENCE], False, 1), sign(key, "boss", [], True, 1)
    nothing = sign(key, "nobody", ["other"], False, 1)
    assert client.post("/x/job", headers=bearer(inference)).json() == "app"
    assert client.post("/x/job", headers=bearer(admin)).json() == "boss"
    assert client.get("/x/admin", headers=bearer(admin)).status_code == 200
    assert client.get("/open").status_code == 200
    for answer in (client.post("/x/job", headers=bearer(nothing)), client.get("/x/admin", headers=bearer(inference))):
        assert answer.status_code == 403 and answer.json()["code"] == "not_allowed"
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert client.post("/x/job", headers={"Authorization": f"bearer  {inference}"}).status_code == 200


def test_no_token_is_401_without_an_error(client: httpx.Client) -> None:
    answer = client.post("/x/job")
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == 'Bearer realm="lookhear"'
    assert answer.json()["detail"].startswith("This takes a token.")


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def hmac_token(pair: tuple[Path, Path], kind: str = "HS256") -> str:
    """Signed with the public key as if it were a shared secret."""
    signed = f"{part({'alg': kind, 'typ': 'JWT'})}.{part({'sub': 'a', 'is_admin': True, 'exp': 9999999999})}"
    mac = hmac.new(pair[1].read_bytes(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def unsigned(alg: str) -> str:
    return f"{part({'alg': alg})}.{part({'sub': 'a', 'is_admin': True, 'exp': 9999999999})}."


def stranger(pair: tuple[Path, Path], curve: Any = None, kind: str = "ES256", **headers: Any) -> str:
    """A good token of another key."""
    claims = {"sub": "a", "is_admin": True, "exp": int(time.time()) + 60}
    return jwt.encode(claims, ec.generate_private_key(curve or ec.SECP256R1()), kind, headers=headers)


def with_changed_claims(pair: tuple[Path, Path]) -> str:
    head, _, signature = token(pair).split(".")
    return f"{head}.{part({'sub': 'a', 'is_admin': True, 'exp': 9999999999})}.{signature}"


def zero_signature(pair: tuple[Path, Path]) -> str:
    head, claims, _ = token(pair).split(".")
    return f"{head}.{claims}.{base64.urlsafe_b64encode(bytes(64)).rstrip(b'=').decode()}"


ATTACKS = {
    "none": lambda pair: unsigned("none"),
    "None": lambda pair: unsigned("None"),
    "ES256 without a signature": lambda pair: unsigned("ES256"),
    "HS256 with the public key": hmac_token,
    "another key": stranger,
    "another key in the header": lambda pair: stranger(pair, jwk={"kty": "EC"}, jku="http://evil.example/k"),
    "a key id that is a path": lambda pair: stranger(pair, kid="../../dev/null"),
    "ES384": lambda pair: stranger(pair, ec.SECP384R1(), "ES384"),
    "changed claims": with_changed_claims,
    "a signature of zeros": zero_signature,
    "expired": lambda pair: token(pair, exp=int(time.time()) - 60),
    "not yet good": lambda pair: token(pair, nbf=int(time.time()) + 60),
    "no exp": lambda pair: token(pair, exp=None),
    "no sub": lambda pair: token(pair, sub=None),
    "exp that is text": lambda pair: token(pair, exp="9999999999"),
    "exp that is true": lambda pair: token(pair, exp=True),
    "exp that is a list": lambda pair: token(pair, exp=[9999999999]),
    "exp that is infinite": lambda pair: token(pair, exp=float("inf")),
    "exp that is no number": lambda pair: token(pair, exp=float("nan")),
    "exp that is huge": lambda pair: token(pair, exp=10**400),
    "sub that is a number": lambda pair: token(pair, sub=1),
    "empty sub": lambda pair: token(pair, sub=""),
    "permissions that are text": lambda pair: token(pair, permissions=INFERENCE),
    "permissions that are an object": lambda pair: token(pair, permissions={INFERENCE: True}),
    "permissions of lists": lambda pair: token(pair, permissions=[[INFERENCE]]),
    "is_admin that is text": lambda pair: token(pair, is_admin="false"),
    "is_admin that is a number": lambda pair: token(pair, is_admin=1),
    "huge": lambda pair: token(pair, more="x" * 9000),
    "crit": lambda pair: jwt.encode(
        {"sub": "a", "is_admin": True, "exp": 9999999999}, read_private(pair[0]), "ES256", headers={"crit": ["x"]}
    ),
    "deep": lambda pair: "e" + "." * 3 + base64.b64encode(b"[" * 3000).decode(),
    "no token at all": lambda pair: "abc",
    "only dots": lambda pair: "..",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_token_that_cannot_be_trusted_opens_nothing(
    client: httpx.Client, pair: tuple[Path, Path], attack: Any
) -> None:
    assert client.post("/x/job", headers=bearer(token(pair))).status_code == 200
    answer = client.post("/x/job", headers=bearer(attack(pair)))
    assert answer.status_code == 401, answer.text
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert answer.json()["code"] == "token_refused" and answer.json()["detail"].endswith(".")


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Token x", "Bearer\tx", ""])
def test_another_scheme_is_refused(client: httpx.Client, header: str) -> None:
    assert client.post("/x/job", headers={"Authorization": header}).status_code == 401


def test_several_headers_are_refused(client: httpx.Client, pair: tuple[Path, Path]) -> None:
    good = f"Bearer {token(pair)}"
    answer = client.post("/x/job", headers=[("Authorization", good), ("Authorization", good)])
    assert answer.status_code == 401 and 'error="invalid_request"' in answer.headers["www-authenticate"]


def test_with_scope_all_only_health_is_open(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    with served(app_with(tmp_path, public_key_path=pair[1], auth_scope="all")) as client:
        for path in ("/", "/open", "/metrics", "/docs", "/openapi.json", "/nowhere", "/health/x", "//health"):
            answer = client.get(path)
            assert answer.status_code == 401 and answer.headers["x-request-id"], path
        for path in ("/health", "/health/live", "/health/ready"):
            assert client.get(path).status_code in (200, 503)
        assert client.get("/open", headers=bearer(token(pair))).status_code == 200
        assert client.get("/open", headers={"Origin": "http://a.b"}).headers["access-control-allow-origin"] == "*"
        preflight = {"Origin": "http://a.b", "Access-Control-Request-Method": "GET"}
        assert client.options("/open", headers=preflight).status_code == 200


def test_with_scope_all_the_page_is_there_to_ask_for_the_token(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    with served(app_with(tmp_path, public_key_path=pair[1], auth_scope="all")) as client:
        assert client.get("/", headers={"Accept": "text/html"}).headers["location"] == "/ui/"
        assert client.get("/ui/").status_code == client.get("/ui/page.js").status_code == 200
        assert client.get("/ui/../open").status_code == client.get("/uix").status_code == 401
        assert client.get("/open", headers={"Accept": "text/html"}).status_code == 401


def test_without_a_key_nothing_that_asks_for_a_token_opens(tmp_path: Path) -> None:
    with served(app_with(tmp_path)) as client:
        answer = client.post("/x/job", headers=bearer("x.y.z"))
        assert answer.status_code == 503 and "lookhear auth keygen" in answer.json()["detail"]
        assert "retry-after" not in answer.headers and client.get("/open").status_code == 200


def test_with_auth_disabled_no_header_is_needed(tmp_path: Path) -> None:
    with served(app_with(tmp_path, auth_disabled=True, auth_scope="all", public_key_path=tmp_path / "none")) as client:
        assert client.post("/x/job").json() == "anyone" and client.get("/x/admin").status_code == 200


def test_the_schema_says_which_doors_take_a_token(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    assert schema["paths"]["/x/job"]["post"]["security"] == [{"token": []}]
    assert "security" not in schema["paths"]["/open"]["get"]


def pem(key: Any) -> bytes:
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    found: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, info)
    return found


WRONG_KEYS = {
    "another curve": (lambda pair: pem(ec.generate_private_key(ec.SECP384R1())), "no key on the curve P-256"),
    "RSA": (lambda pair: pem(rsa.generate_private_key(65537, 2048)), "no key on the curve P-256"),
    "a private key": (lambda pair: pair[0].read_bytes(), "holds a private key"),
    "text": (lambda pair: b"hello", "no public key in PEM"),
    "nothing": (lambda pair: b"", "no public key in PEM"),
}


@pytest.mark.parametrize("wrong", WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_a_wrong_key_is_refused_at_the_start(tmp_path: Path, pair: tuple[Path, Path], wrong: Any) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(wrong[0](pair))
    with pytest.raises(InvalidSettings, match=wrong[1]):
        Guard(Settings(public_key_path=path))
    with pytest.raises(InvalidSettings, match="cannot be read: No such file"):
        Guard(Settings(public_key_path=tmp_path / "none.pem"))
