"""The page: its files, what it is allowed, and that it asks for nothing that the service has not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

import lookhear.serve.page
from lookhear.page import OPTIONS
from lookhear.serve.http.app import create_app
from lookhear.serve.page.site import FILES, USUAL
from lookhear.settings import Settings
from lookhear.tasks.catalogue import PAGE, tasks_for
from support.service import Service, served

FOLDER = Path(lookhear.serve.page.__file__).parent
SOURCES = sorted(path for path in FOLDER.iterdir() if path.suffix in {".html", ".css", ".js", ".svg"})
SCRIPTS = [path for path in SOURCES if path.suffix == ".js"]
NAMES = [*FILES, USUAL]
#: What a browser must not be asked to do with data; the frame alone writes a document, for it has no origin.
UNSAFE = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
    "new Function",
    "srcdoc",
    "javascript:",
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    settings = Settings(storage_dir=tmp_path_factory.mktemp("storage"), auth_disabled=True)
    with served(create_app(Service(settings))) as client:
        yield client


def policy(answer: httpx.Response) -> dict[str, list[str]]:
    parts = (part.split() for part in answer.headers["content-security-policy"].split(";"))
    return {name: values for name, *values in parts}


@pytest.mark.parametrize("name", NAMES)
def test_each_file_comes_with_its_type_and_is_asked_for_but_once(client: httpx.Client, name: str) -> None:
    types = {
        "html": "text/html",
        "css": "text/css",
        "js": "text/javascript",
        "svg": "image/svg+xml",
        "json": "application/json",
    }
    answer = client.get(f"/ui/{name}")
    assert answer.status_code == 200 and answer.content
    assert answer.headers["content-type"].split(";")[0] == types[name.rpartition(".")[2]]
    assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-cache")
    tag = answer.headers["etag"]
    for asked in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.get(f"/ui/{name}", headers={"If-None-Match": asked})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(f"/ui/{name}", headers={"If-None-Match": '"other"'}).status_code == 200
    head = client.head(f"/ui/{name}")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(answer.content)))


def test_the_page_lies_at_ui(client: httpx.Client) -> None:
    answer = client.get("/ui")
    assert (answer.status_code, answer.headers["location"]) == (308, "/ui/")
    assert client.get("/ui/").content == client.get("/ui/index.html").content == (FOLDER / "index.html").read_bytes()


def test_nothing_but_the_service_itself_may_be_used(client: httpx.Client) -> None:
    for name in ("", *(name for name in NAMES if name != "view.html")):
        allowed = policy(client.get(f"/ui/{name}"))
        assert allowed.pop("default-src") == allowed.pop("base-uri") == allowed.pop("frame-ancestors") == ["'none'"]
        assert set(map(tuple, allowed.values())) == {("'self'",)}


def test_reports_are_shown_where_they_can_reach_nothing(client: httpx.Client) -> None:
    allowed = policy(client.get("/ui/view.html"))
    assert allowed["sandbox"] == ["allow-scripts"]  # and so no origin, no forms, no windows
    assert allowed["default-src"] == allowed["form-action"] == allowed["base-uri"] == ["'none'"]
    assert "connect-src" not in allowed and allowed["img-src"] == ["data:"] and allowed["frame-ancestors"] == ["'self'"]
    assert 'sandbox: "allow-scripts"' in (FOLDER / "report.js").read_text("utf-8")


@pytest.mark.parametrize(
    "path",
    [
        "site.py",
        "__init__.py",
        "page",
        "%2e%2e/site.py",
        "..%2f..%2fsettings.py",
        "%2fetc%2fpasswd",
        "....//site.py",
        "page.js%00",
        "./%2e%2e%2f%2e%2e%2ferrors.py",
        "..%5csite.py",
        "PAGE.JS",
    ],
)
def test_there_is_nothing_else(client: httpx.Client, path: str) -> None:
    answer = client.get(f"/ui/{path}")
    assert answer.status_code == 404 and answer.json()["detail"]


def test_every_file_is_served_and_every_link_leads_to_one() -> None:
    assert {path.name for path in SOURCES} | {"look.css"} == set(FILES)
    texts = [path.read_text("utf-8") for path in SOURCES]
    linked = {name for text in texts for name in re.findall(r'(?:src=|href=|src: |from )"(?:\./)?(\w+\.\w+)"', text)}
    assert linked <= set(FILES)
    assert {path.name for path in SCRIPTS} <= linked


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|[\"'(]//|@import|@font-face|url\(|\bws:|sendBeacon|import\(", text)
    assert not re.search(r"<style|<script(?![^>]* src=)|\sstyle=|\son\w+=", text)  # the policy would not let them


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_data_is_never_taken_for_markup(path: Path) -> None:
    text = path.read_text("utf-8")
    assert [way for way in UNSAFE if way in text] == (["document.write"] if path.name == "view.js" else [])


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_read(path: Path) -> None:
    command = ["node", "--check", "--input-type=module"]
    checked = subprocess.run(command, input=path.read_text("utf-8"), capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr


class Elements(HTMLParser):
    """All elements of the page, as (tag, attributes)."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self._label = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._label += tag == "label"
        self.all.append((tag, {**dict(attrs), **({"within": "label"} if self._label else {})}))

    def handle_endtag(self, tag: str) -> None:
        self._label -= tag == "label"


