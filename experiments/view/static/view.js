// The page. Texts from runs are only ever set as textContent: nothing that a model wrote becomes markup.
import { element, fill, get, options } from "./parts.js";
import { grown, show, showRollouts, startRollouts } from "./rollouts.js";
import { followCurves, startCurves } from "./curves.js";
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
  } else if (name === "compare") await startCompare(overview, listStep);  // policies may have answered since
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

const SECONDS = 3;
const TOLD = 3;  // faults that are told at once: a part of a copied folder has one for every stage that it lacks
const overview = await get("overview");
options(document.getElementById("study"), overview.map((study, i) => [String(i), study.name]));
document.title = `beyond view: ${overview.map((study) => study.name).join(", ")}`;
const [asked, id] = location.hash.slice(1).split("/");  // #curves, #rollouts/12
startRollouts(overview);
tellReading();
if (starters[asked]) open(asked);
else if (!overview.some((study) => study.arm.length || study.unread)) open("now");
else if (id) show(id);
tellDamage();
setInterval(follow, 1000 * SECONDS);

// What came since: the values to filter by, and rows of the list; points of the curves.
async function follow() {
  const before = overview.map(({ changes, metrics }) => ({ changes, metrics }));
  const found = await get("overview");
  found.forEach((study, i) => Object.assign(overview[i], study));
  tellReading();
  if (found.some((study, i) => study.changes !== before[i].changes)) grown(overview);
  if (started.curves && found.some((study, i) => study.metrics !== before[i].metrics)) followCurves();
}

function tellReading() {
  const unread = overview.reduce((sum, study) => sum + study.unread, 0);
  const lines = [...new Set(overview.map((study) => study.reading).filter(Boolean))];
  if (unread) lines.unshift(`Still reading the rollouts of ${unread.toLocaleString("en")} steps: lists are not whole yet.`);
  document.getElementById("reading").textContent = lines.join(" ");
  document.getElementById("reading").hidden = !lines.length;
}


async function tellDamage() {
  const damage = [...overview.flatMap((study) => study.trouble.map((row) => row.trouble)), ...(await get("damage")).flat()];
  const lines = damage.map((text) => element("li", { text })), rest = lines.splice(TOLD);
  if (rest.length) {
    const summary = element("summary", { text: `${rest.length} more are missing or damaged` });
    lines.push(element("li", {}, element("details", {}, summary, element("ul", {}, ...rest))));
  }
  fill(document.getElementById("damage"), ...lines);
  document.getElementById("damage").hidden = !damage.length;
}
