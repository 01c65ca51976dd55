"""Open, plan, sweep, report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from lookhear.analysis.complaints import (
    film_complaints,
    film_damaged,
    silent_complaint,
    sound_complaints,
    sound_damaged,
    waiting_complaint,
)
from lookhear.analysis.plan import Options, Plan, Step, make_plan
from lookhear.analysis.report import Finding, MediumFacts, ModelUsed, Note, Provenance, Report, TaskError
from lookhear.analysis.sweep import Progress, Runner, decoded, sweep
from lookhear.errors import EmptyMedium, LookhearError, ModelMissing, TaskFailed
from lookhear.media.decoder import Decoder
from lookhear.media.forms import FILM, LARGEST, SOUND, Picture
from lookhear.media.limits import Limits
from lookhear.media.medium import Medium, open_medium
from lookhear.media.reader import Digest
from lookhear.media.seen import Seen
from lookhear.media.sound import Heard
from lookhear.media.source import Named
from lookhear.models.card import AUTO, Want
from lookhear.models.shelf import Model, Shelf
from lookhear.tasks.base import Block, Context, Form
from lookhear.tasks.frames import SCENES, key_frames
from lookhear.version import __version__


def analyze(
    source: Named,
    tasks: Sequence[str] | None = None,
    options: Options | None = None,
    *,
    limits: Limits | None = None,
    audio_track: int | None = None,
    progress: Progress | None = None,
    shelf: Shelf | None = None,
) -> Report:
    """Analyse one medium: all tasks that fit it, or those named.

    ``source``: path, bytes, binary file object, "-" for standard input, or an http(s) URL where those are allowed.
    ``options``: for each task a mapping of its options. ``progress``: called with the seconds done of sound or film.
    ``shelf``: where models come from; without it none is installed.

    Raises UnknownTask, InvalidOptions, UnknownModel, and for a medium that cannot be read at all an InputError; the
    failure of a single task is in ``Report.errors``.
    """
    began = time.perf_counter()
    kinds = ("audio", "image", "video")
    plans = {kind: make_plan(kind, tasks, options, shelf=shelf) for kind in kinds}  # before the medium is touched
    with open_medium(source, limits, audio_track=audio_track) as medium:
        probe = medium.probe
        silent = probe.kind == "video" and probe.sound is None
        plan = make_plan("video", tasks, options, sound=False, shelf=shelf) if silent else plans[probe.kind]
        job = _Job(medium, plan, shelf)
        job.run(progress)
        digest = medium.digest()
        return job.report(digest, began)


class _Job:
    """One medium on its way through one plan."""

    def __init__(self, medium: Medium, plan: Plan, shelf: Shelf | None) -> None:
        self.medium = medium
        self.plan = plan
        self.shelf = shelf
        self.heard = Heard()
        self.seen = Seen()
        self.truncated = False
        self.notes: list[Note] = []
        self.errors: dict[str, TaskError] = {}
        self.results: dict[str, Any] = {}
        self.timings: dict[str, float] = {}

    def run(self, progress: Progress | None) -> None:
        """Start all folds, sweep, finish them in the order of the plan."""
        runners = self._start()
        readers = [runner for runner in runners.values() if runner.forms]
        if self.medium.probe.kind == "image":
            self._look(readers)
        elif readers or self.medium.probe.moving is not None:
            self._sweep(readers, progress)
        late = [runner for runner in readers if runner.late]
        for step in self.plan.steps:
            if step.task.name not in runners:
                continue
            runner = runners[step.task.name]
            if runner in late:
                self._look_again(late, progress)
                late = []
            self._finish(step, runner)
        if self.plan.left_out:
            self.notes.append(Note(silent_complaint(self.plan.left_out), harmless=True))
        if self.plan.waiting:
            self.notes.append(Note(waiting_complaint(self.plan.waiting), harmless=True))
        if not self.plan.steps:
            self.notes.append(Note(f"No task that was asked for works on {self.medium.probe.kind}."))

    def _sweep(self, readers: list[Runner], progress: Progress | None) -> None:
        """Sound and frames, decoded once, to every task that reads them; of a film at least one frame."""
        forms = decoded(form for runner in readers for form in runner.forms)
        samplings = [runner.sampling for runner in readers if runner.sampling is not None and not runner.late]
        decoder = Decoder(self.medium, forms, samplings)
        self._share(decoder)
        if readers:
            self.timings["decode"] = sweep(decoder, readers, progress)
        else:
            decoder.first_frame()
        missing = [error for error in (decoder.deaf, decoder.blind) if error is not None]
        if missing and not (self.heard.samples or self.seen.frames):
            raise missing[0]
        for runner in readers:
            wants = runner.forms
            runner.failure = runner.failure or (decoder.deaf if wants & SOUND else None)
            runner.failure = runner.failure or (decoder.blind if wants & FILM else None)
        if readers:
            self._judge()

    def _look_again(self, late: list[Runner], progress: Progress | None) -> None:
        """A second pass, for the tasks that look at key frames, now that these are known."""
        readers = [runner for runner in late if runner.failure is None]
        if SCENES not in self.results or not readers:
            return  # those tasks say so themselves
        chosen = key_frames(self.results)
        for runner in readers:
            assert runner.sampling is not None
            runner.sampling = replace(runner.sampling, key_frames=False, at=chosen)
            runner.forms = frozenset({Form.PIXELS})
        try:
            self.medium.rewind()
            decoder = Decoder(self.medium, frozenset({Form.PIXELS}), [one.sampling for one in readers if one.sampling])
            self.timings["decode"] += sweep(decoder, readers, progress)
        except LookhearError as error:
            for runner in readers:
                runner.failure = error

    def _look(self, readers: list[Runner]) -> None:
        """One picture, decoded once for each size that is asked for, to every task that looks at pixels."""
        facts = self.medium.probe.picture
        if facts is not None and facts.frames > 1:
            self.notes.append(Note(f"It holds {facts.frames} pictures; only the main one was looked at."))
        if not readers:
            return
        self.timings["decode"] = 0.0
        pictures: dict[int | None, Picture] = {}
        for runner in readers:
            side = self._side(runner)
            if side not in pictures:
                began = time.thread_time()
                pictures[side] = self.medium.picture(side)
                self.timings["decode"] += time.thread_time() - began
            runner.add(Block(Form.PIXELS, picture=pictures[side]))
        self.truncated = any(picture.truncated for picture in pictures.values())
        if self.truncated:
            self.notes.append(Note("Its data is damaged or breaks off; the values are about what could be decoded."))

    def _side(self, runner: Runner) -> int | None:
        """The side the runner asks for; None where the whole picture is no larger, so that it is decoded once."""
        side, facts = runner.sampling.side if runner.sampling else LARGEST, self.medium.probe.picture
        return side if side is not None and facts is not None and max(facts.width, facts.height) > side else None

    def _start(self) -> dict[str, Runner]:
        self._contexts: dict[str, Context] = {}
        runners = {}
        for step in self.plan.steps:
            task = step.task
            context = Context(self.medium.probe, self._warner(task.name))
            self._contexts[task.name] = context
            if task.forms & SOUND and self.medium.probe.sound is None:
                self._fail(task.name, EmptyMedium("There is no sound in it."))
                continue
            try:
                context.models = self._models(step)
                sampling = task.sampling(step.options) if Form.PIXELS in task.forms else None
                runners[task.name] = Runner(task.name, task.forms, task.start(context, step.options), sampling)
            except Exception as error:
                self._fail(task.name, error)
        return runners

    def _models(self, step: Step) -> dict[str, Model]:
        """All that it takes. Raises ModelMissing, or what fetching raises where that was allowed."""
        missing = {want.role: self._get(want) for want in step.lacks}
        return {**step.models, **missing}

    def _get(self, want: Want) -> Model:
        if self.shelf is None:
            raise ModelMissing(f"It needs a model for {want.role}, and no store of models was given.")
        return self.shelf.get(want)

    def _warner(self, task: str) -> Any:
        return lambda message: self.notes.append(Note(message, task))

    def _share(self, decoder: Decoder) -> None:
        self.heard, self.seen = decoder.heard, decoder.seen
        for context in self._contexts.values():
            context.heard, context.seen = decoder.heard, decoder.seen

    def _judge(self) -> None:
        """Say what was wrong with the medium as a whole."""
        probe = self.medium.probe
        found = []
        if self.seen.frames:
            found += film_complaints(self.seen, probe)
        if self.heard.samples and not self.seen.broken_off:
            found += sound_complaints(self.heard, (probe.sound.duration if probe.sound else None) or probe.duration)
        self.notes.extend(Note(message) for message in found)

    def _finish(self, step: Step, runner: Runner) -> None:
        name, context = step.task.name, self._contexts[step.task.name]
        missing = [need for need in step.task.needs_with(step.options) if need not in self.results]
        if runner.failure is not None:
            self._fail(name, runner.failure)
        elif missing:
            cause = self.errors[missing[0]]
            self.errors[name] = TaskError(name, cause.code, f"It needs '{missing[0]}', which failed: {cause.message}")
        else:
            context.results = {other: self.results[other] for other in self.results}
            began = time.thread_time()
            try:
                self.results[name] = runner.fold.finish()
            except Exception as error:
                self._fail(name, error)
            runner.seconds += time.thread_time() - began
        self.timings[name] = runner.seconds

    def _fail(self, name: str, error: BaseException) -> None:
        if isinstance(error, LookhearError):
            self.errors[name] = TaskError(name, error.code, error.message)
            return
        message = (
            f"It failed on this medium ({type(error).__name__}: {error}). Please report it; the other tasks went on."
        )
        self.errors[name] = TaskError(name, TaskFailed.code, message)

    def report(self, digest: Digest, began: float) -> Report:
        """All that was found."""
        asked = [step for step in self.plan.steps if step.asked]
        names = {step.task.name for step in asked}
        probe, heard, seen = self.medium.probe, self.heard, self.seen
        duration = probe.duration
        if heard.samples and probe.kind == "audio":
            duration = heard.seconds
        elif seen.frames and (seen.whole or duration is None):
            duration = max(seen.seconds, heard.seconds)
        timings = {"total": time.perf_counter() - began, **self.timings}
        return Report(
            medium=MediumFacts(self.medium.name, probe.kind, duration, digest.sha256, digest.xxh64, digest.size, probe),
            findings=tuple(
                Finding(step.task.name, self.results[step.task.name], self._provenance(step, digest))
                for step in sorted(asked, key=lambda step: step.task.name)
                if step.task.name in self.results
            ),
            errors=tuple(error for name, error in sorted(self.errors.items()) if name in names),
            warnings=tuple(note for note in self.notes if note.task is None or note.task in names),
            timings={name: round(seconds, 6) for name, seconds in timings.items()},
            complete=not (self.truncated or sound_damaged(heard, probe.duration) or film_damaged(seen, probe)),
        )

    def _provenance(self, step: Step, digest: Digest) -> Provenance:
        facts = (step.task.version, __version__, step.config, self._sure(step).config_hash, digest.sha256)
        return Provenance(*facts, tuple(dict.fromkeys(self._used(step))))

    def _sure(self, step: Step) -> Step:
        """With what was fetched meanwhile for it and for the tasks before it, as a later plan will find it."""
        before = (self._sure(other) for other in self.plan.steps if other.task.name in step.before)
        basis = {model for other in before for model in other.identity}
        return replace(step, models=self._contexts[step.task.name].models or step.models, basis=tuple(sorted(basis)))

    def _used(self, step: Step) -> Iterator[ModelUsed]:
        """Its models, then those of the tasks before it."""
        auto = getattr(step.options, "model", AUTO) == AUTO
        for model in self._contexts[step.task.name].models.values():
            better = self.shelf.better(model) if auto and self.shelf else None
            yield ModelUsed(model.card.name, model.card.version, model.one.sha256, better)
        for other in self.plan.steps:
            if other.task.name in step.before and other.task.name in self.results:
                yield from self._used(other)
