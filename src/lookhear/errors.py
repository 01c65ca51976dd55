"""All errors of Lookhear, as one tree.

::

    LookhearError                 something went wrong; the message says what to do
    ├── InputError                the request or the medium is at fault; trying again will not help
    │   ├── MediumNotFound        no such file
    │   ├── NotAMedium            a folder, a device, or bytes that are no image, audio or video
    │   ├── EmptyMedium           no bytes at all, or no sound in it
    │   ├── DamagedMedium         it looks like media, but nothing in it can be decoded
    │   ├── MediumUnreadable      permission denied, or the disk failed
    │   │   └── SourceFailed      what a URL names cannot be fetched
    │   │       └── SourceTimedOut  its server takes too long
    │   │   └── ObjectsUnreachable    the object store does not answer, or is busy
    │   ├── LimitExceeded         over a limit of the settings (bytes, pixels, duration, streams, channels, time)
    │   ├── SourceRefused         a URL where URLs are not allowed
    │   ├── WrongMedium           sound where pictures are asked for, or the like
    │   ├── HashMismatch          the file is not the one that the request means
    │   ├── BadMessage            a message that cannot be read
    │   ├── UnknownTask           no task of that name
    │   ├── InvalidOptions        a task option that does not exist or has a wrong value
    │   ├── InvalidSettings       a setting in the environment or .env has a wrong value
    │   ├── InvalidReport         stored JSON that is not a report
    │   ├── UnknownModel          no model of that name, or none of that version
    │   ├── InvalidModel          a model's file is damaged, of another kind than it should be, or unsafe
    │   ├── InvalidCard           an entry of a model catalogue is wrong
    │   ├── DuplicateJob          the same is asked of the same medium already, and is not done yet
    │   ├── KeyReused             an Idempotency-Key that stands for another request
    │   ├── BadUpload             the body is no multipart/form-data, or breaks off
    │   │   └── SlowUpload        the body came too slowly
    │   ├── PathRefused           a path outside the folders that requests may name
    │   ├── TokenRefused          no token, or none that can be trusted
    │   ├── NotAllowed            the token is good, but lacks the permission
    │   ├── InvalidVector         of another size than its collection, or not made of finite numbers
    │   ├── InvalidId             of a job or a medium: it could not be one
    │   ├── ModelMismatch         a collection of vectors belongs to another model or version
    │   └── UnknownJob            no job of that id
    ├── TaskFailed                one task broke on one medium; the others went on
    ├── ModelUnavailable          its files cannot be fetched now: no network, or no source has them
    │   └── StoreUnwritable       they cannot be kept: full disk, read-only folder
    ├── ServiceBusy               the service cannot take or keep it now; the same again later may do
    │   ├── QueueFull             as many jobs wait as may
    │   ├── StorageUnwritable     the storage folder or the database takes no more: full disk, read-only
    │   ├── DatabaseUnavailable   the database does not answer, or is locked for too long
    │   ├── TooManyRequests       as many requests are worked on as may
    │   └── Starting              the service is not ready yet, or stops
    ├── JobStopped                whoever worked on it shall stop: cancelled, deleted, given to another, or shutting down
    ├── JobTimedOut               a job took longer than it may
    ├── TookTooLong               an answer without a job took longer than it may
    ├── NoPublicKey               tokens are asked for, but there is nothing to check them with
    ├── OutletFailed              what a result should go to, or a medium come from, does not do its part now
    │   ├── VectorsUnavailable    the server that keeps vectors cannot be reached, or fails
    │   │   └── VectorsLocked     another process has the folder of vectors open
    │   ├── VectorsDiffer         what was copied is not what lies there
    │   ├── MediaStoreUnavailable it cannot be reached, or fails
    │   ├── FilesUnwritable       the disk refuses to keep a job's files
    │   └── OutletRefused         it says no, and would say so again
    ├── ServiceUnreachable        no service answers where one should, or it fails
    └── Unsupported               this build cannot do it: an optional part is missing
        ├── ModelMissing          the weights that it takes are not installed
        └── DeviceMissing         a GPU is required, and there is none

Every class carries: ``code`` (stable, for machines), ``http_status``, ``exit_code``, ``retryable``; those whose message
names places of this machine also ``told``: what callers of the service get to read in its place.
"""

from __future__ import annotations

from typing import Any, ClassVar


