"""``lookhear search``: what a running service has kept, or the vectors in the storage folder where none runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from lookhear.errors import InputError, MediumNotFound, ServiceUnreachable
from lookhear.settings import Settings, load_settings

if TYPE_CHECKING:
    import httpx

URL, TOKEN = "LOOKHEAR_URL", "LOOKHEAR_TOKEN"
_LOOK = 1.0  # s that a service may take to say that it is there
_WAIT = 120.0


def run(
    words: str | None,
    like: Path | None,
    face: Path | None,
    limit: int,
    threshold: float | None,
    url: str,
    as_json: bool,
) -> int:
    """The exit code. Exactly one of ``words``, ``like`` and ``face`` is given."""
    if sum(one is not None for one in (words, like, face)) != 1:
        raise typer.BadParameter("Say what to look for: words, --like FILE, or --face FILE.", param_hint="WORDS")
    file = like or face
    if file is not None and not file.is_file():
        raise MediumNotFound(f"There is no file {file}.")
    asked: dict[str, Any] = {"among": "faces" if face else "images", "limit": limit, "threshold": threshold}
    settings = load_settings()
    given = url or os.environ.get(URL, "")
    served = given or _running(settings)
    found = _asked(served, asked, words, file) if served else _here(settings, asked, words, file)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        _show(found, served, settings.storage_dir)
    return 0


def _running(settings: Settings) -> str:
    """The address that our settings name, if a service of ours answers there."""
    import httpx

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    url = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    try:
        answer = httpx.get(f"{url}/", timeout=_LOOK, trust_env=False, headers=_token())
        wants_token = 'realm="lookhear"' in answer.headers.get("www-authenticate", "")
        ours = wants_token or answer.json().get("service") == "lookhear"
    except (httpx.HTTPError, ValueError, AttributeError):
        return ""
    return url if ours else ""


def _token() -> dict[str, str]:
    token = os.environ.get(TOKEN)
    return {"Authorization": f"Bearer {token}"} if token else {}


def _asked(url: str, asked: dict[str, Any], words: str | None, file: Path | None) -> dict[str, Any]:
    import httpx

    place = f"{url.rstrip('/')}/search"
    given = {name: value for name, value in asked.items() if value is not None}
    try:
        if file is None:
            answer = httpx.post(place, json={**given, "text": words}, timeout=_WAIT, headers=_token())
        else:
            with file.open("rb") as data:
                form = {name: str(value) for name, value in given.items()}
                answer = httpx.post(
                    place, data=form, files={"file": (file.name, data)}, timeout=_WAIT, headers=_token()
                )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServiceUnreachable(f"No service answers at {url} ({error}). Start one: lookhear serve") from error
    return _content(answer, url)


def _content(answer: httpx.Response, url: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = answer.json()
    except ValueError as error:
        raise ServiceUnreachable(f"What answers at {url} is no Lookhear. Check --url or {URL}.") from error
    if answer.status_code == 200 and "hits" in content:
        return content
    detail = content.get("detail", "It does not say why.")
    said = detail if isinstance(detail, str) else "; ".join(str(one.get("msg", one)) for one in detail)
    if answer.status_code == 401:
        said = f"{said} The token is taken from {TOKEN}."
    raise (InputError if answer.status_code < 500 else ServiceUnreachable)(f"{url}: {said}")


def _here(settings: Settings, asked: dict[str, Any], words: str | None, file: Path | None) -> dict[str, Any]:
    from lookhear.analysis.engine import analyze
    from lookhear.models.shelf import shelf_for
    from lookhear.wiring.search import Bounds, Search
    from lookhear.wiring.stores import vectors

    store, shelf = vectors(settings), shelf_for(settings)
    try:
        search = Search(store, shelf, asked["among"])
        bounds = Bounds(asked["limit"], None, asked["threshold"])
        if file is None:
            found = search.words(str(words), bounds)
        else:
            found = search.medium(
                lambda tasks, options: analyze(str(file), tasks, options, limits=settings, shelf=shelf), bounds
            )
    finally:
        store.close()
    hits = [{"id": hit.id, "score": hit.score, "payload": hit.payload} for hit in found.hits]
    made = found.made and {"name": found.made.model, "version": found.made.version}
    return {"collection": found.collection, "model": made, "hits": hits}


def _advice(collection: str) -> str:
    """How something gets there: faces are left out of an index that had no models for them."""
    from lookhear.contracts.search import SEARCHED

    if collection == SEARCHED["faces"].collection:
        return " Faces take models for faces and face_embedding (lookhear models list); then: lookhear index PATH"
    return " Put something there: lookhear index PATH"


def _show(found: dict[str, Any], served: str, folder: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    from lookhear.cli.show import console

    where = served or f"the storage folder {folder.absolute()}"
    if not found["hits"]:
        why = "Nothing is near enough" if found["model"] else f"Nothing is kept in {found['collection']} yet"
        typer.echo(f"{why} ({where}).{'' if found['model'] else _advice(found['collection'])}")
        return
    table = Table()
    for title in ("score", "medium", "job"):
        table.add_column(title, overflow="fold")
    for hit in found["hits"]:
        payload = hit["payload"]
        medium = str(payload.get("path") or payload.get("name") or payload.get("media_store_id", hit["id"]))
        if "face_index" in payload:
            medium += f", face {payload['face_index']}"
        table.add_row(f"{hit['score']:.3f}", escape(medium), escape(str(payload.get("job_id", ""))))
    screen = console()
    screen.print(table)
    model = found["model"]
    screen.print(
        f"[dim]By {escape(model['name'])} {escape(model['version'])}, from {escape(where)}.[/]", soft_wrap=True
    )
