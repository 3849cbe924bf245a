// One pair at a time; keys 1, 2, 0 answer, u takes the latest answer back. Texts are set as textContent alone.
import { typeset } from "./typeset.js";

const at = (id) => document.getElementById(id);
let shown = null, began = 0, busy = false;

async function ask(path, query = {}, method = "GET") {
  const url = new URL(`/api/${path}`, location.href);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const answer = await fetch(url, { method });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? answer.statusText);
  return body;
}

async function step(path, query, method) {
  if (busy) return;
  busy = true;
  try {
    show(await ask(path, query, method));
    at("trouble").hidden = true;
  } catch (error) {
    at("trouble").textContent = `${error.message}; nothing was lost, try again`;
    at("trouble").hidden = false;
  }
  busy = false;
}

function show(state) {
  shown = state;
  const left = state.total - state.done, minutes = state.seconds_each ? Math.ceil((left * state.seconds_each) / 60) : null;
  at("progress").textContent = `${state.annotator}: ${state.done} of ${state.total} answered${minutes ? `, about ${minutes} min left` : ""}`;
  const isOver = state.summary !== undefined;
  at("task").hidden = isOver;
  at("end").hidden = !isOver;
  if (isOver) return finish(state.summary);
  for (const name of ["prompt", "first", "second"]) at(name).replaceChildren(...typeset(state[name]));
  at("reason").value = "";
  began = performance.now();
}

function finish(summary) {
  const share = ([equal, all]) => (all ? `${equal} of ${all} (${Math.round((100 * equal) / all)} %)` : "no pair to tell");
  const lines = [
    `All pairs are answered: 1 was better ${summary.counts.first} times, 2 ${summary.counts.second} times, ${summary.counts.tie} tie${summary.counts.tie === 1 ? "" : "s"}.`,
    `Where exactly one of the two was right, the right one was chosen in ${share(summary.with_truth)}.`,
    ...Object.entries(summary.with_others).map(([name, counts]) => `Equal answers with ${name}: ${share(counts)}.`),
    `For a study: preference: {comparisons: ${summary.file}}`,
  ];
  at("end").replaceChildren(...lines.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
}

const choose = (answer) => step("answer", { position: shown.position, answer, seconds: ((performance.now() - began) / 1000).toFixed(2), reason: at("reason").value }, "POST");

document.addEventListener("keydown", (event) => {
  if (event.target === at("reason") || event.ctrlKey || event.metaKey || event.altKey) return;
  const answer = { 1: "first", 2: "second", 0: "tie" }[event.key];
  if (answer && shown && !shown.summary) choose(answer);
  else if (event.key === "u") step("undo", {}, "POST");
});
for (const button of document.querySelectorAll("[data-answer]")) button.addEventListener("click", () => choose(button.dataset.answer));
at("undo").addEventListener("click", () => step("undo", {}, "POST"));
step("pair");
