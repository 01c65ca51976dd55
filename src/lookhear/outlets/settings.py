"""Where results also go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class OutletSettings:
    """Each is a setting of the same name, in capitals."""

    qdrant_url: str | None = None  #: a Qdrant server; without it vectors lie in STORAGE_DIR
    qdrant_api_key: str | None = None
    media_store_url: str | None = None
    media_store_stub: bool = False  #: ids name files of the local media folder, or uploads
    media_store_folder: Path | None = None  #: that folder; default: media in STORAGE_DIR
    media_store_file_path: str = "/entity/{id}/file"
    media_store_result_path: str = "/inference/results/{id}"
    media_store_token: str | None = None  #: sent as a bearer token
    media_store_timeout: float = 30.0  #: s to wait for an answer, and for more of it
    webhook_url: str | None = None  #: told of every job that ends
    webhook_secret: str | None = None  #: signs what it is told
    broadcast_type: Literal["none", "sse", "mqtt"] = (
        "sse"  #: mqtt: a broker is told, too; events can be read in any case
    )
    mqtt_broker: str = "localhost"
    mqtt_port: int = 1883
    mqtt_topic: str = "inference/events"  #: jobs have theirs beside it: inference/job/{job_id}/completed
    mqtt_username: str | None = None
    mqtt_password: str | None = None
    mqtt_tls: bool = False
    mqtt_ca_file: Path | None = None  #: PEM; default: what the system trusts
    mqtt_cert_file: Path | None = None  #: PEM of our own certificate
    mqtt_key_file: Path | None = None
    redis_url: str | None = None  #: answers are kept there instead of in the database


@dataclass(frozen=True)
class AmqpSettings:
    """The broker that analyses are asked by and answered to. Each is a setting of the same name, in capitals."""

    amqp_connection_string: str | None = None  #: amqp://user:password@host:5672/vhost; none: no broker
    analyzer_exchange_name: str = "apollonia"  #: where messages come from
    analyzer_queue_name: str = "analyzer_queue"
    analyzer_routing_key: str = "media.#"  #: which of them
    analyzer_prefetch_count: int = 1  #: messages that may be under way from the queue to the store of jobs
    analyzer_result_exchange_name: str = "apollonia-enriched"
    analyzer_dead_letter_exchange_name: str = (
        "analyzer-dead-letters"  #: what could not be analysed, or not be delivered
    )
    analyzer_dead_letter_queue_name: str = "analyzer-dead-letters"
    analyzer_published_queue_name: str = "analyzer-published"  #: ids of the last answers, so that none goes out twice
