"""Plan, one sweep over the medium, report. Knows no task by name."""
