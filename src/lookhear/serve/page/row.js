// One file or job in the list.
import { PATHS, address, request } from "./api.js";
import { ago, aloud, bytes, el, seconds, tell } from "./dom.js";
import { report } from "./report.js";
import { token } from "./token.js";

const STATES = {
  queued: ["Waits to upload", ""],
  uploading: ["Uploading", "busy"],
  refused: ["Not taken", "poor"],
  pending: ["Waiting", ""],
  processing: ["Running", "busy"],
  completed: ["Done", "good"],
  error: ["Failed", "poor"],
  sync_failed: ["Not delivered", "fair"],
  cancelled: ["Cancelled", "fair"],
};
/** What an event says of the state. */
export const KINDS = {
  pending: "pending",
  started: "processing",
  progress: "processing",
  completed: "completed",
  failed: "error",
  cancelled: "cancelled",
  sync_failed: "sync_failed",
};
export const FINAL = new Set(["completed", "error", "sync_failed", "cancelled"]);
const OPEN = new Set(["queued", "uploading", "pending", "processing"]);
let count = 0;

export class Row {
  /** `acts`: what its buttons do: cancel(row), retry(row), remove(row). */
  constructor(name, acts) {
    this.acts = acts;
    this.job = null;
    this.file = null;
    this.state = "";
    const id = `row-${++count}`;
    this.name = el("strong", { class: "name", id });
    this.facts = el("span", { class: "sub" });
    this.badge = el("span", { class: "badge" });
    this.bar = el("progress", { max: 1, "aria-labelledby": id });
    this.why = el("p", { class: "why", hidden: true });
    this.shown = el("div", { class: "shown", id: `${id}-shown`, hidden: true });
    this.buttons = el("div", { class: "acts" });
    const who = el("div", { class: "who" }, this.name, this.facts);
    this.node = el("li", { class: "job", "aria-labelledby": id });
    this.node.append(who, this.badge, this.buttons, this.bar, this.why, this.shown);
    this.make(id);
    this.call(name);
  }

  make(id) {
    const button = (word, act, props = {}) => el("button", { type: "button", ...props, on: { click: act } }, word);
    const link = (word, props) => el("a", { class: "button", ...props }, word);
    const opens = { class: "tonal", "aria-expanded": "false", "aria-controls": this.shown.id };
    this.show = button("Show report", () => this.toggle(), opens);
    this.open = link("Open", { target: "_blank", rel: "noopener", title: "The report in a tab of its own" });
    this.load = link("JSON", { download: "", title: "Download the report as JSON" });
    this.load.addEventListener("click", (event) => this.download(event));
    this.cancel = button("Cancel", () => this.acts.cancel(this));
    this.retry = button("Try again", () => this.acts.retry(this));
    this.remove = button("Delete", () => this.acts.remove(this), { class: "quiet" });
    const all = [this.show, this.open, this.load, this.cancel, this.retry, this.remove];
    for (const one of all) one.setAttribute("aria-describedby", id);
    this.buttons.append(...all);
  }

  call(name) {
    this.name.textContent = name;
    this.name.title = name;
  }

  /** Take what the service says of the job. */
  update(job) {
    this.job = job;
    this.date();
    this.open.href = address(PATHS.report, { id: job.job_id });
    this.load.href = address(PATHS.json, { id: job.job_id });
    this.load.download = `${this.name.textContent}.json`;
    this.turn(job.status, job.status === this.state ? this.progress : null, job.error_message);
  }

  /** The line under the name; it grows old. */
  date() {
    const { file, job } = this;
    if (!job) return;
    const took = job.started_at && job.completed_at ? `took ${seconds((job.completed_at - job.started_at) / 1000)}` : "";
    const facts = [file && bytes(file.size), job.task_type, ago(job.created_at), took];
    this.facts.textContent = facts.filter(Boolean).join(" · ");
    this.facts.title = new Date(job.created_at).toLocaleString();
  }

  /** Now it is in this state. `progress` 0..1, null where it is not known. */
  turn(state, progress = null, why = "") {
    const changed = state !== this.state;
    this.state = state;
    this.heard = Date.now();
    this.progress = progress;
    const [word, tone] = STATES[state] || [state, ""];
    const share = OPEN.has(state) && typeof progress === "number" ? ` ${Math.floor(progress * 100)} %` : "";
    this.badge.textContent = word + share;
    this.badge.className = `badge ${tone}`;
    this.bar.hidden = state !== "uploading" && state !== "processing";
    if (typeof progress === "number") this.bar.value = progress;
    else this.bar.removeAttribute("value");
    tell(this.why, state === "completed" ? "" : why);
    if (changed) this.offer();
  }

  /** The buttons that make sense now; the focus stays in the row when its button goes. */
  offer() {
    const { state, job } = this;
    const had = this.buttons.contains(document.activeElement);
    const done = state === "completed" || state === "sync_failed";
    this.show.hidden = this.load.hidden = !done;
    this.open.hidden = !done || Boolean(token());
    this.cancel.hidden = !OPEN.has(state);
    this.retry.hidden = !this.file || !["refused", "error", "cancelled"].includes(state);
    this.remove.hidden = OPEN.has(state);
    this.remove.textContent = job ? "Delete" : "Remove";
    if (had && document.activeElement.hidden) this.buttons.querySelector(":scope > :not([hidden])")?.focus();
  }

  async toggle() {
    const opening = this.shown.hidden;
    this.shown.hidden = !opening;
    this.show.textContent = opening ? "Hide report" : "Show report";
    this.show.setAttribute("aria-expanded", String(opening));
    if (!opening) return this.shown.replaceChildren();
    this.shown.replaceChildren(el("p", { class: "sub" }, "Drawing the report …"));
    const content = await report(this.job.job_id, this.name.textContent);
    if (!this.shown.hidden) this.shown.replaceChildren(content);
  }

  /** A link cannot send a token: then the page fetches what it hands over. */
  async download(event) {
    if (!token()) return;
    event.preventDefault();
    try {
      const url = URL.createObjectURL(await (await request(this.load.href)).blob());
      el("a", { href: url, download: this.load.download }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60000);
    } catch (error) {
      tell(this.why, error.message);
    }
  }

  /** Say how it ended. */
  announce() {
    const [word] = STATES[this.state] || [this.state];
    aloud(`${this.name.textContent}: ${word}. ${this.why.textContent}`.trim());
  }
}