class LookhearError(Exception):
    """Something went wrong that Lookhear can name."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    told: ClassVar[str] = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InputError(LookhearError):
    """The request or the medium is at fault."""

    code = "input_error"
    http_status = 422
    exit_code = 3


class MediumNotFound(InputError):
    """There is no such file."""

    code = "medium_not_found"
    http_status = 404


class NotAMedium(InputError):
    """Not an image, audio or video."""

    code = "not_a_medium"
    http_status = 415


class EmptyMedium(InputError):
    """No bytes, or no sound in them."""

    code = "empty_medium"


class DamagedMedium(InputError):
    """Looks like media, but nothing in it can be decoded."""

    code = "damaged_medium"


class MediumUnreadable(InputError):
    """The operating system refuses to hand out the bytes."""

    code = "medium_unreadable"
    http_status = 403


class SourceFailed(MediumUnreadable):
    """What a URL names cannot be fetched: no such host, nobody answers, or its server refuses."""

    code = "source_failed"
    http_status = 422


class SourceTimedOut(SourceFailed):
    """The server of a URL takes too long."""

    code = "source_timed_out"
    http_status = 504


class ObjectsUnreachable(MediumUnreadable):
    """The object store does not answer, or breaks off."""

    code = "objects_unreachable"
    http_status = 503
    retryable = True


class LimitExceeded(InputError):
    """Over a limit of the settings."""

    code = "limit_exceeded"
    http_status = 413


class SourceRefused(InputError):
    """This kind of source is not allowed here."""

    code = "source_refused"
    http_status = 403


class WrongMedium(InputError):
    """A medium of another kind than what was asked for is about."""

    code = "wrong_medium"
    http_status = 415


class HashMismatch(InputError):
    """The bytes are not those whose hash the request tells."""

    code = "hash_mismatch"
    http_status = 400


class BadMessage(InputError):
    """A message that cannot be read, and never will."""

    code = "bad_message"


class UnknownTask(InputError):
    """No task of that name."""

    code = "unknown_task"
    exit_code = 2


class InvalidOptions(InputError):
    """A task option that does not exist, or a value it cannot have."""

    code = "invalid_options"
    exit_code = 2


class InvalidSettings(InputError):
    """A setting has a value it cannot have."""

    code = "invalid_settings"
    exit_code = 2


class InvalidReport(InputError):
    """The JSON is not a report."""

    code = "invalid_report"


class UnknownModel(InputError):
    """No model of that name or version."""

    code = "unknown_model"
    exit_code = 2


class InvalidModel(InputError):
    """A model's file is damaged, is not what its card says, or is unsafe to read."""

    code = "invalid_model"


class InvalidCard(InputError):
    """An entry of a model catalogue is wrong."""

    code = "invalid_card"
    exit_code = 2


class DuplicateJob(InputError):
    """A job for the same waits or runs; it is ``job``."""

    code = "duplicate_job"
    http_status = 409

    def __init__(self, message: str, job: Any = None) -> None:
        super().__init__(message)
        self.job = job


class KeyReused(InputError):
    """An idempotency key comes with another request than the one that it stands for, which made ``job``."""

    code = "key_reused"

    def __init__(self, message: str, job: Any = None) -> None:
        super().__init__(message)
        self.job = job


class BadUpload(InputError):
    """The body cannot be read as multipart/form-data."""

    code = "bad_upload"
    http_status = 400


class SlowUpload(BadUpload):
    """The body came too slowly."""

    code = "slow_upload"
    http_status = 408


class PathRefused(InputError):
    """The path leads out of the folders that requests may name."""

    code = "path_refused"
    http_status = 403


class TokenRefused(InputError):
    """There is no token, or none that can be trusted. ``reason``: as RFC 6750 names it, None where there is no token."""

    code = "token_refused"
    http_status = 401

    def __init__(self, message: str, reason: str | None = "invalid_token") -> None:
        super().__init__(message)
        self.reason = reason


class NotAllowed(InputError):
    """The token does not permit it; ``permission`` would."""

    code = "not_allowed"
    http_status = 403

    def __init__(self, message: str, permission: str = "") -> None:
        super().__init__(message)
        self.permission = permission


class InvalidVector(InputError):
    """A vector that its collection cannot hold."""

    code = "invalid_vector"


class InvalidId(InputError):
    """No job or medium can have such an id."""

    code = "invalid_id"


