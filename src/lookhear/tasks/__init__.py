"""Everything that can be known about a medium, one module a task.

The package can be called: ``lookhear.tasks("audio")`` lists what can be asked of audio.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookhear.tasks.catalogue import AnyTask


class _Tasks(ModuleType):
    """The name ``lookhear.tasks`` is both this package and the public function."""

    def __call__(self, kind: str | None = None) -> tuple[AnyTask, ...]:
        """All tasks, or those for media of ``kind`` ("audio", "image", "video")."""
        from lookhear.tasks.catalogue import all_tasks

        return tuple(task for task in all_tasks() if kind is None or kind in task.kinds)


if not TYPE_CHECKING:
    module: Any = sys.modules[__name__]
    module.__class__ = _Tasks
