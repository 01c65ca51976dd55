// Which tasks run on the next files. None chosen by hand: the usual ones, with all that their page draws.
import { PATHS, address, json } from "./api.js";
import { by, el } from "./dom.js";

const KINDS = ["audio", "image", "video"];
let boxes = [];
let usual = null; // what the service asks for when it draws a page

/** The fields of the form that say what to find out. */
export async function wish() {
  const names = chosen();
  usual ||= await json(new URL("usual.json", document.baseURI));
  const options = Object.entries(usual.options).filter(([task]) => !names || names.includes(task));
  return { tasks: JSON.stringify(names || usual.tasks), options: JSON.stringify(Object.fromEntries(options)) };
}

/** The names of the tasks chosen, or null for the usual ones. */
function chosen() {
  const own = boxes.some((box) => box.checked !== box.defaultChecked);
  const names = boxes.filter((box) => box.checked).map((box) => box.value);
  return own && names.length ? names : null;
}

function count() {
  const names = chosen();
  by("chosen").textContent = names ? `${names.length} of ${boxes.length}` : "the usual ones";
}

function choice(task) {
  const ready = task.ready !== false;
  const box = el("input", { type: "checkbox", value: task.name, checked: task.default && ready });
  box.addEventListener("change", count);
  const kinds = KINDS.filter((kind) => task.kinds.includes(kind)).join(", ");
  const name = el("b", {}, task.name.replaceAll("_", " "), " ", el("small", {}, kinds), !ready && el("em", {}, " no model"));
  boxes.push(box);
  return el("label", { class: "task" }, box, el("span", {}, name, el("span", { class: "sub" }, task.summary)));
}

/** One choice for each name: some tasks treat each kind of file in a way of its own. */
function merged(tasks) {
  const names = new Map();
  for (const task of tasks) {
    const other = names.get(task.name);
    if (!other) names.set(task.name, { ...task, kinds: [...task.kinds] });
    else {
      other.kinds.push(...task.kinds);
      other.default ||= task.default;
      other.ready &&= task.ready;
    }
  }
  return [...names.values()];
}

function all(tasks) {
  boxes = [];
  const these = el("button", { type: "button", on: { click: () => set((box) => box.defaultChecked) } }, "The usual ones");
  const every = el("button", { type: "button", on: { click: () => set(() => true) } }, "All");
  const none = el("button", { type: "button", on: { click: () => set(() => false) } }, "None");
  const set = (value) => {
    for (const box of boxes) box.checked = value(box);
    count();
  };
  const lacking = tasks.some((task) => task.ready === false) && " Where it says “no model”, one must be installed first.";
  const words = "Of each file those run that fit it. With none chosen, the usual ones run.";
  const note = el("p", { class: "sub" }, words, lacking);
  const choices = el("div", { class: "grid-of-tasks" }, ...merged(tasks).map(choice));
  by("tasks").append(choices, el("div", { class: "acts" }, these, every, none), note);
}

/** The tasks are asked for when somebody wants to see them. */
export function start() {
  const place = by("choose");
  let asked = false;
  place.addEventListener("toggle", async () => {
    if (!place.open || asked) return;
    asked = true;
    const told = el("p", { class: "sub" }, "Asking the service …");
    by("tasks").append(told);
    try {
      all((await json(address(PATHS.tasks))).tasks);
      told.remove();
    } catch (error) {
      told.textContent = error.message;
      asked = false;
      place.addEventListener("toggle", () => told.remove(), { once: true });
    }
  });
}
