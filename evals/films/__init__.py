"""Films of known transitions, rendered from nothing but numbers."""

from evals.films.sets import rendered

__all__ = ["rendered"]
