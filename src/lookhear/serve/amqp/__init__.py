"""AMQP: messages that ask for an analysis become jobs."""
