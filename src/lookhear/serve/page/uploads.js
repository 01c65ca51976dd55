// Files on their way to the service: two at a time, each with its progress.
import { PATHS, address, send } from "./api.js";
import { aloud, by, bytes } from "./dom.js";
import { adopt, put, remember, remove, stop } from "./list.js";
import { Row } from "./row.js";
import { wish } from "./tasks.js";

const AT_ONCE = 2; // a browser has six connections to a server, and events take one
const waiting = [];
const busy = new Set();

/** What the buttons of a row do. */
export const acts = { cancel, retry, remove };

function add(files) {
  for (const file of files) {
    const row = new Row(file.name, acts);
    row.file = file;
    queue(row);
    put(row);
  }
  if (files.length) aloud(files.length === 1 ? `${files[0].name} is added` : `${files.length} files are added`);
}

function queue(row) {
  row.wish = wish();
  row.wish.catch(() => {}); // told when its turn comes
  row.facts.textContent = bytes(row.file.size);
  row.turn("queued");
  waiting.push(row);
  next();
}

function next() {
  while (busy.size < AT_ONCE && waiting.length) upload(waiting.shift());
}

async function upload(row) {
  busy.add(row);
  row.abort = new AbortController();
  row.key ||= crypto.getRandomValues(new Uint32Array(4)).join("-"); // one job, however often it must be sent
  row.turn("uploading", 0);
  try {
    const job = await deliver(row);
    row.key = null;
    remember(job, row.file.name);
    adopt(row, job);
  } catch (error) {
    if (error.name === "AbortError") row.turn("cancelled");
    else row.turn("refused", null, error.message);
    if (error.name !== "AbortError") row.announce();
  }
  row.abort = null;
  busy.delete(row);
  next();
}

async function deliver(row) {
  const form = new FormData();
  for (const [name, value] of Object.entries(await row.wish)) form.append(name, value);
  form.append("file", row.file, row.file.name);
  const url = address(PATHS.analyze, {}, { wait: false });
  const progress = (share) => row.turn("uploading", share);
  return send(url, form, { headers: { "Idempotency-Key": row.key }, progress, stop: row.abort.signal });
}

function cancel(row) {
  if (row.job) return stop(row);
  if (row.abort) return row.abort.abort();
  waiting.splice(waiting.indexOf(row), 1);
  row.turn("cancelled");
}

function retry(row) {
  row.job = null;
  queue(row);
}

/** All files of a drop, those in folders too. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = [];
  for (const entry of entries) await walk(entry, files);
  return files;
}

async function walk(entry, files) {
  if (entry.name.startsWith(".")) return;
  if (entry.isFile) return void files.push(await new Promise((done, failed) => entry.file(done, failed)));
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed)); // a hundred at a time
    if (!some.length) return;
    for (const one of some) await walk(one, files);
  }
}

export function start() {
  const zone = by("drop");
  let depth = 0; // a drag enters each element that it passes over
  const light = (change) => zone.classList.toggle("over", (depth = Math.max(0, depth + change)) > 0);
  const holds = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => holds(event) && light(1));
  addEventListener("dragleave", (event) => holds(event) && light(-1));
  addEventListener("dragover", (event) => holds(event) && event.preventDefault());
  addEventListener("drop", async (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    light(-depth);
    add(await dropped(event.dataTransfer));
  });
  by("file").addEventListener("change", (event) => {
    add([...event.target.files]);
    event.target.value = ""; // so that the same file can be chosen again
  });
  addEventListener("beforeunload", (event) => (busy.size || waiting.length) && event.preventDefault());
}
