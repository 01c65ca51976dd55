"""ES256 keys: read the public one, make a pair, sign tokens."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)

from lookhear.errors import InvalidSettings

ALGORITHM = "ES256"
PRIVATE, PUBLIC = "lookhear-private.pem", "lookhear-public.pem"


def read_public(path: Path) -> EllipticCurvePublicKey:
    """The key that tokens are checked with. Raises InvalidSettings unless it is the public one of a P-256 pair."""
    path = path.expanduser()
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InvalidSettings(f"PUBLIC_KEY_PATH={path} cannot be read: {error.strerror}.") from error
    if b"PRIVATE KEY" in text:
        raise InvalidSettings(f"PUBLIC_KEY_PATH={path} holds a private key. Name its public half; keep this one away.")
    try:
        key = serialization.load_pem_public_key(text)
    except (ValueError, TypeError) as error:
        raise InvalidSettings(f"PUBLIC_KEY_PATH={path} is no public key in PEM. {_HELP}") from error
    except Exception as error:  # cryptography has an error of its own for algorithms it lacks
        raise InvalidSettings(f"PUBLIC_KEY_PATH={path} holds a key of an unknown kind. {_HELP}") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise InvalidSettings(f"PUBLIC_KEY_PATH={path} is no key on the curve P-256, which ES256 takes. {_HELP}")
    return key


def read_private(path: Path) -> EllipticCurvePrivateKey:
    """The key that tokens are signed with. Raises InvalidSettings."""
    try:
        key = serialization.load_pem_private_key(path.expanduser().read_bytes(), None)
    except OSError as error:
        raise InvalidSettings(f"The key {path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError) as error:
        raise InvalidSettings(f"{path} is no private key in PEM without a password. {_HELP}") from error
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise InvalidSettings(f"{path} is no key on the curve P-256, which ES256 takes. {_HELP}")
    return key


def make_pair(folder: Path) -> tuple[Path, Path]:
    """A new private and public key as PEM files there; what is there already is never written over.

    Raises InvalidSettings.
    """
    private, public = folder / PRIVATE, folder / PUBLIC
    for path in (private, public):
        if os.path.lexists(path):
            raise InvalidSettings(f"{path} is there already and stays as it is. Choose another --out, or move it away.")
    key = generate_private_key(SECP256R1())
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(private, key.private_bytes(pem, pkcs8, serialization.NoEncryption()), 0o600)
        _write(public, key.public_key().public_bytes(pem, info), 0o644)
    except OSError as error:
        raise InvalidSettings(f"No keys can be written to {folder}: {error.strerror}. Choose another --out.") from error
    return private, public


def sign(key: EllipticCurvePrivateKey, sub: str, permissions: list[str], admin: bool, hours: float) -> str:
    """A token for ``sub``, good for so many hours from now."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": sub,
        "permissions": permissions,
        "is_admin": admin,
        "iat": now,
        "exp": now + round(hours * 3600),
    }
    return jwt.encode(claims, key, ALGORITHM)


def _write(path: Path, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as file:
        file.write(data)


_HELP = "Make a pair with: lookhear auth keygen"
