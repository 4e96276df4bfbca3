"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const view = { axis: data.axis, log: false, seeds: false, smooth: 0 };
const HIGH = 230, LEFT = 56, RIGHT = 22, TOP = 8, BOTTOM = 34;

function add(parent, name, attributes = {}, text = "") {
  const made = document.createElementNS(parent.namespaceURI === "http://www.w3.org/2000/svg" || name === "svg" ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

// Numbers for a reader.
function shown(value) {
  return value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6) ? value.toExponential(1) : String(+value.toPrecision(4));
}
function place(value) {
  if (view.axis === "seconds") return value < 120 ? `${+value.toPrecision(3)} s` : value < 7200 ? `${+(value / 60).toPrecision(3)} min` : `${+(value / 3600).toPrecision(3)} h`;
  return value < 10000 ? String(Math.round(value)) : value < 1e6 ? `${+(value / 1e3).toPrecision(4)}k` : `${+(value / 1e6).toPrecision(4)}M`;
}

// Round numbers between two values, some four of them; of a logarithmic axis powers of ten where they are enough.
function ticks(low, high, log) {
  if (log && high / low >= 100) {
    const powers = [];
    const every = Math.ceil(Math.log10(high / low) / 5);
    for (let p = Math.ceil(Math.log10(low)); p <= Math.log10(high); p += every) powers.push(10 ** p);
    return powers;
  }
  const rough = (high - low) / 5, unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * unit).find((n) => n >= rough);
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high && found.length < 10; n++) found.push(n * step);
  return found;
}

// A moving average that forgets exponentially, without a bias to 0 at its start.
function smoothed(values) {
  let sum = 0, weight = 0;
  return values.map((value) => {
    sum = view.smooth * sum + (1 - view.smooth) * value;
    weight = view.smooth * weight + 1 - view.smooth;
    return sum / weight;
  });
}

// The lines of a panel as they are to be drawn: points [x, y, low, high, raw] on the chosen axes.
function lines(panel) {
  const joined = new Set(panel.lines.filter((line) => line.deviations).map((line) => line.setting));
  return panel.lines.filter((line) => line.deviations || view.seeds || !joined.has(line.setting)).map((line) => {
    const values = smoothed(line.values), deviations = smoothed(line.deviations || line.values.map(() => 0));
    const points = values.map((y, i) => [line[view.axis][i], y, y - deviations[i], y + deviations[i], line.values[i]]);
    const seed = !line.deviations && joined.has(line.setting);
    return { line, seed, points: points.filter(([x, y]) => x !== null && (!view.log || y > 0)) };
  });
}

