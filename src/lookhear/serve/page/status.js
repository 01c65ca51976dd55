// How the service does: a line at the top, tiles and models at the bottom.
import { PATHS, address, json } from "./api.js";
import { by, el, seconds, tell } from "./dom.js";

const EACH = 5000; // ms between looks; none while nobody looks
const TONES = { healthy: "good", starting: "fair", degraded: "fair", unhealthy: "poor" };
let stats = null;

const number = (value) => (typeof value === "number" ? value.toLocaleString("en") : "–");
const word = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const share = (value) => (typeof value === "number" ? `${Math.round(value * 100)} %` : "–");
const memory = (mb) => (mb >= 1000 ? `${(mb / 1024).toFixed(1)} GB` : `${Math.round(mb)} MB`);

function tile(title, value, sub, fill = null) {
  const meter = fill === null ? null : el("span", { class: "meter" }, el("i"));
  if (meter) meter.firstChild.style.width = `${Math.min(100, Math.max(0, fill))}%`;
  return el("div", { class: "tile" }, el("h3", {}, title), el("p", {}, value), meter, el("p", { class: "sub" }, sub));
}

function workers(health) {
  const there = stats?.workers || [];
  const busy = there.reduce((sum, { jobs }) => sum + jobs.length, 0);
  const processes = there.length === 1 ? "1 process" : `${there.length} processes`;
  const sub = there.length ? `${processes}, ${busy} jobs in hand` : health.processing_active ? "at work" : "idle";
  return tile("Workers", word(health.worker === "none" && there.length ? "elsewhere" : health.worker || "–"), sub);
}

function tiles(health) {
  const queue = stats?.queue_metrics || {};
  const done = `${number(queue.processing)} running, ${number(queue.completed_today)} done today`;
  const used = health.memory_usage || {};
  const time = stats?.average_processing_time;
  const each = typeof time === "number" ? `${seconds(time)} each on average` : "none measured yet";
  const made = [
    tile("Queue", number(health.queue_size), done),
    workers(health),
    tile("Files", number(stats?.processed_files), each),
    tile("Success", share(stats?.success_rate), `${share(stats?.error_rate)} failed`),
    tile("Models loaded", number(health.models_loaded), (health.models || []).join(", ") || "loaded at first use"),
    tile("Memory", memory(used.used_mb || 0), used.total_mb ? `of ${memory(used.total_mb)}` : "", used.percentage ?? null),
  ];
  if (health.gpu_available) {
    const part = (100 * health.gpu_memory_used_mb) / health.gpu_memory_total_mb;
    made.push(tile("GPU", memory(health.gpu_memory_used_mb), health.gpu_device_name || "", part));
  }
  by("tiles").replaceChildren(...made);
}

function line(health) {
  const words = [health.status, health.processing_active ? "working" : "idle", `${number(health.queue_size)} waiting`];
  by("line").textContent = words.join(" · ");
  by("dot").className = `dot ${TONES[health.status] || "fair"}`;
  tell(by("foot"), `Lookhear ${health.version}, up for ${seconds(health.uptime_seconds)}`);
}

async function look() {
  if (document.hidden) return;
  try {
    const health = await json(address(PATHS.health), { quiet: true });
    line(health);
    try {
      stats = await json(address(PATHS.stats), { quiet: true });
    } catch {
      stats = null; // health alone has much to show
    }
    tiles(health);
  } catch (error) {
    by("line").textContent = error.message;
    by("dot").className = "dot poor";
  }
}

function table(models) {
  const head = ["Model", "Version", "Kind", "State"].map((word) => el("th", { scope: "col" }, word));
  const rows = models.map(({ name, version, type, status }) =>
    el("tr", {}, el("th", { scope: "row" }, name), ...[version, type, status].map((value) => el("td", {}, value ?? "–"))),
  );
  return el("table", { class: "models" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
}

async function models() {
  if (!by("models").open) return;
  try {
    const { models, total_models } = await json(address(PATHS.models));
    by("models-count").textContent = String(total_models);
    const none = "None is installed. 'lookhear models list' shows what there is.";
    by("models-table").replaceChildren(models.length ? table(models) : el("p", { class: "sub" }, none));
  } catch (error) {
    by("models-table").replaceChildren(el("p", { class: "why" }, error.message));
  }
}

export function start() {
  by("models").addEventListener("toggle", models);
  document.addEventListener("visibilitychange", look);
  setInterval(look, EACH);
  look();
}
