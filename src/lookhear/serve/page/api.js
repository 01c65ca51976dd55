// Talks to the service: addresses, the token, and problems as the sentences they are.
import { ask, token } from "./token.js";

/** All that the page asks for, written as the service's own description has it. */
export const PATHS = {
  analyze: "/analyze",
  tasks: "/tasks",
  jobs: "/job",
  job: "/job/{id}",
  report: "/job/{id}/report",
  json: "/job/{id}/report.json",
  events: "/events",
  search: "/search",
  health: "/health",
  stats: "/stats",
  models: "/models",
};

const ROOT = new URL("..", document.baseURI); // the page lies at ui/, wherever the service itself lies

export class Problem extends Error {
  constructor(sentence, status = 0) {
    super(sentence);
    this.status = status;
  }
}

/** The address of one of PATHS; query values that are empty are left out. */
export function address(path, parts = {}, query = {}) {
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(parts[name]));
  const url = new URL(filled.slice(1), ROOT);
  for (const [name, value] of Object.entries(query)) {
    if (value !== "" && value !== null && value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

/** What went wrong, from an answer's body. */
export function sentence(status, body) {
  try {
    const { detail } = JSON.parse(body);
    if (typeof detail === "string" && detail) return detail;
    if (Array.isArray(detail)) return detail.map((one) => one.msg).join(" ");
  } catch {
    // no JSON: something between us and the service has answered
  }
  return `The service answered with the status ${status}. Try again in a moment.`;
}

export const bearer = () => (token() ? { Authorization: `Bearer ${token()}` } : {});

/** The answer, if it is a good one. Asks for a token when it takes one, unless `quiet`. Throws Problem. */
export async function request(url, { quiet = false, headers = {}, ...rest } = {}) {
  for (;;) {
    const sent = token();
    let answer;
    try {
      const all = { Accept: "application/json", ...headers, ...bearer() };
      answer = await fetch(url, { ...rest, headers: all, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem("The service cannot be reached. Is it still running?");
    }
    if (answer.ok) return answer;
    const why = sentence(answer.status, await answer.text());
    if (answer.status !== 401 || quiet) throw new Problem(why, answer.status);
    if (token() === sent && !(await ask(why))) throw new Problem(why, 401);
  }
}

export const json = async (url, options) => (await request(url, options)).json();

/** Send a form; `progress` is told 0..1, `stop` is an AbortSignal. Resolves to the JSON of the answer; throws Problem. */
export async function send(url, form, how) {
  for (;;) {
    const sent = token();
    const { status, body } = await post(url, form, how);
    if (status >= 200 && status < 300) return JSON.parse(body);
    const why = sentence(status, body);
    if (status !== 401) throw new Problem(why, status);
    if (token() === sent && !(await ask(why))) throw new Problem(why, 401);
  }
}

function post(url, form, { headers, progress, stop }) {
  return new Promise((done, failed) => {
    const call = new XMLHttpRequest(); // fetch tells nothing of what has been sent
    const broken = "The upload broke off. Is the service still running, and can the file still be read?";
    call.open("POST", url);
    for (const [name, value] of Object.entries({ Accept: "application/json", ...headers, ...bearer() })) {
      call.setRequestHeader(name, value);
    }
    call.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    call.onload = () => done({ status: call.status, body: call.responseText });
    call.onerror = () => failed(new Problem(broken));
    call.onabort = () => failed(new DOMException("stopped", "AbortError"));
    stop.addEventListener("abort", () => call.abort(), { once: true });
    if (stop.aborted) failed(new DOMException("stopped", "AbortError"));
    else call.send(form);
  });
}
