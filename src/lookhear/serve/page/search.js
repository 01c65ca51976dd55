// Search by words for what pictures show.
import { PATHS, address, json } from "./api.js";
import { by, el } from "./dom.js";
import { report } from "./report.js";

const MOST = 12;
const KNOWN = new Set(["job_id", "media_store_id", "task_type", "name", "filename", "path", "sha256", "bbox", "landmarks"]);
let asked = 0;

function opener(id, name, shown) {
  const button = el("button", { type: "button", class: "as-link", "aria-expanded": "false" }, name);
  button.addEventListener("click", async () => {
    shown.hidden = !shown.hidden;
    button.setAttribute("aria-expanded", String(!shown.hidden));
    shown.replaceChildren();
    if (!shown.hidden) shown.replaceChildren(await report(id, name));
  });
  return button;
}

function hit({ id, score, payload }) {
  const facts = payload || {};
  const name = facts.name || facts.filename || facts.media_store_id || String(id);
  const plain = ([key, value]) => !KNOWN.has(key) && ["string", "number"].includes(typeof value);
  const rest = Object.entries(facts).filter(plain).map(([key, value]) => `${key.replaceAll("_", " ")} ${value}`);
  const sub = [facts.task_type, ...rest].filter(Boolean).join(" · ");
  const shown = el("div", { class: "shown", hidden: true });
  const title = facts.job_id ? opener(facts.job_id, name, shown) : el("span", {}, name);
  const bar = el("span", { class: "meter", "aria-hidden": "true" }, el("i"));
  bar.firstChild.style.width = `${100 * Math.min(1, Math.max(0, score))}%`;
  const how = el("b", { title: "How alike, of 1" }, score.toFixed(2));
  return el("li", {}, el("span", { class: "who" }, title, el("span", { class: "sub" }, sub)), bar, how, shown);
}

async function search(event) {
  event.preventDefault();
  const mine = ++asked;
  const place = by("hits");
  place.replaceChildren(el("p", { class: "sub" }, "Searching …"));
  let shown;
  try {
    const { hits, model } = await json(address(PATHS.search, {}, { q: by("query").value.trim(), limit: MOST }));
    const none = model ? "Nothing was found." : "There is nothing to search yet. Put pictures there: lookhear index FOLDER.";
    shown = hits.length ? el("ol", { class: "hits" }, ...hits.map(hit)) : el("p", { class: "sub" }, none);
  } catch (error) {
    shown = el("p", { class: "why" }, error.message);
  }
  if (mine === asked) place.replaceChildren(shown);
}

export function start() {
  by("search").addEventListener("submit", search);
}
