"""What was wrong with a medium as a whole, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from lookhear.media.probe import Probe
from lookhear.media.seen import Seen
from lookhear.media.sound import Heard

_APART = 0.04  # s by which sound may begin beside the pictures unnoticed


def sound_damaged(heard: Heard, expected: float | None) -> bool:
    """Are the values about less than the whole sound?"""
    return bool(
        heard.broken_off
        or heard.damaged_packets
        or heard.cut_at_limit
        or _short(heard.seconds, expected, heard.samples)
    )


def film_damaged(seen: Seen, probe: Probe) -> bool:
    """Are the values about less than the whole film?"""
    if not seen.frames or not seen.whole:
        return False
    return bool(seen.broken_off or seen.damaged_packets or seen.corrupt or seen.cut_at_limit or _lacks(seen, probe))


def _short(seconds: float, expected: float | None, samples: int) -> bool:
    return bool(samples and expected and seconds < 0.98 * expected - 0.5)


def _lacks(seen: Seen, probe: Probe) -> bool:
    expected = (probe.moving.duration if probe.moving else None) or probe.duration
    return _short(seen.seconds, expected, seen.frames)


def sound_complaints(heard: Heard, expected: float | None) -> list[str]:
    """About the sound of a medium that should last ``expected`` s."""
    seconds = f"{heard.seconds:.1f} s"
    found = []
    if heard.broken_off:
        found.append(f"It breaks off after {seconds} ({heard.broken_off}); the values are about what came before.")
    elif expected and _short(heard.seconds, expected, heard.samples):
        found.append(f"Its header promises {expected:.1f} s, but only {seconds} could be decoded; it may be cut short.")
    if heard.damaged_packets:
        found.append(f"{heard.damaged_packets} damaged packets were left out.")
    if heard.cut_at_limit:
        found.append(f"It was cut at {seconds} by MAX_MEDIA_SECONDS.")
    if heard.changed_format:
        found.append("Its sound changes rate or channels on the way; all was converted to how it begins.")
    if heard.wild_samples:
        found.append("It holds samples that are not numbers or beyond any level; they were silenced or clipped.")
    return found


def silent_complaint(left_out: Sequence[str]) -> str:
    """About a film without sound."""
    return f"It has no sound, so what is known by sound was left out: {', '.join(left_out)}."


def waiting_complaint(waiting: Sequence[str]) -> str:
    """About tasks whose models nobody has fetched yet."""
    return f"Left out, since they need models that are not installed: {', '.join(waiting)}. See: lookhear models list"


def film_complaints(seen: Seen, probe: Probe) -> list[str]:
    """About the pictures of a film."""
    seconds = f"{seen.seconds:.1f} s"
    found = []
    if seen.broken_off:
        found.append(f"It breaks off after {seconds} ({seen.broken_off}); the values are about what came before.")
    elif seen.whole and not seen.cut_at_limit and _lacks(seen, probe):
        found.append(f"Its header promises more, but only {seconds} of pictures could be decoded; it may be cut short.")
    if seen.damaged_packets:
        found.append(f"{seen.damaged_packets} damaged packets of its pictures were left out.")
    if seen.corrupt:
        found.append(f"{seen.corrupt} of its frames are damaged; the decoder filled in what was missing.")
    if seen.cut_at_limit:
        found.append(f"It was cut at {seconds} by MAX_MEDIA_SECONDS.")
    if seen.ran_back:
        found.append(f"Its clock jumps back {seen.ran_back} times; times go on from where it was.")
    if seen.changed_format:
        found.append("Its frames change size on the way; all were scaled to how it begins.")
    if probe.sound is not None and abs(probe.start_offset) > _APART:
        when = "after" if probe.start_offset > 0 else "before"
        found.append(
            f"Its sound begins {abs(probe.start_offset):.2f} s {when} its pictures; "
            "times of tasks on sound count from where the sound begins."
        )
    return found
