"""Which outlets the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookhear.wiring.telling import Outlet

if TYPE_CHECKING:
    from lookhear.wiring.service import Service


def outlets(service: Service) -> list[Outlet]:
    """All that are told of jobs that end. Their code is imported where they are named alone."""
    settings, found = service.settings, list[Outlet]()
    if settings.webhook_url:
        from lookhear.outlets.webhook import Webhook
        from lookhear.wiring.telling_webhook import WebhookOutlet

        found.append(WebhookOutlet(service.jobs, Webhook(settings.webhook_url, settings.webhook_secret)))
    if settings.amqp_connection_string:
        from lookhear.outlets.amqp import Publisher
        from lookhear.wiring.telling_amqp import AmqpOutlet

        found.append(AmqpOutlet(service.jobs, Publisher(settings)))
    if service.broker is not None:
        from lookhear.wiring.telling_mqtt import MqttOutlet

        found.append(MqttOutlet(service.jobs, service.broker, settings.event_ttl, lambda: service.closing))
    return found
