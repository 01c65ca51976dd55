"""The command: translate, hand over, show."""