def elements() -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed((FOLDER / "index.html").read_text("utf-8"))
    return parser.all


def test_fields_have_labels_and_what_scripts_look_for_is_there() -> None:
    found = elements()
    ids = [props["id"] for _, props in found if "id" in props]
    assert len(ids) == len(set(ids))
    labels = {props.get("for") for tag, props in found if tag == "label"}
    fields = [props for tag, props in found if tag in {"input", "select"}]
    assert fields and all("within" in props or props.get("id") in labels for props in fields)
    wanted = {one for path in SCRIPTS for one in re.findall(r'\bby\("([\w-]+)"\)', path.read_text("utf-8"))}
    assert wanted <= set(ids)
    pointed = [props.get(name) for _, props in found for name in ("for", "aria-labelledby", "aria-describedby")]
    assert {one for one in pointed if one} <= set(ids)


def test_without_scripts_there_is_a_form(client: httpx.Client) -> None:
    form = next(props for tag, props in elements() if tag == "form" and "action" in props)
    assert (form["method"], form["enctype"]) == ("post", "multipart/form-data")
    assert client.base_url.join("/ui/").join(form["action"] or "").path in client.get("/openapi.json").json()["paths"]


def test_all_paths_that_the_page_asks_for_are_served(client: httpx.Client) -> None:
    text = (FOLDER / "api.js").read_text("utf-8")
    table = re.search(r"PATHS = \{(.*?)\};", text, re.DOTALL)
    assert table is not None
    asked = dict(re.findall(r'(\w+): "([^"]+)"', table[1]))
    others = "".join(path.read_text("utf-8") for path in SCRIPTS)
    assert set(re.findall(r"PATHS\.(\w+)", others)) == set(asked)
    described = client.get("/openapi.json").json()["paths"]
    methods = {
        name: {"delete", "get"} if name == "job" else {"post"} if name == "analyze" else {"get"} for name in asked
    }
    missing = {
        path: wanted for name, path in asked.items() if not (wanted := methods[name]) <= set(described.get(path, {}))
    }
    assert not missing


def test_a_report_is_asked_for_as_it_is_drawn(client: httpx.Client) -> None:
    usual = client.get(f"/ui/{USUAL}").json()
    assert usual == {"tasks": [PAGE], "options": json.loads(json.dumps(OPTIONS))}
    for kind in ("audio", "image", "video"):
        assert set(tasks_for(kind)) <= set(tasks_for(kind, tuple(usual["tasks"])))
