// Curves over steps, tokens, seconds or KL; a click lists the rollouts of that step.
import { element, fill, get, latest, number, options, table } from "./parts.js";

const COLOURS = ["#1f77b4", "#d95f02", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"];
const form = document.getElementById("axes"), boxes = document.getElementById("series"), plots = document.getElementById("plots");
let overview, listStep;
const hidden = new Set();
const AXES = { step: "step", tokens: "tokens sampled", seconds: "seconds of the run", kl: "KL from the start, nats per completion" };
let drawn = [], meanings = {}, held = { metrics: [], all: [] };
const curvesOf = latest((metrics, axis) => Promise.all(metrics.map((metric) => get("curves", { metric, axis }))));

export async function startCurves(studies, jump) {
  [overview, listStep] = [studies, jump];
  meanings = await get("metrics");
  const names = Object.keys(meanings).map((name) => [name, name]);
  options(form.elements.metric, names);
  options(form.elements.second, names, "no second");
  for (const wanted of ["eval/mean_solution", "eval/mean_verified", "reward/mean"]) if (names.some(([name]) => name === wanted)) { form.elements.metric.value = wanted; break; }
  form.addEventListener("change", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("resize", () => { clearTimeout(draw.waiting); draw.waiting = setTimeout(draw, 200); });
  await draw();
}

// Points came: they are drawn, unless somebody is looking into a part of a curve.
export function followCurves() {
  const isZoomed = drawn.some((chart) => chart.scales.x.min > chart.data[0][0] || chart.scales.x.max < chart.data[0].at(-1));
  if (!document.getElementById("curves").hidden && !isZoomed && !plots.matches(":hover")) draw();
}

async function draw() {
  const metrics = [form.elements.metric.value, form.elements.second.value].filter(Boolean);
  held = { metrics, all: await curvesOf(metrics, form.elements.axis.value) };
  show();
}

// What was asked for last, without asking again: lines go on and off at once.
function show() {
  const { metrics, all } = held;
  fill(plots);
  drawn = [];
  const keys = [...new Set(all.flat().map(keyOf))];
  choices(keys);
  for (const [i, metric] of metrics.entries()) {
    const found = all[i];
    plots.append(element("h2", { text: metric }));
    if (meanings[metric]) plots.append(element("p", { class: "hint", text: meanings[metric] }));
    const holder = element("div", { role: "img", "aria-label": summary(metric, found) });
    plots.append(holder);
    plot(holder, found, (key) => COLOURS[keys.indexOf(key) % COLOURS.length]);  // an arm has one colour in both
  }
}

const labelOf = (series) => `${overview.length > 1 ? `${overview[series.study].name}: ` : ""}${series.arm}`;
const keyOf = (series) => form.elements.bands.checked ? labelOf(series) : `${labelOf(series)}, seed ${series.seed}`;

function choices(keys) {
  if (keys.join("\n") === boxes.dataset.keys) return;  // who stands on one of them with the keyboard stays there
  boxes.dataset.keys = keys.join("\n");
  fill(boxes, element("legend", { text: "arms" }), ...keys.map((key) => {
    const box = element("input", { type: "checkbox", onchange: () => { box.checked ? hidden.delete(key) : hidden.add(key); show(); } });
    box.checked = !hidden.has(key);
    return element("label", {}, box, ` ${key}`);
  }));
}

function summary(metric, found) {
  return `${metric}: ` + found.map((s) => `${keyOf(s)} from ${s.y[0]?.toPrecision(3)} to ${s.y[s.y.length - 1]?.toPrecision(3)}`).join("; ");
}

function plot(holder, found, colourOf) {
  const groups = new Map();
  for (const series of found) if (!hidden.has(keyOf(series))) groups.set(keyOf(series), [...(groups.get(keyOf(series)) ?? []), series]);
  const xs = [...new Set(found.flatMap((series) => series.x))].sort((a, b) => a - b);
  const place = new Map(xs.map((x, i) => [x, i]));
  const label = AXES[form.elements.axis.value];
  const data = [xs], series = [{ label }], bands = [], means = [];  // means: [arm, its seeds, mean at every x]
  [...groups].forEach(([key, members]) => {
    const columns = members.map((member) => {
      const column = new Array(xs.length).fill(null);
      member.x.forEach((x, j) => { column[place.get(x)] = member.y[j]; });
      return column;
    });
    const over = (rule) => xs.map((_, j) => { const values = columns.map((c) => c[j]).filter((v) => v !== null); return values.length ? rule(values) : null; });
    const colour = colourOf(key);
    if (columns.length > 1) {
      data.push(over((v) => Math.max(...v)), over((v) => Math.min(...v)));
      for (const end of ["most", "least"]) series.push({ label: `${key} ${end}`, stroke: colour, width: 0.4, spanGaps: true, points: { show: false }, isEdge: true });
      bands.push({ series: [data.length - 2, data.length - 1], fill: `${colour}22` });
    }
    data.push(over((v) => v.reduce((a, b) => a + b, 0) / v.length));
    means.push([key, members, data.at(-1)]);
    series.push({ label: key, stroke: colour, width: 2, spanGaps: true, points: { size: 5 } });
  });
  if (!xs.length) { holder.append("no values of this metric"); return; }
  const ink = getComputedStyle(document.body).color, faint = getComputedStyle(document.documentElement).getPropertyValue("--line");
  const axis = { stroke: ink, grid: { stroke: faint, width: 1 }, ticks: { stroke: faint } };
  const chart = new uPlot({ width: Math.max(300, holder.clientWidth), height: 340, scales: { x: { time: false } }, axes: [{ ...axis, label, labelSize: 20 }, { ...axis, size: 60 }], series, bands }, data, holder);
  drawn.push(chart);
  chart.root.querySelectorAll(".u-series").forEach((row, i) => { if (series[i].isEdge) row.remove(); });
  const list = (members, x) => {
    const near = members.find((s) => s.x.includes(x));
    const step = near?.step[near.x.indexOf(x)];
    if (near) listStep(near.study, { arm: near.arm, step_from: String(Math.max(0, step - 1)), step_to: String(step) });
  };
  chart.over.addEventListener("click", () => {
    const at = chart.cursor.idx, y = chart.posToVal(chart.cursor.top, "y");
    const here = means.filter(([, , mean]) => mean[at] !== null).sort(([, , a], [, , b]) => Math.abs(a[at] - y) - Math.abs(b[at] - y));
    if (here.length) list(here[0][1], xs[at]);  // of the curve that is nearest
  });
  const values = element("details", {}, element("summary", { text: "values, and the rollouts behind them" }));
  values.addEventListener("toggle", () => {
    if (values.children.length > 1) return;
    values.append(table([label, ...means.map(([key]) => key)], xs.map((x, i) => [number(x, 5), ...means.map(([, members, mean]) =>
      mean[i] === null ? "" : element("button", { class: "link", onclick: () => list(members, x), text: number(mean[i]) }))])));
  });
  holder.after(values);
}
