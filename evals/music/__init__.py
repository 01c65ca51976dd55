"""Music whose truth is known, composed and rendered here."""
