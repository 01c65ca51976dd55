"""The service that most doors are tested on; a module that needs another has fixtures of the same names."""

from support.asking import app, client, service

__all__ = ["app", "client", "service"]
