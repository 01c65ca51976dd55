"""From what tasks know of each file of a collection to groups of copies. Nothing is ever deleted.

Every copy of a group was compared with the best one itself, so no chain of likenesses joins what is not alike. What is
like a file that belongs to another group already, or is but a part of something longer, is told beside the groups.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lookhear.analysis.best import EQUAL, extent, pick
from lookhear.analysis.copy_groups import Copies, Copy, CopyGroup, Related
from lookhear.analysis.report import MediumFacts, Refusal, Report
from lookhear.analysis.twins import SAME_BYTES, Survey, Twin
from lookhear.errors import NotAMedium
from lookhear.tasks.base import Candidate, Likeness, Matcher, Relation
from lookhear.tasks.catalogue import AnyTask, all_tasks


def copy_tasks() -> tuple[AnyTask, ...]:
    """The tasks by whose results copies are found."""
    return tuple(task for task in all_tasks() if task.matcher is not None)


def find_copies(found: Survey, answers: Mapping[str, Report | Refusal]) -> Copies:
    """Groups from ``answers`` about one path for each content."""
    groups: list[CopyGroup] = []
    related: list[Related] = []
    refused = list(found.refused)
    kinds: dict[str, list[tuple[str, Report]]] = {}
    for path in found.sizes:
        answer = answers[path]
        if isinstance(answer, Refusal):
            paths = [path, *(twin.path for twin in found.twins.get(path, ()))]
            refused += [Refusal(name, answer.error, answer.sha256) for name in paths]
            if answer.error.code != NotAMedium.code:
                groups += _bare(found, path)
            continue
        kinds.setdefault(answer.medium.kind, []).append((path, answer))
        if answer.errors and not answer.findings:
            refused.append(Refusal(path, answer.errors[0], answer.medium.sha256))
    for kind, media in sorted(kinds.items()):
        collection = _Collection(kind, media)
        families = collection.families()
        known = {place for family in families for place in (family.best, *family.others)}
        alone = [place for place in range(len(media)) if place not in known and media[place][0] in found.twins]
        families += [_Family(place, EQUAL, {}) for place in alone]
        groups += [_group(found, collection, family) for family in families]
        related += collection.related()
    groups.sort(key=lambda group: (-group.spare, group.best.path))
    return Copies(tuple(groups), tuple(related), tuple(refused), found.count, sum(group.spare for group in groups))


def _bare(found: Survey, path: str) -> Iterator[CopyGroup]:
    """Same bytes that cannot be decoded."""
    if path in found.twins:
        best = Copy(path, EQUAL, 1.0, None, found.sizes[path], 0)
        copies = _twins(found, best, path)
        yield CopyGroup(None, best, copies, sum(copy.spare for copy in copies))


def _twins(found: Survey, copy: Copy, best: str) -> tuple[Copy, ...]:
    """What else leads to the bytes of ``copy``."""
    twins = found.twins.get(copy.path, ())
    return tuple(replace(copy, path=twin.path, reason=_how(twin, best), spare=twin.spare) for twin in twins)


def _how(twin: Twin, best: str) -> str:
    said = twin.how if twin.how == SAME_BYTES else f"the same file, by a {twin.how}"
    return said if twin.of == best else f"{said}, as {twin.of}"


@dataclass
class _Family:
    """Places of the best one and of its copies, each with what the comparison said."""

    best: int
    why: str
    others: dict[int, Likeness]


class _Collection:
    """All media of one kind."""

    def __init__(self, kind: str, media: Sequence[tuple[str, Report]]) -> None:
        self.paths = [path for path, _ in media]
        self.facts = [report.medium for _, report in media]
        self._matchers = [
            _matcher(task, [report for _, report in media]) for task in copy_tasks() if kind in task.kinds
        ]
        self._group_of: dict[int, int] = {}  # place of the best one
        self._beside: dict[tuple[int, int], Likeness] = {}

    def families(self) -> list[_Family]:
        """Two and more; the longest and largest ask first who is like them."""
        found: list[_Family] = []
        for seed in sorted(range(len(self.paths)), key=lambda place: -extent(self.facts[place])):
            if seed in self._group_of:
                continue
            alike = self._alike(seed)
            free = {place: said for place, said in alike.items() if place not in self._group_of}
            if free:
                family = self._settle(seed, free)
                found.append(family)
                self._group_of.update(dict.fromkeys([family.best, *family.others], family.best))
            for place, said in alike.items():
                if self._group_of.get(place, place) != self._group_of.get(seed, seed):
                    self._beside[seed, place] = said
        return found

    def _settle(self, seed: int, alike: dict[int, Likeness]) -> _Family:
        """Around the best of them, those that are copies of that one."""
        places = [seed, *sorted(alike)]
        at, why = pick([self.facts[place] for place in places])
        best = places[at]
        if best == seed:
            return _Family(seed, why, alike)
        said = {place: self.compare(best, place) for place in places if place != best}
        others = {place: one for place, one in said.items() if one is not None and one.relation is Relation.COPY}
        return _Family(best, why, others) if seed in others else _Family(seed, pick([self.facts[seed]])[1], alike)

    def _alike(self, seed: int) -> dict[int, Likeness]:
        """Copies of ``seed`` among its candidates, and among the candidates of those."""
        waiting, seen = deque(self._candidates(seed)), {seed}
        found: dict[int, Likeness] = {}
        while waiting:
            place = waiting.popleft()
            if place in seen:
                continue
            seen.add(place)
            said = self.compare(seed, place)
            if said is None or said.relation is Relation.OTHER:
                continue
            if said.relation is Relation.PART:
                self._beside[seed, place] = said
                continue
            found[place] = said
            waiting.extend(self._candidates(place))
        return found

    def _candidates(self, place: int) -> list[int]:
        return [other for matcher in self._matchers for other in matcher.candidates(place)]

    def compare(self, one: int, other: int) -> Likeness | None:
        """What those that lead say; where they cannot tell, the rest."""
        leading = _joint([matcher.compare(one, other) for matcher in self._matchers if matcher.leads])
        if leading is not None and leading.relation is not Relation.COPY:
            return leading
        rest = _joint([matcher.compare(one, other) for matcher in self._matchers if not matcher.leads])
        if leading is None or rest is None or rest.relation is not Relation.OTHER:
            return leading or rest
        return Likeness(leading.relation, leading.score, f"{leading.reason}, {rest.reason}", leading.offset)

    def related(self) -> list[Related]:
        """Pairs that no group holds, told once for each two groups: of their best ones, where those are alike."""
        told: dict[tuple[int, int], Related] = {}
        for pair, said in self._beside.items():
            one, other = (self._group_of.get(place, place) for place in pair)
            key = (min(one, other), max(one, other))
            if one == other or key in told:
                continue
            longer, shorter = sorted(key, key=lambda place: -extent(self.facts[place]))
            best = self.compare(longer, shorter)
            if best is None or best.relation is Relation.OTHER:
                (longer, shorter), best = pair, said
            told[key] = Related(self.paths[shorter], self.paths[longer], best.reason, round(best.score, 4))
        return list(told.values())


def _joint(said: Sequence[Likeness | None]) -> Likeness | None:
    """The strongest word: copy before part before other."""
    ranks = [Relation.COPY, Relation.PART, Relation.OTHER]
    return min((one for one in said if one is not None), key=lambda one: ranks.index(one.relation), default=None)


def _matcher(task: AnyTask, reports: Sequence[Report]) -> Matcher:
    assert task.matcher is not None
    values = [{finding.task: finding.value for finding in report.findings}.get(task.name) for report in reports]
    return task.matcher([Candidate(value, report.medium.probe) for value, report in zip(values, reports, strict=True)])


def _group(found: Survey, media: _Collection, family: _Family) -> CopyGroup:
    def made(place: int, said: Likeness, spare: int | None) -> Copy:
        return _copy(media.paths[place], media.facts[place], said, found.sizes[media.paths[place]], spare)

    best = made(family.best, Likeness(Relation.COPY, 1.0, family.why), 0)
    copies = list(_twins(found, best, best.path))
    for place, said in sorted(family.others.items(), key=lambda item: -item[1].score):
        copy = made(place, said, None)
        copies += [copy, *_twins(found, copy, best.path)]
    return CopyGroup(media.facts[family.best].kind, best, tuple(copies), sum(copy.spare for copy in copies))


def _copy(path: str, facts: MediumFacts, said: Likeness, size: int, spare: int | None) -> Copy:
    probe = facts.probe
    stream = probe.moving or next(iter(probe.video), None) if facts.kind != "audio" else None
    codec = probe.sound.codec if stream is None and probe.sound else stream.codec if stream else None
    return Copy(
        path=path,
        reason=said.reason,
        score=round(said.score, 4),
        offset=None if said.offset is None else round(said.offset, 3),
        size=size,
        spare=size if spare is None else spare,
        format=codec,
        resolution=(stream.width, stream.height) if stream else None,
        duration=None if facts.kind == "image" else facts.duration,
    )