class ModelMismatch(InputError):
    """A collection of vectors belongs to another model or version."""

    code = "model_mismatch"
    http_status = 409


class UnknownJob(InputError):
    """No job of that id."""

    code = "unknown_job"
    http_status = 404


class TaskFailed(LookhearError):
    """One task broke on one medium."""

    code = "task_failed"


class ModelUnavailable(LookhearError):
    """A model's files cannot be fetched at the moment."""

    code = "model_unavailable"
    http_status = 503
    exit_code = 4
    retryable = True


class StoreUnwritable(ModelUnavailable):
    """The disk refuses to keep a model's files."""

    code = "store_unwritable"
    retryable = False


class ServiceBusy(LookhearError):
    """Not now: the same again after ``retry_after`` seconds may do."""

    code = "service_busy"
    http_status = 503
    exit_code = 4
    retryable = True
    retry_after: ClassVar[int] = 5


class QueueFull(ServiceBusy):
    """As many jobs wait as may."""

    code = "queue_full"


class StorageUnwritable(ServiceBusy):
    """The disk refuses to keep a job, an upload or a result."""

    code = "storage_unwritable"
    told = "The disk of the service is full, or cannot be written to. Send it again later; the log of the service says more."
    retry_after = 30


class DatabaseUnavailable(ServiceBusy):
    """The database of jobs does not answer."""

    code = "database_unavailable"
    told = (
        "The database of the service does not answer now. Send it again in a moment; the log of the service says more."
    )


class TooManyRequests(ServiceBusy):
    """As many requests are worked on as may."""

    code = "too_many_requests"
    retry_after = 1


class Starting(ServiceBusy):
    """The service is not ready yet, or stops."""

    code = "starting"
    retry_after = 1


class JobStopped(LookhearError):
    """The job in hand is no longer this worker's to do."""

    code = "job_stopped"
    retryable = True


class JobTimedOut(LookhearError):
    """A job took longer than JOB_TIMEOUT."""

    code = "job_timed_out"


class TookTooLong(LookhearError):
    """An answer without a job took longer than REQUEST_TIMEOUT."""

    code = "took_too_long"
    http_status = 504


class NoPublicKey(LookhearError):
    """Tokens are asked for, but there is nothing to check them with."""

    code = "no_public_key"
    http_status = 503
    exit_code = 2


class OutletFailed(LookhearError):
    """What a result should go to, or a medium come from, does not do its part."""

    code = "outlet_failed"
    http_status = 503
    exit_code = 4
    retryable = True


class VectorsUnavailable(OutletFailed):
    """The server that keeps vectors cannot be reached, or fails."""

    code = "vectors_unavailable"
    told = "The vectors cannot be used now. Send it again in a moment; the log of the service says more."


class VectorsLocked(VectorsUnavailable):
    """Only one process can have a folder of vectors open."""

    code = "vectors_locked"


class VectorsDiffer(OutletFailed):
    """Vectors that were copied are not what they were."""

    code = "vectors_differ"
    http_status = 500


class MediaStoreUnavailable(OutletFailed):
    """The media store cannot be reached, or fails."""

    code = "media_store_unavailable"


class FilesUnwritable(OutletFailed):
    """The disk refuses to keep a job's files."""

    code = "files_unwritable"
    told = StorageUnwritable.told
    http_status = 507


class OutletRefused(OutletFailed):
    """An outlet says no, and would say so again."""

    code = "outlet_refused"
    http_status = 502
    retryable = False


class ServiceUnreachable(LookhearError):
    """No service answers at that address, or it fails."""

    code = "service_unreachable"
    http_status = 503
    exit_code = 4
    retryable = True


class Unsupported(LookhearError):
    """An optional part is missing from this installation."""

    code = "unsupported"
    http_status = 501
    exit_code = 4


class ModelMissing(Unsupported):
    """The weights that a task needs are not there; nothing is downloaded unasked."""

    code = "model_missing"
    http_status = 503


class DeviceMissing(Unsupported):
    """REQUIRE_GPU is set, and no GPU can be used."""

    code = "device_missing"
    http_status = 503


def of_code(code: str, message: str) -> LookhearError:
    """The error that a report tells of by its ``code``."""
    kinds = [LookhearError]
    for kind in kinds:
        if kind.code == code:
            return kind(message)
        kinds += kind.__subclasses__()
    return LookhearError(message)
