"""The web page that a browser gets: plain files, served as they are."""

from typing import Final

PREFIX: Final = "/ui"  #: where it lies
