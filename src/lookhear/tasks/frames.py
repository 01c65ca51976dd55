"""Which frames of a film a task looks at: the options that all tasks on sampled frames have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lookhear.errors import InvalidOptions
from lookhear.media.forms import Sampling

SCENES = "scenes"  #: the task whose result says which frames show the scenes


@dataclass(frozen=True)
class FrameOptions:
    """One frame every ``seconds``, or every ``frame_interval`` frames; ``per_scene``: the key frame of each scene
    instead, which takes a second pass over the film."""

    seconds: float = 1.0
    frame_interval: int | None = None
    per_scene: bool = False

    def __post_init__(self) -> None:
        if not (self.seconds > 0 and (self.frame_interval is None or self.frame_interval >= 1)):
            raise InvalidOptions("seconds > 0 and frame_interval ≥ 1 must hold.")

    def sampling(self, side: int | None, most: int | None = None) -> Sampling:
        """As asked; ``side`` and ``most`` as in Sampling."""
        return Sampling(self.seconds, self.frame_interval, most, side, key_frames=self.per_scene)


def key_frames(results: Mapping[str, Any]) -> tuple[int, ...]:
    """Indexes of the key frames of all scenes, by the result of the task scenes."""
    return tuple(sorted({scene.key_frame for scene in results[SCENES].scenes}))
