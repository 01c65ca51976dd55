// The report of a job, or what there is instead.
import { PATHS, address, json, request } from "./api.js";
import { el } from "./dom.js";

/** An element with it. The frame has no origin: what is in a report stays there. */
export async function report(id, name) {
  try {
    const answer = await request(address(PATHS.report, { id }), { headers: { Accept: "text/html" } });
    const html = await answer.text();
    const frame = el("iframe", { src: "view.html", sandbox: "allow-scripts", title: `Report on ${name}` });
    frame.addEventListener("load", () => frame.contentWindow.postMessage(html, "*"), { once: true });
    return frame;
  } catch (error) {
    const told = el("p", { class: "why" }, error.message);
    return error.status === 404 ? ((await result(id)) ?? told) : told;
  }
}

/** Other contracts keep no report, but a result. */
async function result(id) {
  try {
    const { result } = await json(address(PATHS.job, { id }));
    return result && el("pre", { class: "raw", tabindex: 0 }, JSON.stringify(result, null, 2));
  } catch {
    return null;
  }
}
