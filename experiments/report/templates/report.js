// Draws each chart of the report anew from the data in the page: values under the pointer, zoom, lines on and off.
// Without scripts, and in print, the pictures stand.
(() => {
  const root = document.documentElement, drawn = [];
  const shade = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const variables = JSON.parse(document.getElementById("chart-colours").textContent);
  const colourOf = (hex) => (variables[hex] && shade(variables[hex])) || hex;
  const rises = (xs) => xs.every((x, i) => i === 0 || x > xs[i - 1]);

  function columns(lines) {
    const xs = [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
    const spread = (line, values) => {
      const at = new Map(line.x.map((x, i) => [x, values[i]]));
      return xs.map((x) => at.get(x) ?? null);
    };
    return [xs, spread];
  }

  function panel(holder, spec) {
    const [xs, spread] = columns(spec.lines);
    const data = [xs], bands = [];
    const series = [{ label: spec.x || "x" }];
    for (const line of spec.lines) {
      const stroke = colourOf(line.colour), scale = line.side === "right" ? "right" : "y";
      const faint = { scale, stroke: "transparent", points: { show: false }, spanGaps: true, legend: { show: false } };
      if (line.low) {
        data.push(spread(line, line.high), spread(line, line.low));
        series.push({ ...faint, label: `${line.label}, high` }, { ...faint, label: `${line.label}, low` });
        bands.push({ series: [data.length - 2, data.length - 1], fill: `${stroke}2e` });
      }
      data.push(spread(line, line.y));
      series.push({
        label: line.label, scale, stroke, width: line.points || !rises(line.x) ? 0 : 2, dash: line.dash ?? undefined,
        spanGaps: true, points: { show: line.points || !rises(line.x) || line.x.length <= 25, size: 6, fill: line.hollow ? shade("--paper") : stroke },
        value: (_, v) => (v === null || v === undefined ? "–" : Math.abs(v) < 10 ? v.toFixed(3) : v.toPrecision(4)),
      });
    }
    const axis = { stroke: shade("--ink"), grid: { stroke: shade("--line"), width: 1 }, ticks: { stroke: shade("--line") } };
    const axes = [{ ...axis, label: spec.x, labelSize: 18, size: 34 }, { ...axis, label: spec.y, labelSize: 18, size: 48 }];
    if (spec.right) axes.push({ ...axis, scale: "right", side: 1, label: spec.right, labelSize: 18, size: 48, grid: { show: false } });
    const width = Math.max(260, holder.clientWidth);
    const scales = { x: { time: false, ...(spec.log ? { distr: 3, log: 2 } : {}) }, y: { range: spec.range }, ...(spec.right ? { right: { range: spec.right_range } } : {}) };
    const hooks = { drawClear: [(u) => {
      u.ctx.fillStyle = shade("--soft");
      for (const mark of spec.marks) for (let y = u.bbox.top; y < u.bbox.top + u.bbox.height; y += 6) u.ctx.fillRect(u.valToPos(mark, "x", true), y, 1.5, 3);
      if (spec.grey === null) return;
      const left = u.valToPos(spec.grey, "x", true);  // beyond it: levels that were not trained on
      u.ctx.fillStyle = shade("--tint");
      u.ctx.fillRect(left, u.bbox.top, u.bbox.left + u.bbox.width - left, u.bbox.height);
    }] };
    const chart = new uPlot({ hooks, title: spec.title, width, height: 300, scales, axes, series, bands, cursor: { focus: { prox: 24 } }, focus: { alpha: 0.35 } }, data, holder);
    chart.root.querySelectorAll(".u-series").forEach((row, i) => {
      if (series[i].legend) row.style.display = "none";
      if (i === 0 || series[i].legend) return;
      const name = row.querySelector("th");
      Object.assign(name, { tabIndex: 0, role: "button", title: "show or hide" });
      const told = () => name.setAttribute("aria-pressed", String(chart.series[i].show));
      const flip = () => {
        const show = !chart.series[i].show;
        const own = spec.lines.find((line) => line.label === series[i].label && (line.side === "right" ? "right" : "y") === series[i].scale);
        if (own?.low) for (const j of [i - 2, i - 1]) chart.setSeries(j, { show });
        chart.setSeries(i, { show });
        told();
      };
      name.addEventListener("click", (event) => { event.stopImmediatePropagation(); flip(); }, true);
      name.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); flip(); } });
      told();
    });
    return chart;
  }

  function draw() {
    while (drawn.length) drawn.pop().destroy();
    for (const figure of document.querySelectorAll("figure[data-chart]")) {
      const specs = JSON.parse(document.getElementById(`data-${figure.dataset.chart}`).textContent);
      const holder = figure.querySelector(".live");
      holder.replaceChildren();
      figure.classList.add("drawn");
      const places = specs.map(() => document.createElement("div"));
      holder.append(...places);  // all first: their widths share the row
      specs.forEach((spec, i) => drawn.push(panel(places[i], spec)));
    }
  }

  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(draw, 200); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
