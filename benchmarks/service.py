"""What the service costs beside the same calls in process, and how soon it is there: python -m benchmarks.service.

Each figure in turn with what it is held to, against ``lookhear serve`` in a process of its own, over connections that are
kept.
No upload comes twice unless that is what is measured, so that nothing is answered from what is kept.
"""

from __future__ import annotations

import os
import secrets
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.direct import Burst, Direct, burst, direct
from benchmarks.media import CACHE
from benchmarks.models import MODELS as NAMES
from benchmarks.models import SHARED, installed
from benchmarks.processes import run
from benchmarks.serving import BIN, Answer, Client, Serving, another, serving, until

PICTURE, SIZE = "images/mountains.jpg", (640, 480)
TASKS = ["faces", "objects"]
CALLERS = (1, 4, 16)
JOB_CALLERS = 16
ROUNDS, STARTS = 3, 5
_LONG, _SHORT = 3.0, 0.5  # s of a burst


def sections() -> Iterator[str]:
    """The tables, a line each."""
    yield "\n## The service: beside the same calls in process\n"
    if not (SHARED / "media").exists() or not installed():
        yield "Not measured: the pictures or the weights are not there (set LOOKHEAR_SHARED)."
        return
    yield f"Load of the machine when this began: {os.getloadavg()[0]:.1f}, beside what is measured."
    picture = CACHE / "upload.jpg"
    Image.open(SHARED / "media" / PICTURE).convert("RGB").resize(SIZE).save(picture, quality=85)
    with direct() as called, serving() as served:
        yield from _throughput(called, served, picture)
        yield from _overhead(called, served, picture)
    yield from _jobs()
    yield from _starts()


def _throughput(called: Direct, served: Serving, picture: Path) -> Iterator[str]:
    yield f"\nFaces ({NAMES[0]}) and objects ({NAMES[1]}) in a JPEG of {SIZE[0]} x {SIZE[1]}, by POST /analyze, by"
    yield f"`lookhear.analyze`, and the networks' own runs on ready input alone; medians of {ROUNDS} turns.\n"
    yield "| callers | networks alone /s | in process /s | service /s | of in process | target | of networks alone |"
    yield "|---|---|---|---|---|---|---|"
    jpeg = picture.read_bytes()
    for count in CALLERS:
        clients = [Client(served.port) for _ in range(count)]
        doors = [_analyzing(client, jpeg, TASKS) for client in clients]
        done: list[tuple[Burst, Burst, Burst]] = []
        for door in doors[:2]:
            door()  # the models are there
        for _ in range(ROUNDS):
            alone = called("sessions", picture, TASKS, count, _LONG / 2)
            done.append((alone, called("analyze", picture, TASKS, count, _LONG), burst(doors, _LONG)))
        alone_rate, ours, service = (
            statistics.median(one.rate for one in column) for column in zip(*done, strict=True)
        )
        share = statistics.median(one[2].rate / one[1].rate for one in done)
        of_alone = statistics.median(one[2].rate / one[0].rate for one in done)
        yield (
            f"| {count} | {alone_rate:.1f} | {ours:.1f} | {service:.1f} | {share:.2f} | ≥ 0.90: {_met(share >= 0.9)} "
            f"| {of_alone:.2f} |"
        )
        for client in clients:
            client.close()


def _overhead(called: Direct, served: Serving, picture: Path) -> Iterator[str]:
    client, jpeg = Client(served.port), picture.read_bytes()
    job = client.post("/job/face_detection", {"media_store_id": "none"}).json()["job_id"]
    kept = another(jpeg)
    doors: dict[str, tuple[Callable[[], Answer], str | None, list[str]]] = {
        "GET /health": (lambda: _well(client.get("/health")), None, []),
        "GET /job/{id}": (lambda: _well(client.get(f"/job/{job}")), "job", []),
        "POST /analyze, answer kept": (lambda: _well(_form(client, kept, TASKS)), "kept", TASKS),
        "POST /analyze, technical": (_analyzing(client, jpeg, ["technical"]), "analyze", ["technical"]),
        "POST /analyze, faces, objects": (_analyzing(client, jpeg, TASKS), "analyze", TASKS),
    }
    yield "\nOne caller, medians (p50), ms; processor time is the server's, for each request.\n"
    yield "| door | over HTTP | in process | overhead | target | processor |"
    yield "|---|---|---|---|---|---|"
    for name, (door, mode, tasks) in doors.items():
        over, inside, processor = [], [], []
        door()
        for _ in range(2 * ROUNDS):
            if mode is not None:
                inside += called(mode, picture, tasks, 1, _SHORT).times
            before = served.processor
            done = burst([door], _SHORT)
            processor.append((served.processor - before) / done.done)
            over += done.times
        p50, own = statistics.median(over), statistics.median(inside) if inside else 0.0
        yield (
            f"| {name} | {1000 * p50:.2f} | {f'{1000 * own:.2f}' if inside else ''} | {1000 * (p50 - own):.2f} "
            f"| ≤ 3: {_met(p50 - own <= 0.003)} | {1000 * statistics.median(processor):.2f} |"
        )
    client.close()


def _jobs() -> Iterator[str]:
    with serving("--workers-off") as served:
        clients = [Client(served.port) for _ in range(JOB_CALLERS)]
        doors = [_putting(client) for client in clients]
        burst(doors, _SHORT)
        rates = [burst(doors, _LONG / 2).rate for _ in range(ROUNDS)]
    yield (
        f"\nPOST /job by {JOB_CALLERS} callers: {statistics.median(rates):.0f} jobs/s ({min(rates):.0f}–{max(rates):.0f}), "
        "each on the disk when its answer goes out."
    )


def _starts() -> Iterator[str]:
    firsts, readies = [], []
    for _ in range(STARTS):
        with serving(ready=False) as served:
            firsts.append(until(served, "/health"))
            readies.append(until(served, "/health/ready"))
    helps = [run([str(BIN / "lookhear"), "--help"]).wall for _ in range(9)]
    yield "\n| start | median, s | slowest, s | target |"
    yield "|---|---|---|---|"
    for name, times, most in (
        ("first answer of /health", firsts, 1.5),
        ("/health/ready is 200", readies, None),
        ("`lookhear --help`", helps, 0.15),
    ):
        middle = statistics.median(times)
        target = f"≤ {most:g}: {_met(middle <= most)}" if most else ""
        yield f"| {name} | {middle:.2f} | {max(times):.2f} | {target} |"


def _analyzing(client: Client, jpeg: bytes, tasks: Sequence[str]) -> Callable[[], Answer]:
    return lambda: _well(_form(client, another(jpeg), tasks))


def _form(client: Client, data: bytes, tasks: Sequence[str]) -> Answer:
    return client.upload("/analyze", "file", data, {"tasks": ",".join(tasks)})


def _putting(client: Client) -> Callable[[], Any]:
    return lambda: _well(client.post("/job/face_detection", {"media_store_id": secrets.token_hex(8)}))


def _well(answer: Answer) -> Answer:
    if answer.status not in (200, 201):
        raise RuntimeError(f"{answer.status}: {answer.body[:500]!r}")
    return answer


def _met(is_met: bool) -> str:
    return "yes" if is_met else "no"


if __name__ == "__main__":
    for line in sections():
        print(line, flush=True)
