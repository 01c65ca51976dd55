"""Open, plan, sweep, report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from lookhear.analysis.plan import Options, Plan, Step, make_plan
from lookhear.analysis.report import Finding, MediumFacts, Note, Provenance, Report, TaskError
from lookhear.analysis.sweep import Progress, Runner, sweep, waveforms
from lookhear.errors import EmptyMedium, LookhearError, TaskFailed
from lookhear.media.limits import Limits
from lookhear.media.medium import Medium, open_medium
from lookhear.media.reader import Digest
from lookhear.media.sound import Heard, SoundDecoder
from lookhear.media.source import Named
from lookhear.tasks.base import Block, Context, Form
from lookhear.version import __version__


def analyze(
    source: Named,
    tasks: Sequence[str] | None = None,
    options: Options | None = None,
    *,
    limits: Limits | None = None,
    audio_track: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Analyse one medium: all tasks that fit it, or those named.

    ``source``: path, bytes, binary file object, "-" for standard input, or an http(s) URL where those are allowed.
    ``options``: for each task a mapping of its options. ``progress``: called with the seconds of sound done.

    Raises UnknownTask, InvalidOptions, and for a medium that cannot be read at all an InputError; the failure of a
    single task is in ``Report.errors``.
    """
    began = time.perf_counter()
    for kind in ("audio", "image", "video"):
        make_plan(kind, tasks, options)  # what was asked is checked before the medium is touched
    with open_medium(source, limits, audio_track=audio_track) as medium:
        plan = make_plan(medium.probe.kind, tasks, options)
        job = _Job(medium, plan)
        job.run(progress)
        digest = medium.digest()
        return job.report(digest, began)


class _Job:
    """One medium on its way through one plan."""

    def __init__(self, medium: Medium, plan: Plan) -> None:
        self.medium = medium
        self.plan = plan
        self.heard = Heard()
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
        elif readers and self.medium.probe.sound is not None:
            decoder = SoundDecoder(self.medium, waveforms(form for runner in readers for form in runner.forms))
            self._share(decoder.heard)
            self.timings["decode"] = sweep(decoder, readers, progress)
            self._judge()
        for step in self.plan.steps:
            if step.task.name in runners:
                self._finish(step, runners[step.task.name])
        if not self.plan.steps:
            self.notes.append(Note(f"No task that was asked for works on {self.medium.probe.kind}."))

    def _look(self, readers: list[Runner]) -> None:
        """One picture, decoded once, to every task that looks at pixels."""
        facts = self.medium.probe.picture
        if facts is not None and facts.frames > 1:
            self.notes.append(Note(f"It holds {facts.frames} pictures; only the first was looked at."))
        if not readers:
            return
        began = time.thread_time()
        picture = self.medium.picture()
        self.timings["decode"] = time.thread_time() - began
        self.truncated = picture.truncated
        if picture.truncated:
            self.notes.append(Note("Its data is damaged or breaks off; the values are about what could be decoded."))
        for runner in readers:
            runner.add(Block(Form.PIXELS, picture=picture))

    def _start(self) -> dict[str, Runner]:
        self._contexts: dict[str, Context] = {}
        runners = {}
        for step in self.plan.steps:
            task = step.task
            context = Context(self.medium.probe, self._warner(task.name))
            self._contexts[task.name] = context
            deaf = Form.PIXELS not in task.forms and bool(task.forms or task.needs)
            if deaf and self.medium.probe.sound is None:
                self._fail(task.name, EmptyMedium("There is no sound in it."))
                continue
            try:
                runners[task.name] = Runner(task.name, task.forms, task.start(context, step.options))
            except Exception as error:
                self._fail(task.name, error)
        return runners

    def _warner(self, task: str) -> Any:
        return lambda message: self.notes.append(Note(message, task))

    def _share(self, heard: Heard) -> None:
        self.heard = heard
        for context in self._contexts.values():
            context.heard = heard

    def _judge(self) -> None:
        """Say what was wrong with the sound as a whole."""
        heard, told = self.heard, self.medium.probe.sound
        if not heard.samples:
            raise EmptyMedium("Its sound track is empty: not one sample in it.")
        expected = (told.duration if told else None) or self.medium.probe.duration
        for message in _complaints(heard, expected):
            self.notes.append(Note(message))

    def _finish(self, step: Step, runner: Runner) -> None:
        name, context = step.task.name, self._contexts[step.task.name]
        missing = [need for need in step.task.needs if need not in self.results]
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
        probe, heard = self.medium.probe, self.heard
        duration = heard.seconds if heard.samples and probe.kind == "audio" else probe.duration
        timings = {"total": time.perf_counter() - began, **self.timings}
        return Report(
            medium=MediumFacts(self.medium.name, probe.kind, duration, digest.sha256, digest.xxh64, digest.size, probe),
            findings=tuple(
                Finding(step.task.name, self.results[step.task.name], _provenance(step, digest))
                for step in sorted(asked, key=lambda step: step.task.name)
                if step.task.name in self.results
            ),
            errors=tuple(error for name, error in sorted(self.errors.items()) if name in names),
            warnings=tuple(note for note in self.notes if note.task is None or note.task in names),
            timings={name: round(seconds, 6) for name, seconds in timings.items()},
            complete=not (
                self.truncated
                or heard.broken_off
                or heard.damaged_packets
                or heard.cut_at_limit
                or _short(heard, probe.duration)
            ),
        )


def _provenance(step: Step, digest: Digest) -> Provenance:
    return Provenance(step.task.version, __version__, step.config, step.config_hash, digest.sha256)


def _short(heard: Heard, expected: float | None) -> bool:
    return bool(heard.samples and expected and heard.seconds < 0.98 * expected - 0.5)


def _complaints(heard: Heard, expected: float | None) -> list[str]:
    seconds = f"{heard.seconds:.1f} s"
    found = []
    if heard.broken_off:
        found.append(f"It breaks off after {seconds} ({heard.broken_off}); the values are about what came before.")
    elif expected and _short(heard, expected):
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
