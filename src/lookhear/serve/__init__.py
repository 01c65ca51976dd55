"""The doors of the service: each translates, hands over, and answers."""
