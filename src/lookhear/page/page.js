"use strict";
const two = (n) => String(Math.floor(n)).padStart(2, "0");
const clock = (s, all) => {
  if (all < 60) return s.toFixed(all < 2 ? 3 : 2) + " s";
  const rest = (s % 60).toFixed(1).padStart(4, "0");
  return s < 3600 ? Math.floor(s / 60) + ":" + rest : Math.floor(s / 3600) + ":" + two(s / 60 % 60) + ":" + rest;
};
const signed = (v, digits = 1) => v.toFixed(digits).replace("-", "\u2212");
const before = (times, t) => { // how many lie at or before t
  let low = 0, high = times.length;
  while (low < high) { const mid = (low + high) >> 1; if (times[mid] <= t + 0.01) low = mid + 1; else high = mid; }
  return low;
};

// The pixels of a spectrogram are palette indices in PNG: read back once, when someone points at it.
function levels(plot) {
  if (plot.levels) return plot.levels;
  const image = plot.querySelector("img"), canvas = document.createElement("canvas");
  if (!image.complete || !image.naturalWidth) return null;
  const width = canvas.width = image.naturalWidth, height = canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, width, height).data;
  const anchors = [[0, 0, 4], [44, 17, 95], [114, 31, 129], [183, 55, 121], [241, 96, 93], [254, 176, 120], [252, 253, 191]];
  const index = new Map();
  for (let v = 255; v >= 0; v--) {
    const x = v / 255 * 6, i = Math.min(Math.floor(x), 5), f = x - i;
    const rgb = anchors[i].map((c, k) => Math.round(c + (anchors[i + 1][k] - c) * f));
    index.set(rgb[0] << 16 | rgb[1] << 8 | rgb[2], v);
  }
  const at = (x, y) => {
    const o = 4 * (y * width + x), key = data[o] << 16 | data[o + 1] << 8 | data[o + 2];
    return index.get(key);
  };
  return plot.levels = { width, height, at };
}

const readers = {
  waveform(series, t) {
    const value = series.peak[Math.min(series.peak.length - 1, Math.floor(t / series.step))];
    let text = value === undefined ? "" : "peak " + signed(value) + " dBFS";
    if (series.beats && before(series.beats, t)) {
      const beat = before(series.beats, t), bar = before(series.bars, t);
      text += bar ? " · bar " + bar + ", beat " + (beat - before(series.beats, series.bars[bar - 1]) + 1) : " · beat " + beat;
    }
    return text;
  },
  spectrogram(series, t, plot, up) {
    const found = levels(plot);
    const share = (t - series.start) / series.span, height = up === null ? null : Math.min(0.9999, Math.max(0, up));
    if (height === null) return "";
    const m = series.low + height * (series.high - series.low), hz = m < 15 ? m * 200 / 3 : 1000 * Math.exp(Math.log(6.4) / 27 * (m - 15));
    let text = (hz < 1000 ? Math.round(hz) + " Hz" : (hz / 1000).toFixed(2) + " kHz");
    if (found && share >= 0 && share < 1) {
      const value = found.at(Math.floor(share * found.width), Math.floor((1 - height) * found.height));
      if (value !== undefined) text += value === 0 ? " · silent" : " · " + signed((value - 255) * series.db, 0) + " dB of the loudest";
    }
    return text;
  },
  film(series, t) {
    return series.cuts ? "scene " + (before(series.cuts, t) + 1) : "";
  },
  speech(series, t) {
    const i = Math.min(series.values.length - 1, Math.max(0, Math.round((t - series.start) / series.step)));
    return "speech " + Math.round(100 * series.values[i]) + " %";
  },
  courses(series, t) {
    const i = Math.min(series.light.length - 1, Math.floor(t / series.step)), moved = series.moved[i];
    return "brightness " + Math.round(100 * series.light[i]) + " %" + (moved === undefined ? "" : " · movement " + moved.toFixed(2));
  },
  loudness(series, t) {
    const value = series.values[Math.round((t - series.start) / series.step)];
    return value === null || value === undefined ? "—" : signed(value) + " LUFS";
  },
};

for (const stack of document.querySelectorAll(".tracks")) {
  const seconds = +stack.dataset.seconds;
  const plots = [...stack.querySelectorAll(".plot")].map((plot) => {
    const cursor = plot.appendChild(document.createElement("div"));
    cursor.className = "cursor";
    return { plot, cursor, out: plot.closest(".track").querySelector("output"), series: JSON.parse(plot.dataset.series) };
  });
  let now = 0;
  const show = (share, source, up) => {
    now = Math.min(1, Math.max(0, share));
    for (const { plot, cursor, out, series } of plots) {
      cursor.style.display = "block";
      cursor.style.left = 100 * now + "%";
      const text = readers[plot.dataset.kind](series, now * seconds, plot, plot === source ? up : null);
      out.textContent = clock(now * seconds, seconds) + (text ? " · " + text : "");
    }
  };
  const hide = () => plots.forEach(({ cursor, out }) => { cursor.style.display = "none"; out.textContent = ""; });
  for (const { plot } of plots) {
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      show((event.clientX - box.left) / box.width, plot, 1 - (event.clientY - box.top) / box.height);
    });
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.005, ArrowRight: 0.005, PageUp: -0.05, PageDown: 0.05, Home: -1, End: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      show(now + step, plot, null);
    });
  }
  const page = stack.closest("article");
  page.querySelectorAll("button[data-at]").forEach((button) => { button.disabled = false; });
  page.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-at]");
    if (!button) return;
    show(button.dataset.at / seconds, null, null);
    stack.scrollIntoView({ block: "nearest" });
  });
}

for (const table of document.querySelectorAll(".files")) {
  const heads = [...table.querySelectorAll("thead th")], body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (button) button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down === 1 ? "ascending" : "descending");
      const value = (row) => row.cells[column] && row.cells[column].dataset.sort;
      const compare = (a, b) => {
        const x = value(a), y = value(b);
        if (x === undefined || y === undefined) return (x === undefined) - (y === undefined); // what is missing goes last
        return down * (isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y);
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}

function open() { // a link to a file, or into it, opens it
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const fold = target && target.closest("details.file");
  if (fold) { fold.open = true; target.scrollIntoView(); }
}
addEventListener("hashchange", open);
open();
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
