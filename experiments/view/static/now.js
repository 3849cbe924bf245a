// What the runs do: stages, time left, warnings, the newest samples; asked for again every few seconds.
import { element, fill, get, latest, number } from "./parts.js";

const SECONDS = 3;
const told = latest(() => get("now"));

export async function startNow() {
  await draw();
  setInterval(() => { if (!document.getElementById("now").hidden) draw(); }, 1000 * SECONDS);
}

async function draw() {
  const found = await told();
  fill(document.getElementById("now"), ...found.flatMap((study) => [
    element("h2", { text: `${study.folder} (${study.name}): ${study.state}${study.message ? `, ${study.message}` : ""}` }),
    ...study.stages.filter((row) => row.state !== "done").map(stage),
    ...done(study),
    ...(study.warnings.length ? [element("h2", { text: "Warnings" })] : []),
    ...study.warnings.map((row) => element("p", { text: `${row.stage}, seed ${row.seed}: ${row.message ?? row.warning ?? JSON.stringify(row)}` })),
    ...(study.samples.length ? [element("h2", { text: "Newest samples" })] : []),
    ...study.samples.map((row) => element("pre", { text: `${row.stage}, seed ${row.seed}, step ${row.step}\n${row.prompt ?? ""}\n${row.text ?? row.completion ?? JSON.stringify(row)}` })),
  ]));
}

// What is done takes a line, which can be opened: ten seeds have hundreds of stages.
function done(study) {
  const rows = study.stages.filter((row) => row.state === "done");
  if (!rows.length) return [];
  const made = element("details", { id: `done-${study.name}` }, element("summary", { text: `${rows.length} stage${rows.length > 1 ? "s are" : " is"} done` }), ...rows.map(stage));
  made.open = document.getElementById(made.id)?.open ?? false;
  return [made];
}

function stage(row) {
  const left = row.seconds_left;
  const made = element("div", { class: "state" },
    element("strong", { text: `${row.stage}, seed ${row.seed}: ${row.silent ? "no heartbeat" : row.state}` }));
  if (row.total) made.append(` ${number(row.done)} of ${number(row.total)}${left && row.state === "running" ? `, ${Math.round(left)} s left` : ""} ${row.note ?? ""}`);
  if (row.total && row.state === "running") made.append(element("br"), element("progress", { max: row.total, value: row.done, "aria-label": `${row.stage}: ${row.done} of ${row.total}` }));
  return made;
}
