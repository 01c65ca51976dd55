"""The files below a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator


def below(folder: str | os.PathLike[str], failed: Callable[[OSError], None] | None = None) -> Iterator[str]:
    """All files that are not hidden, in the order of their names; ``failed`` is told of folders that cannot be read."""
    for parent, folders, files in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield os.path.join(parent, name)
