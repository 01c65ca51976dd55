// What happens to jobs, as it happens. EventSource cannot send a token, so the stream is read by hand.
import { PATHS, address, bearer, sentence } from "./api.js";
import { given } from "./token.js";

const SHORTEST = 1000; // ms until the next try
const LONGEST = 15000;
const SILENCE = 60000; // ms after which a stream counts as lost: the service sends something every 15 s

/** Calls `told({kind, data})` for each event, and `state(true | false)` when the stream begins or breaks. Never ends. */
export async function follow(told, state) {
  let wait = SHORTEST;
  for (;;) {
    try {
      await read(
        (event) => event.data && told(event),
        () => {
          wait = SHORTEST;
          state(true); // who listens asks how things stand, so what was missed need not be told again
        },
      );
    } catch (error) {
      if (error.status === 401) await given();
    }
    state(false);
    await new Promise((go) => setTimeout(go, wait));
    wait = Math.min(wait * 2, LONGEST);
  }
}

async function read(told, begun) {
  const stop = new AbortController();
  let silence = setTimeout(() => stop.abort(), SILENCE);
  const headers = { Accept: "text/event-stream", ...bearer() };
  try {
    const answer = await fetch(address(PATHS.events), { headers, signal: stop.signal, cache: "no-store" });
    if (!answer.ok) throw Object.assign(new Error(sentence(answer.status, "")), { status: answer.status });
    begun();
    const parse = parser(told);
    const text = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await text.read(); !part.done; part = await text.read()) {
      clearTimeout(silence);
      silence = setTimeout(() => stop.abort(), SILENCE);
      parse(part.value);
    }
  } finally {
    clearTimeout(silence);
  }
}

/** Takes the stream in pieces of any size. */
export function parser(told) {
  let rest = "";
  let event = { kind: "message", data: "" };
  const line = (text) => {
    if (text === "") {
      if (event.data) told({ ...event, data: parsed(event.data) });
      event = { kind: "message", data: "" };
      return;
    }
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(text);
    if (name === "event") event.kind = value;
    else if (name === "data") event.data += event.data ? `\n${value}` : value;
  };
  return (piece) => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    lines.forEach(line);
  };
}

function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null; // not from the service
  }
}
