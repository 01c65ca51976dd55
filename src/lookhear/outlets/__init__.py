"""Where a report also goes: vectors, result files, the media store, webhooks."""
