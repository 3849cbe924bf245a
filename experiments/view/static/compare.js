// Two policies beside each other: settings that differ, problems that one solves more often.
import { element, fill, get, number, options, table } from "./parts.js";

const form = document.getElementById("sides");

export async function startCompare(overview, listStep) {
  const policies = overview.flatMap((study, i) => study.tested.map(({ arm, seed }) => [JSON.stringify([i, `${arm}@${seed}`]), `${study.name} · ${arm} · seed ${seed}`]));
  for (const side of ["left", "right"]) options(form.elements[side], policies);
  if (policies.length > 1) form.elements.right.value = policies[1][0];
  form.addEventListener("change", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  if (policies.length) await draw();
  else document.getElementById("flip-count").textContent = "no policy of these studies has answered the final problems yet";

  async function draw() {
    const [left, right] = ["left", "right"].map((side) => JSON.parse(form.elements[side].value));
    const settings = await get("differences", { left: left[0], right: right[0] });
    fill(document.getElementById("settings"), settings.length
      ? table(["setting", "left", "right"], settings.map((row) => [row.key, JSON.stringify(row.left), JSON.stringify(row.right)]))
      : element("p", { class: "hint", text: "none: one study, or two of one config" }));
    const found = await get("flips", { left: left[0], right: right[0], left_policy: left[1], right_policy: right[1] });
    document.getElementById("flip-count").textContent = `${found.differing} of ${found.shared} shared problems are solved unequally often (share of verified samples)`;
    fill(document.getElementById("flips"), table(["level", "left", "right", "problem", ""], found.rows.map((row) => [
      row.level, number(row.left), number(row.right), row.prompt || row.problem,
      element("button", { class: "link", text: "rollouts", onclick: () => listStep(right[0], { problem: row.problem }) })])));
  }
}
