"""Who may: Bearer tokens signed with ES256, and nothing else.

Claims: ``sub``, ``permissions`` (strings), ``is_admin``, ``exp`` (required). A door asks with ``needs`` or ``needs_admin``;
AUTH_SCOPE=all asks at every door but health, and but the page, which asks a person for the token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from lookhear.errors import NoPublicKey, NotAllowed, TokenRefused
from lookhear.serve.http.parts import guard
from lookhear.serve.http.problems import known
from lookhear.serve.http.running import HEALTH
from lookhear.serve.page import PREFIX as PAGE
from lookhear.settings import ServeSettings

INFERENCE = "ai_inference_support"
_LONGEST = 8192  # characters of a token
_LATEST = 1e12  # epoch s; no number that is none, nor infinity, lies below
_LEEWAY = 5.0  # s that clocks may differ


@dataclass(frozen=True)
class Claims:
    """What a good token says."""

    sub: str
    permissions: frozenset[str] = frozenset()
    is_admin: bool = False

    def permit(self, permission: str) -> bool:
        """An administrator may everything."""
        return self.is_admin or permission in self.permissions


ANYONE = Claims("anyone", is_admin=True)  # with AUTH_DISABLED


class Guard:
    """Checks tokens. Raises InvalidSettings for a key that is none."""

    def __init__(self, settings: ServeSettings) -> None:
        self.disabled = settings.auth_disabled
        self.everywhere = settings.auth_scope == "all" and not self.disabled
        path = None if self.disabled else settings.public_key_path
        self._key = None if path is None else _read(path)

    @property
    def has_key(self) -> bool:
        """Can any token be checked?"""
        return self._key is not None

    def check(self, authorization: list[str]) -> Claims:
        """Who asks, by the Authorization headers. Raises TokenRefused, NoPublicKey."""
        if self.disabled:
            return ANYONE
        if self._key is None:
            raise NoPublicKey(
                "This asks for a token, but there is no key to check it with. Make one with 'lookhear auth keygen' and "
                "set PUBLIC_KEY_PATH to the public half, or set AUTH_DISABLED=true."
            )
        token = _token(authorization)
        import jwt

        from lookhear.serve.http.keys import ALGORITHM

        try:
            options: Any = {"require": ["exp", "sub"], "verify_aud": False, "verify_iss": False, "verify_iat": False}
            content = jwt.decode(token, self._key, algorithms=[ALGORITHM], options=options, leeway=_LEEWAY)
        except jwt.ExpiredSignatureError as error:
            raise TokenRefused("The token has expired. Get a new one.") from error
        except jwt.MissingRequiredClaimError as error:
            raise TokenRefused(f"The token lacks the claim '{error.claim}'.") from error
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError, LookupError) as error:
            raise TokenRefused(
                "The token is not valid: it must be signed with ES256 by the key of this service."
            ) from error
        return _claims(content)


def _read(path: Path) -> Any:
    """Who has a key waits for what reads it; the others start without."""
    from lookhear.serve.http.keys import read_public

    return read_public(path)


def _token(authorization: list[str]) -> str:
    if not authorization:
        raise TokenRefused("This takes a token. Send it as 'Authorization: Bearer …'.", None)
    if len(authorization) > 1:
        raise TokenRefused("There are several Authorization headers. Send one.", "invalid_request")
    scheme, _, token = authorization[0].partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise TokenRefused("This takes a token. Send it as 'Authorization: Bearer …'.", "invalid_request")
    if len(token) > _LONGEST:
        raise TokenRefused(f"The token is longer than {_LONGEST} characters.")
    return token


def _claims(content: dict[str, Any]) -> Claims:
    """Types are checked as they stand: no text is taken for a number, no number for a truth."""
    sub, exp = content["sub"], content["exp"]
    permissions, is_admin = content.get("permissions", []), content.get("is_admin", False)
    if not isinstance(sub, str) or not sub:
        raise TokenRefused("The claim 'sub' of the token must be a text.")
    if isinstance(exp, bool) or not isinstance(exp, (int, float)) or not 0 < exp < _LATEST:
        raise TokenRefused("The claim 'exp' of the token must be a number of seconds.")
    if not isinstance(permissions, list) or not all(isinstance(one, str) for one in permissions):
        raise TokenRefused("The claim 'permissions' of the token must be a list of texts.")
    if not isinstance(is_admin, bool):
        raise TokenRefused("The claim 'is_admin' of the token must be true or false.")
    return Claims(sub, frozenset(permissions), is_admin)


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="token", description="A JWT signed with ES256.")
_Shown = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]  # for the schema; what counts is the header


def needs(permission: str) -> Callable[..., Awaitable[Claims]]:
    """A dependency: the claims of a token with this permission, or of an administrator."""

    async def asked(request: Request, _: _Shown) -> Claims:
        claims = guard(request).check(request.headers.getlist("authorization"))
        if not claims.permit(permission):
            raise NotAllowed(
                f"The token does not permit this: it takes '{permission}' among its permissions.", permission
            )
        return claims

    return asked


def caller(request: Request) -> str:
    """Who asks where a token is asked for everywhere, else nobody in particular. Raises as ``Guard.check`` does."""
    found = guard(request)
    return found.check(request.headers.getlist("authorization")).sub if found.everywhere else ANYONE.sub


async def needs_admin(request: Request, _: _Shown) -> Claims:
    """A dependency: the claims of an administrator's token."""
    claims = guard(request).check(request.headers.getlist("authorization"))
    if not claims.is_admin:
        raise NotAllowed("The token does not permit this: it takes one of an administrator (is_admin).")
    return claims


def _open(scope: Scope) -> bool:
    path: str = scope["path"]
    to_page = path == "/" and "text/html" in Headers(scope=scope).get("accept", "")  # a browser is sent on
    return to_page or path in HEALTH or path == PAGE or path.startswith(f"{PAGE}/")


class Gatekeeper:
    """With AUTH_SCOPE=all no door but health opens without a token; the page itself tells nothing."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self.app, self.guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.guard.everywhere and not _open(scope):
            try:
                self.guard.check(Headers(scope=scope).getlist("authorization"))
            except (TokenRefused, NoPublicKey) as error:
                return await known(scope, error)(scope, receive, send)
        await self.app(scope, receive, send)
