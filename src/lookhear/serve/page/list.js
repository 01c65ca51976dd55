// The list of files and jobs: those of this page first, then what the service has; kept right by events.
import { PATHS, address, json, request } from "./api.js";
import { aloud, by, el, tell } from "./dom.js";
import { follow } from "./live.js";
import { FINAL, KINDS, Row } from "./row.js";

const PAGE = 20; // jobs a time
const MOST = 300; // jobs before it is begun anew
const SECOND = 1000;
const MINUTE = 60000; // ms
const QUIET = 10000; // ms without a word of a job that is on its way: then it is asked for, should events not get through
const rows = new Map(); // by job
const early = new Map(); // events of jobs that are not here (yet)
const names = new Map(recalled());
let cursor = null;
let filters = 0; // how often they were changed: only answers to the last count
let acts = {};

const wanted = () => ({ status: by("status").value, task_type: by("type").value });

function recalled() {
  try {
    return JSON.parse(sessionStorage.getItem("lookhear.names")) || [];
  } catch {
    return [];
  }
}

/** What the file of the job was called, for as long as the tab lives. */
export function remember(job, name) {
  names.set(job.job_id, name);
  try {
    sessionStorage.setItem("lookhear.names", JSON.stringify([...names].slice(-500)));
  } catch {
    // full or blocked: names are a comfort only
  }
}

const nameOf = ({ job_id, media_store_id, result }) =>
  names.get(job_id) || result?.medium?.name || result?.name || media_store_id || job_id.slice(0, 8);

/** Rows of the page's own stay, whatever is looked for. */
export function put(row) {
  by("jobs").prepend(row.node);
  said();
}

/** The row is this job's from now on. */
export function adopt(row, job) {
  rows.get(job.job_id)?.node.remove(); // an event was faster, and the list has it already
  rows.set(job.job_id, row);
  row.update(job);
  const event = early.get(job.job_id);
  if (event) told(event);
}

function add(job, place) {
  if (rows.has(job.job_id)) return rows.get(job.job_id).update(job);
  const row = new Row(nameOf(job), acts);
  row.update(job);
  rows.set(job.job_id, row);
  by("jobs")[place](row.node);
  kinds(job.task_type);
}

export function drop(row) {
  const next = row.node.nextElementSibling || row.node.previousElementSibling;
  const had = row.node.contains(document.activeElement);
  row.node.remove();
  if (row.job) rows.delete(row.job.job_id);
  if (had) (next?.querySelector(".acts > :not([hidden])") || by("list-title")).focus();
  said();
}

function kinds(type) {
  const known = [...by("type").options].some((option) => option.value === type);
  if (!known) by("type").append(el("option", { value: type }, type));
}

function said() {
  const none = !by("jobs").children.length;
  const { status, task_type } = wanted();
  const why = status || task_type ? "No job is like that." : "Nothing yet. Drop a file above, and it appears here.";
  tell(by("empty"), none && why);
}

async function page(from, place) {
  const mine = filters;
  try {
    const { jobs, cursor: following } = await json(address(PATHS.jobs, {}, { ...wanted(), limit: PAGE, cursor: from }));
    if (mine !== filters) return;
    tell(by("list-error"), "");
    if (place === "append" || !rows.size) cursor = following;
    for (const job of place === "prepend" ? jobs.reverse() : jobs) add(job, place);
    by("more").hidden = !cursor;
    said();
  } catch (error) {
    if (mine === filters) tell(by("list-error"), error.message);
  }
}

/** Begin anew, as when other jobs are looked for. */
async function renew() {
  filters++;
  for (const row of rows.values()) if (!row.file) row.node.remove();
  for (const [id, row] of rows) if (!row.file) rows.delete(id);
  await page(null, "append");
}

async function more() {
  const last = by("jobs").lastElementChild;
  await page(cursor, "append");
  last?.nextElementSibling?.querySelector(".acts > :not([hidden])")?.focus();
}

async function refresh(id) {
  try {
    const job = await json(address(PATHS.job, { id }), { quiet: true });
    rows.get(id)?.update(job);
  } catch (error) {
    const row = rows.get(id);
    if (error.status === 404 && row) gone(row); // nothing else matters: events tell the same
  }
}

let newer = 0;

/** Others have sent jobs. A list that has grown long begins anew, unless somebody reads a report in it. */
function catchUp() {
  newer = 0;
  const read = [...rows.values()].some((row) => !row.shown.hidden);
  return rows.size > MOST && !read ? renew() : page(null, "prepend");
}

function told(event) {
  const { kind } = event;
  const data = { ...event.data, ...event.data.data }; // how the job is may lie one level deeper
  const id = data.job_id;
  const row = rows.get(id);
  if (kind === "deleted") return void (row && gone(row));
  if (!row) {
    early.set(id, event);
    if (early.size > 1000) early.delete(early.keys().next().value);
    if (kind === "pending") newer ||= setTimeout(catchUp, SECOND);
    return;
  }
  early.delete(id);
  const state = KINDS[kind] || data.status;
  row.turn(state, data.progress ?? null, data.error?.message ?? data.error);
  if (!FINAL.has(state)) return;
  if (row.file) row.announce();
  refresh(id);
}

/** Somebody has deleted the job: a file of this page can be sent again, all else leaves. */
function gone(row) {
  if (!row.job) return; // it is told twice: as an event, and to who asked for it
  rows.delete(row.job.job_id);
  row.job = null;
  if (row.file && row.state !== "completed") row.turn("cancelled");
  else drop(row);
}

/** Let the service forget the job. */
export async function remove(row) {
  if (row.job && !confirm(`Delete ${row.name.textContent} and all that is known about it?`)) return;
  await forget(row, () => drop(row));
}

/** Stop the job. */
export async function stop(row) {
  await forget(row, () => (row.file ? gone(row) : drop(row)));
  aloud(`${row.name.textContent}: cancelled`);
}

async function forget(row, then) {
  try {
    if (row.job) await request(address(PATHS.job, { id: row.job.job_id }), { method: "DELETE" });
    then();
  } catch (error) {
    if (error.status === 404) then();
    else tell(row.why, error.message);
  }
}

function listen() {
  for (const [id, row] of rows) if (!FINAL.has(row.state) && Date.now() - row.heard > QUIET) refresh(id);
}

/** The stream begins: what has become meanwhile of those that were on their way? */
function caught(up) {
  if (!up) return;
  for (const [id, row] of rows) if (!FINAL.has(row.state)) refresh(id);
  page(null, "prepend");
}

export async function start(own) {
  acts = own;
  by("filter").addEventListener("change", renew);
  by("filter").addEventListener("submit", (event) => event.preventDefault());
  by("more").addEventListener("click", more);
  setInterval(() => rows.forEach((row) => row.date()), MINUTE);
  setInterval(listen, QUIET);
  await renew();
  follow(told, caught);
}
