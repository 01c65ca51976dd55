// The token: asked for when the service wants one, kept while the tab lives.
import { by, tell } from "./dom.js";

const KEY = "lookhear.token";
let kept = stored();
let asking = null;
let waiting = [];

function stored() {
  try {
    return sessionStorage.getItem(KEY) || "";
  } catch {
    return ""; // storage is blocked: the token lives as long as the page
  }
}

export const token = () => kept;

function use(value) {
  kept = value.replace(/^Bearer\s+/i, "").trim();
  try {
    if (kept) sessionStorage.setItem(KEY, kept);
    else sessionStorage.removeItem(KEY);
  } catch {
    // as above
  }
  by("token-button").classList.toggle("set", Boolean(kept));
  for (const go of waiting.splice(0)) go();
}

/** Resolves when a token has been given. */
export const given = () => new Promise((go) => waiting.push(go));

/** Ask the person; `why` is the service's sentence. False: they would rather not. All who ask meanwhile share the answer. */
export function ask(why = "") {
  asking ||= dialog(why).finally(() => (asking = null));
  return asking;
}

function dialog(why) {
  const box = by("token");
  const field = by("token-field");
  tell(by("token-why"), why);
  field.value = why ? "" : kept;
  box.returnValue = "no";
  box.showModal();
  field.focus();
  return new Promise((done) =>
    box.addEventListener(
      "close",
      () => {
        const yes = box.returnValue === "yes";
        if (yes) use(field.value);
        field.value = "";
        done(yes);
      },
      { once: true },
    ),
  );
}

export function start() {
  by("token-button").addEventListener("click", () => ask());
  by("token-button").classList.toggle("set", Boolean(kept));
  // Enter takes the first button of a form, and that is the one that gives up
  by("token-field").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    by("token").close("yes");
  });
}
