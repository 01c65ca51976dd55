// Elements from data: text is only ever set as text.

export const by = (id) => document.getElementById(id);

/** An element. `props`: attributes; `on` has listeners; what is null or false is left out. */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") for (const [kind, listener] of Object.entries(value)) made.addEventListener(kind, listener);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Show `sentence` in `place`, or hide that for none. */
export function tell(place, sentence) {
  place.textContent = sentence || "";
  place.hidden = !sentence;
}

let spoken = 0;

/** Say it to those who listen to the page. */
export function aloud(sentence) {
  const place = by("aloud");
  clearTimeout(spoken);
  spoken = setTimeout(() => (place.textContent = sentence), 150);
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];

export function bytes(count) {
  let unit = 0;
  for (; count >= 999.5 && unit < UNITS.length - 1; unit++) count /= 1000;
  return `${count < 10 && unit ? count.toFixed(1) : Math.round(count)} ${UNITS[unit]}`;
}

const WORDS = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const STEPS = [["second", 60], ["minute", 60], ["hour", 24], ["day", 30], ["month", 12], ["year", Infinity]];

/** "2 minutes ago". */
export function ago(ms) {
  let span = Math.min(0, Math.round((ms - Date.now()) / 1000));
  for (const [unit, next] of STEPS) {
    if (-span < next) return unit === "second" && -span < 10 ? "just now" : WORDS.format(span, unit);
    span = Math.round(span / next);
  }
  return "";
}

export function seconds(value) {
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 60) return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
  const minutes = Math.round(value / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
