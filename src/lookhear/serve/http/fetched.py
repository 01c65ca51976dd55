"""A medium behind a URL, brought to the spool; only where URLs are allowed, and never from a private address unasked.

Of object stores only what lies below the OBJECT_PREFIXES: the address is the operator's, the keys are not the caller's.
"""

from __future__ import annotations

from contextlib import closing

from lookhear.errors import InputError, LimitExceeded
from lookhear.media.objects import is_object, open_object
from lookhear.media.url import open_url
from lookhear.serve.http.gate import still_wanted
from lookhear.serve.http.parts import Kept, Spool
from lookhear.settings import Settings

_RUN = 1 << 18


def fetched(url: str, spool: Spool, settings: Settings) -> Kept:
    """What lies there, as a file. Runs behind the gate, and stops when nobody waits.

    Raises SourceRefused, Unsupported, MediumNotFound, MediumUnreadable, SourceFailed, LimitExceeded, and InputError for
    what is no URL.
    """
    if "://" not in url:
        raise InputError("The URL must begin with http://, https:// or s3://.")
    size = 0
    opened = open_object if is_object(url) else open_url
    with closing(opened(url, settings)) as body, spool.writing(url.rpartition("/")[2]) as writing:
        while data := body.read(_RUN):
            still_wanted()
            size += len(data)
            if size > settings.max_upload_bytes:
                raise LimitExceeded(
                    f"What lies there is larger than the {settings.max_upload_bytes} bytes allowed. "
                    "Raise MAX_UPLOAD_BYTES if that is meant to be."
                )
            writing.write(data)
        return writing.done()
