"""HTTP(S) sources, fetched without ever connecting to an address that is not allowed.

The address is checked after it is resolved and the connection goes to that very address, so neither a redirect nor a
name that changes its mind between check and connection leads inside.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import urllib.error
import urllib.request
from typing import Any

from lookhear.errors import MediumNotFound, SourceFailed, SourceRefused, SourceTimedOut
from lookhear.media.limits import Limits

_CARRIERS = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96")))  #: NAT64, and what came before it


def open_url(url: str, limits: Limits) -> _Body:
    """The body of ``url`` as a stream.

    Raises SourceRefused (not allowed, not http, private address), MediumNotFound (404, 410), SourceTimedOut, and
    SourceFailed for the rest.
    """
    scheme = url.split("://", 1)[0].lower()
    if not limits.allow_urls:
        raise SourceRefused("URLs are switched off. Set ALLOW_URLS=true to let Lookhear fetch them.")
    if scheme not in {"http", "https"}:
        raise SourceRefused(f"'{scheme}:' is not a kind of URL Lookhear fetches. Use http, https or s3, or pipe it in.")
    request = urllib.request.Request(url, headers={"User-Agent": "lookhear"})
    try:
        return _Body(_opener(limits).open(request, timeout=limits.media_open_seconds))
    except urllib.error.HTTPError as error:
        kind = MediumNotFound if error.code in {404, 410} else SourceFailed
        raise kind(f"The server answered {error.code} {error.reason}. Check the address.") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, SourceRefused):
            raise error.reason from error
        raise _failed(error.reason) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(error) from error


def _failed(reason: BaseException | str) -> SourceFailed:
    kind = SourceTimedOut if isinstance(reason, TimeoutError) else SourceFailed
    return kind(f"It could not be fetched: {reason}. Check the address and the network.")


class _Body:
    """What the server sends; an end before the promised length is no end."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def read(self, size: int = -1) -> bytes:
        """What is there now, up to ``size``. Raises SourceTimedOut, and SourceFailed when it broke off."""
        try:
            data: bytes = self._response.read1(size)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _failed(error) from error
        if not data and size and self._response.length:
            raise SourceFailed("The connection broke off before all of it had arrived. Try again.")
        return data

    def close(self) -> None:
        """Hang up."""
        self._response.close()


def _opener(limits: Limits) -> urllib.request.OpenerDirector:
    def connect(address: tuple[str, int], timeout: Any = None, source_address: Any = None) -> socket.socket:
        return _connect(address, timeout, limits)

    class Http(http.client.HTTPConnection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._create_connection = connect

    class Https(http.client.HTTPSConnection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._create_connection = connect

    class HttpHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Http, req)

    class HttpsHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Https, req)

    # no environment proxies, no file:, no ftp:
    opener = urllib.request.OpenerDirector()
    for handler in (
        HttpHandler(),
        HttpsHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _connect(address: tuple[str, int], timeout: float | None, limits: Limits) -> socket.socket:
    host, port = address
    last: OSError | None = None
    for family, kind, protocol, _, target in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if not limits.allow_private_urls and not _public(str(target[0])):
            raise SourceRefused(
                f"'{host}' leads to a private address. Set ALLOW_PRIVATE_URLS=true if that is meant to be allowed."
            )
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout)
            connection.connect(target)
            return connection
        except OSError as error:
            connection.close()
            last = error
    raise last or OSError(f"'{host}' has no address")


def _public(address: str) -> bool:
    """Whether it lies outside, also by the IPv4 address that a gateway would take out of it."""
    found = ipaddress.ip_address(address.split("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        within = [ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)] if any(found in net for net in _CARRIERS) else []
        within += [found.sixtofour] if found.sixtofour else []
        return found.is_global and not found.is_multicast and all(one.is_global for one in within)
    return found.is_global and not found.is_multicast
