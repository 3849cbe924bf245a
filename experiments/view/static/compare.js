// Two policies beside each other: settings that differ, problems that one solves more often.
import { element, fill, get, latest, number, options, table } from "./parts.js";

const form = document.getElementById("sides");

const compared = latest((left, right) => Promise.all([
  get("differences", { left: left[0], right: right[0] }),
  get("flips", { left: left[0], right: right[0], left_policy: left[1], right_policy: right[1] }),
]));
let shown = null;  // the policies that can be chosen, as text

export async function startCompare(overview, listStep) {
  const tested = await get("tested");
  const policies = overview.flatMap((study, i) => tested[i].map(({ arm, seed }) => [JSON.stringify([i, `${arm}@${seed}`]), `${study.name} · ${arm} · seed ${seed}`]));
  if (!policies.length) {
    document.getElementById("flip-count").textContent = "no policy of these studies has answered the final problems yet";
    return;
  }
  const isFirst = shown === null;
  if (shown === JSON.stringify(policies)) return;
  shown = JSON.stringify(policies);
  for (const side of ["left", "right"]) options(form.elements[side], policies);
  if (!isFirst) return;
  // what most people come for: what RL solved and RLHF lost
  const named = (arm) => policies.find(([value]) => JSON.parse(value)[1].split("@")[0] === arm)?.[0];
  if (named("rlhf") && named("rl")) [form.elements.left.value, form.elements.right.value] = [named("rlhf"), named("rl")];
  else if (policies.length > 1) form.elements.right.value = policies[1][0];
  form.addEventListener("change", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  await draw();

  async function draw() {
    const [left, right] = ["left", "right"].map((side) => JSON.parse(form.elements[side].value));
    const [settings, found] = await compared(left, right);
    fill(document.getElementById("settings"), settings.length
      ? table(["setting", "left", "right"], settings.map((row) => [row.key, JSON.stringify(row.left), JSON.stringify(row.right)]))
      : element("p", { class: "hint", text: "none: one study, or two of one config" }));
    document.getElementById("flip-count").textContent = `${found.differing} of ${found.shared} shared problems are solved unequally often (share of verified samples)`;
    fill(document.getElementById("flips"), table(["level", "left", "right", "problem", ""], found.rows.map((row) => [
      row.level, number(row.left), number(row.right), row.prompt || row.problem,
      row.left_text || row.right_text ? answers(row) : similar(row, left, right)])));
  }

  function answers(row) {
    const side = (name, text) => [element("div", { class: "hint", text: name }), element("pre", { text: text ?? "not kept" })];
    return element("details", {}, element("summary", { text: "greedy answers" }), ...side("left", row.left_text), ...side("right", row.right_text));
  }

  // test problems are in no training log: training problems of the level that one solves and the other does not
  function similar(row, left, right) {
    const [worse, better] = row.left < row.right ? [left, right] : [right, left];
    const arm = (policy) => policy[1].split("@")[0].split("/")[0];
    return element("button", { class: "link", text: `like it in training`, onclick: () => listStep(better[0], { level: row.level, right_in: arm(better), wrong_in: arm(worse) }) });
  }
}
