// The page. Texts from runs are only ever set as textContent: nothing that a model wrote becomes markup.
import { element, fill, get, options } from "./parts.js";
import { show, showRollouts, startRollouts } from "./rollouts.js";
import { startCurves } from "./curves.js";
import { startCompare } from "./compare.js";
import { startNow } from "./now.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
const started = {};
const starters = { curves: startCurves, compare: startCompare, now: startNow };

export async function open(name) {
  for (const tab of tabs) {
    const isChosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
  }
  history.replaceState(null, "", `#${name}`);
  if (starters[name] && !started[name]) {
    started[name] = true;
    await starters[name](overview, listStep);
  }
}

function listStep(study, filters) {
  document.getElementById("study").value = String(study);
  open("rollouts");
  showRollouts(overview, filters);
}

for (const tab of tabs) {
  tab.addEventListener("click", () => open(tab.id.slice(4)));
  tab.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length];
    next.focus();
    open(next.id.slice(4));
  });
}

const overview = await get("overview");
options(document.getElementById("study"), overview.map((study, i) => [String(i), study.name]));
const damage = overview.flatMap((study) => [...study.damage, ...study.trouble.map((row) => row.trouble)]);
fill(document.getElementById("damage"), ...damage.map((text) => element("li", { text })));
document.getElementById("damage").hidden = !damage.length;
document.title = `beyond view: ${overview.map((study) => study.name).join(", ")}`;
const [asked, id] = location.hash.slice(1).split("/");  // #curves, #rollouts/12
startRollouts(overview);
if (starters[asked]) open(asked);
else if (!overview.some((study) => study.arm.length)) open("now");
else if (id) show(id);
