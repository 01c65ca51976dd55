"""One pass over a medium in time: its sound, its frames, or both, in the order of the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lookhear.errors import DamagedMedium, EmptyMedium, InputError, LookhearError
from lookhear.media.demux import Demuxer
from lookhear.media.film import FilmTrack
from lookhear.media.forms import FILM, SOUND, Form, Frames, Picture, Samples, Sampling
from lookhear.media.medium import Medium
from lookhear.media.seen import Seen
from lookhear.media.sound import BLOCK_SECONDS, Heard, SoundTrack

_INDEX = "Its index may lie behind its data, where no pipe can go back from. Save it to a file, and name that."
Item = tuple[Form, Samples] | Frames | tuple[Sampling, Picture]


class Decoder:
    """Iterate once for runs of samples, runs of small frames, and sampled pictures; ``heard`` and ``seen`` are current.

    ``forms``: those of a track that is not there are left out. Of a film whose frames nobody wants, the first is
    decoded all the same: it tells how the film is to be shown.
    """

    def __init__(
        self,
        medium: Medium,
        forms: frozenset[Form],
        samplings: Iterable[Sampling] = (),
        block_seconds: float = BLOCK_SECONDS,
    ) -> None:
        self._medium = medium
        sound, film = forms & SOUND, forms & FILM
        self._sound = SoundTrack(medium, sound, block_seconds) if sound and medium.probe.sound else None
        self._film = FilmTrack(medium, film, samplings) if medium.probe.moving else None
        self._glance = not film
        self.heard = self._sound.heard if self._sound else Heard()
        self.seen = self._film.seen if self._film else Seen()

    def __iter__(self) -> Iterator[Item]:
        sound, film = self._sound, self._film
        if film is not None and not self._medium.has_container:
            for frame, time, length in self._medium.animation():
                yield from film.show(frame, time, length)
        else:
            yield from self._packets(sound, film)
        if self._medium.interrupted:
            raise KeyboardInterrupt
        if sound is not None:
            yield from sound.finish()
        if film is not None and not self._glance:
            yield from film.finish()

    def _packets(self, sound: SoundTrack | None, film: FilmTrack | None) -> Iterator[Item]:
        tracks = [track for track in (sound, film) if track is not None]
        demuxer = Demuxer(self._medium, tuple(track.index for track in tracks))
        for packet in demuxer:
            if film is not None and packet.stream_index == film.index:
                if not (self._glance and self.seen.frames):
                    yield from film.take(packet)
            elif sound is not None:
                yield from sound.take(packet)
            if film is not None and film.over and sound is None:
                break
            if self.heard.cut_at_limit or self.seen.cut_at_limit or all(track.hopeless for track in tracks):
                break
        if demuxer.broken_off is not None:
            self.heard.broken_off = self.seen.broken_off = demuxer.broken_off
            if film is not None and not self._glance:
                yield from film.flush()

    def first_frame(self) -> None:
        """Decode no further than the first frame, for what only a frame tells; nothing else may be asked for then."""
        for _ in self:
            if self.seen.frames:
                return

    @property
    def deaf(self) -> LookhearError | None:
        """Why there is nothing of the sound, once all is decoded."""
        if self._sound is None or self.heard.samples:
            return None
        if self._medium.only_forward:
            return InputError(_INDEX)
        if self.heard.damaged_packets or self.heard.broken_off:
            return DamagedMedium("Nothing of its sound can be decoded. Get a fresh copy of the file.")
        return EmptyMedium("Its sound track is empty: not one sample in it.")

    @property
    def blind(self) -> LookhearError | None:
        """Why there is nothing of the pictures, once all is decoded."""
        if self._film is None or self.seen.frames:
            return None
        if self._medium.only_forward:
            return InputError(_INDEX)
        if self.seen.damaged_packets or self.seen.broken_off:
            return DamagedMedium("Nothing of its pictures can be decoded. Get a fresh copy of the file.")
        return EmptyMedium("Its picture track is empty: not one frame in it.")
