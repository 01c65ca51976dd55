"""Answers kept in Redis, for all servers that share it; it takes the extra ``redis``.

Nothing depends on it. Whoever finds it gone, hanging or full does not ask again: a thread of its own does, until it is
well. A value that cannot be read counts as missing, and keys name the version, so that none reads what another wrote.
"""

from __future__ import annotations

import logging
import threading
import time
import zlib
from typing import Any

from lookhear.errors import InvalidSettings, Unsupported
from lookhear.version import __version__

try:
    from redis import ConnectionPool, Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import ResponseError
    from redis.retry import Retry
except ImportError as error:
    raise Unsupported("REDIS_URL takes an optional part: pip install 'lookhear[redis]'.") from error

FORM = 1  #: of values; raise it when a report's JSON changes its shape
PREFIX = f"lookhear:answer:{__version__}:{FORM}:"
TIMEOUT = 0.3  #: s for a connection, and for more of an answer
LARGEST = 4 << 20  #: bytes of a value; what is larger is made anew
_LARGEST_TEXT = 256 << 20  # bytes of what a value may be unpacked to
_PAUSE = 2.0  # s between looks at one that is gone
_FULL = 10.0  # s before one that takes no more is given something again
_LEVEL = 1  # of compression: reports shrink to a fifth at once
_NONE = (
    "REDIS_URL is no URL of a Redis. Give redis://:password@host:6379/0, and in a password write / as %2F, # as %23, "
    "? as %3F and @ as %40."
)
_LOG = logging.getLogger(__name__)


class Cache:
    """Any thread may call it. Nothing is raised, and while it is ``down`` nothing is waited for."""

    def __init__(self, url: str, ttl: float, *, pause: float = _PAUSE, full_pause: float = _FULL) -> None:
        self._ttl, self._pause, self._full_pause = max(1, round(ttl * 1000)), pause, full_pause
        try:
            pool = ConnectionPool.from_url(
                url,
                protocol=2,
                socket_timeout=TIMEOUT,
                socket_connect_timeout=TIMEOUT,
                retry=Retry(NoBackoff(), 0),
                health_check_interval=0,
            )
        except (ValueError, TypeError):  # which may tell a part of the password
            raise InvalidSettings(_NONE) from None
        self.where = _named(pool.connection_kwargs)
        self._redis = Redis(connection_pool=pool)
        self._guard = threading.Lock()
        self._down = self._full = False
        self._full_until = 0.0
        self._closing = threading.Event()

    @property
    def state(self) -> str:
        """connected, full (what it has can be read), or down."""
        return "down" if self._down else "full" if self._full else "connected"

    def kept(self, key: str) -> str | None:
        """What ``keep`` was given for it within the time; None also where that cannot be known."""
        if self._down:
            return None
        try:
            found = self._redis.get(PREFIX + key)
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                self._lost(error)
            return None
        except Exception as error:  # also what comes of an answer that is none of Redis's
            self._lost(error)
            return None
        return _unpacked(found) if isinstance(found, bytes) else None

    def keep(self, key: str, json: str) -> None:
        """That is the answer of ``key`` from now on, if it can be kept."""
        if self._down or time.monotonic() < self._full_until:
            return
        value = zlib.compress(json.encode(), _LEVEL)
        if len(value) > LARGEST:
            return
        try:
            self._redis.set(PREFIX + key, value, px=self._ttl)
        except ResponseError as error:  # out of memory, read-only, or a disk that it cannot write to
            self._takes_no_more(error)
        except Exception as error:
            self._lost(error)
        else:
            self._takes_again()

    def look(self) -> None:
        """Whether it is there is known, and in the log."""
        self.kept("")
        if not self._down:
            _LOG.info("Answers are kept in Redis at %s.", self.where)

    def close(self) -> None:
        """Nothing is asked any more."""
        self._closing.set()
        self._down = True
        self._redis.close()

    def _lost(self, error: Exception) -> None:
        with self._guard:
            if self._down or self._closing.is_set():
                return
            self._down = True
        _LOG.warning("Redis at %s fails: %s. Answers are not kept until it is back.", self.where, error)
        threading.Thread(target=self._look, name="lookhear-redis", daemon=True).start()

    def _look(self) -> None:
        """Until it answers again."""
        while not self._closing.wait(self._pause):
            try:
                self._redis.get(PREFIX)
            except Exception as error:
                _LOG.debug("Redis at %s still fails: %s", self.where, error)
            else:
                break
        else:
            return
        self._down = False
        _LOG.info("Redis at %s is back. Answers are kept again.", self.where)

    def _takes_no_more(self, error: Exception) -> None:
        with self._guard:
            self._full_until = time.monotonic() + self._full_pause
            first, self._full = not self._full, True
        if first:
            _LOG.warning("Redis at %s takes no more answers: %s. Those it has are still read.", self.where, error)

    def _takes_again(self) -> None:
        if not self._full:
            return
        with self._guard:
            first, self._full = self._full, False
        if first:
            _LOG.info("Redis at %s takes answers again.", self.where)


def _unpacked(value: bytes) -> str | None:
    """None: it is not what ``keep`` wrote."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(value, _LARGEST_TEXT)
        return text.decode() if unpacking.eof else None
    except (zlib.error, UnicodeDecodeError):
        return None


def _named(how: dict[str, Any]) -> str:
    """Without its password."""
    place = how.get("path") or f"{how.get('host', 'localhost')}:{how.get('port', 6379)}"
    return f"{place}/{how.get('db') or 0}"