function draw(figure) {
  const panel = data.panels[figure.dataset.panel], better = { true: "higher is better", false: "lower is better" }[panel.higher];
  figure.replaceChildren();
  add(add(figure, "h3", {}, panel.name), "small", {}, better || "");
  const wide = Math.max(220, figure.clientWidth), found = lines(panel), all = found.flatMap((one) => one.points);
  const missing = panel.lines.some((line) => line[view.axis].includes(null));
  const svg = add(figure, "svg", { viewBox: `0 0 ${wide} ${HIGH}`, tabindex: "0", role: "img", "aria-label": `${panel.name} over ${data.axes[view.axis]}; arrow keys read values` });
  const readout = add(figure, "p", { class: "readout", "aria-live": "polite" });
  const hint = missing ? "Runs that did not record this axis are left out." : "";
  readout.textContent = hint;
  if (!all.length) { add(svg, "text", { x: LEFT, y: HIGH / 2 }, "nothing to show on these axes"); return; }
  let [low, high] = [Math.min(...all.map((p) => (view.log && p[2] <= 0 ? p[1] : p[2]))), Math.max(...all.map((p) => p[3]))];
  const flat = high - low <= 1e-9 * Math.max(Math.abs(low), Math.abs(high)); // but for rounding
  if (flat) [low, high] = view.log ? [low / 2, high * 2] : [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
  const start = Math.min(...all.map((p) => p[0])), end = Math.max(...all.map((p) => p[0]));
  const x = (value) => LEFT + ((value - start) / (end - start || 1)) * (wide - LEFT - RIGHT);
  const scale = view.log ? Math.log : (value) => value;
  const y = (value) => TOP + (1 - (scale(view.log && value <= 0 ? low : value) - scale(low)) / (scale(high) - scale(low))) * (HIGH - TOP - BOTTOM);
  for (const value of ticks(low, high, view.log)) {
    add(svg, "line", { class: "tick", x1: LEFT, x2: wide - RIGHT, y1: y(value), y2: y(value) });
    add(svg, "text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, shown(value));
  }
  for (const value of end > start ? ticks(start, end, false) : [start]) {
    add(svg, "text", { x: x(value), y: HIGH - 18, "text-anchor": "middle" }, place(value));
  }
  add(svg, "text", { x: (LEFT + wide - RIGHT) / 2, y: HIGH - 3, "text-anchor": "middle" }, data.axes[view.axis]);
  for (const { line, seed, points } of found) {
    if (!points.length) continue;
    const way = (column, some) => some.map((p) => `${x(p[0]).toFixed(1)},${y(p[column]).toFixed(1)}`).join(" ");
    const kind = `s${line.setting % 8}`;
    if (line.deviations) add(svg, "polygon", { class: `band ${kind}`, points: `${way(3, points)} ${way(2, [...points].reverse())}` });
    if (view.smooth && !line.deviations) add(svg, "polyline", { class: `line thin ${kind}`, points: way(4, points.filter((p) => !view.log || p[4] > 0)) });
    add(svg, "polyline", { class: `line ${seed ? "thin" : ""} ${kind}`, points: way(1, points) });
    if (points.length < 12) for (const p of points) add(svg, "circle", { class: `dot ${kind}`, cx: x(p[0]), cy: y(p[1]), r: seed ? 1.5 : 2.5 });
    const last = points[points.length - 1];
    if (!seed) add(svg, "text", { class: `end ${kind}`, x: x(last[0]) + 5, y: y(last[1]) + 4 }, data.letters[line.setting]);
  }
  const places = [...new Set(all.map((p) => p[0]))].sort((a, b) => a - b);
  const cursor = add(svg, "line", { class: "cursor", y1: TOP, y2: HIGH - BOTTOM, visibility: "hidden" });
  let at = places.length;
  const read = (number) => {
    at = Math.max(0, Math.min(places.length - 1, number));
    for (const name of ["x1", "x2"]) cursor.setAttribute(name, x(places[at]));
    cursor.setAttribute("visibility", "visible");
    const near = (points) => points.reduce((best, p) => (Math.abs(p[0] - places[at]) < Math.abs(best[0] - places[at]) ? p : best));
    const values = found.filter(({ points }) => points.length).map(({ line, points }) => {
      const p = near(points), name = data.letters[line.setting] + (line.run === null || line.run === undefined ? "" : ` seed ${line.run}`);
      return `${name} ${shown(p[1])}` + (line.deviations ? ` ± ${shown((p[3] - p[2]) / 2)}` : "");
    });
    readout.textContent = `${data.axes[view.axis]} ${place(places[at])}: ${values.join(", ")}`;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect(), wanted = start + ((event.clientX - box.left) / box.width * wide - LEFT) / (wide - LEFT - RIGHT) * (end - start);
    read(places.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(places[best] - wanted) ? i : best), 0));
  });
  svg.addEventListener("pointerleave", () => { cursor.setAttribute("visibility", "hidden"); readout.textContent = hint; });
  svg.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (move !== undefined) { event.preventDefault(); read(at + move); }
  });
}

const charts = [...document.querySelectorAll(".chart")];
const redraw = () => charts.filter((figure) => figure.clientWidth).forEach(draw);
const controls = document.getElementById("controls");
if (controls) {
  controls.addEventListener("input", () => {
    Object.assign(view, { axis: controls.elements.axis.value, log: controls.elements.log.checked, seeds: controls.elements.seeds?.checked, smooth: +controls.elements.smooth.value });
    controls.querySelector("output").textContent = view.smooth;
    redraw();
  });
  controls.addEventListener("submit", (event) => event.preventDefault());
  document.querySelectorAll("details").forEach((details) => details.addEventListener("toggle", redraw));
  let width = 0;
  new ResizeObserver(() => { if (width !== document.body.clientWidth) { width = document.body.clientWidth; redraw(); } }).observe(document.body);
}

const slider = document.getElementById("slider");
if (slider) {
  const show = () => {
    const number = +slider.elements.round.value;
    slider.querySelector("output").textContent = data.rounds[number].toLocaleString("en");
    document.querySelectorAll("img[data-run]").forEach((image) => {
      const at = data.at[image.dataset.run][number];
      image.hidden = at === null;
      if (at !== null) image.src = data.pictures[image.dataset.run][at];
      const stands = at !== null && number && data.at[image.dataset.run][number - 1] === at;
      image.parentNode.querySelector("span").textContent = at === null ? "no picture yet" : stands ? "its last picture until then" : "";
    });
  };
  slider.addEventListener("input", show);
  slider.addEventListener("submit", (event) => event.preventDefault());
  show();
}
