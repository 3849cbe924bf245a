// The list of rollouts (only the rows in sight exist) and the one that is looked at.
import { element, fill, get, latest, number, options } from "./parts.js";
import { typeset } from "./typeset.js";

const HEIGHT = 44, PAGE = 200;
const list = document.getElementById("list"), space = document.getElementById("space");
const form = document.getElementById("filters"), study = document.getElementById("study");
const newer = document.getElementById("newer");
let pages = new Map(), total = 0, chosen = -1, asked = 0;

function query() {
  const found = { study: study.value || "0" };
  for (const [name, value] of new FormData(form)) if (value) found[name] = value;
  return found;
}

async function page(index) {
  if (!pages.has(index)) pages.set(index, get("rollouts", { ...query(), offset: index * PAGE, limit: PAGE }).then((found) => found.rows));
  return pages.get(index);
}

async function row(index) {
  return (await page(Math.floor(index / PAGE)))[index % PAGE];
}

async function reload() {
  const mine = ++asked;
  const found = await get("rollouts", { ...query(), offset: 0, limit: PAGE });
  if (mine !== asked) return;
  pages = new Map([[0, Promise.resolve(found.rows)]]);
  total = found.total;
  chosen = -1;
  space.style.height = `${total * HEIGHT}px`;
  list.scrollTop = 0;
  newer.hidden = true;
  document.getElementById("count").textContent = `${total.toLocaleString("en")} rollouts`;
  await draw();
}

async function draw() {
  const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 4);
  const last = Math.min(total, first + Math.ceil(list.clientHeight / HEIGHT) + 8);
  const mine = asked;
  const rows = await Promise.all(Array.from({ length: Math.max(0, last - first) }, (_, i) => row(first + i)));
  if (mine !== asked) return;
  fill(space, ...rows.map((each, i) => each ? line(each, first + i) : ""));
}

function line(each, index) {
  const isRight = each.solution >= 1;
  const made = element("div", { class: "row", role: "option", id: `row-${index}`, "aria-selected": String(index === chosen), onclick: () => choose(index) },
    element("span", { class: isRight ? "right" : "wrong", text: isRight ? "✓ " : "✗ " }),
    element("span", { class: "facts", text: `${each.arm} · seed ${each.seed} · step ${each.step} · level ${each.level} · reward ${number(each.reward)} · ${each.tokens} tokens · ${each.outcome}` }),
    element("span", { class: "text", text: each.text || "(empty)" }));
  made.style.top = `${index * HEIGHT}px`;
  return made;
}

async function choose(index) {
  if (index < 0 || index >= total) return;
  chosen = index;
  list.setAttribute("aria-activedescendant", `row-${index}`);
  const top = index * HEIGHT;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + HEIGHT - list.clientHeight;
  await draw();
  const { id } = await row(index);
  if (index === chosen) await show(id);
}

// Rows came or went. A list that nobody reads is read anew; over another one a button says how many there are now.
export async function grown(overview) {
  fillChoices(overview);
  if (chosen < 0 && list.scrollTop === 0) return reload();
  const found = await get("rollouts", { ...query(), offset: 0, limit: 1 });
  newer.textContent = `${found.total.toLocaleString("en")} by now: list them`;
  newer.hidden = found.total === total;
}

const one = latest((id) => get("rollout", { study: study.value, id }));

export async function show(id) {
  const found = await one(id);
  fill(document.getElementById("detail"), ...detail(found));
}

function detail(found) {
  const { row: facts, verdict } = found;
  const parts = Object.entries(found.parts).map(([name, value]) => `${name} ${number(value)}`).join(", ");
  const columns = tokenColumns(found);
  const colour = element("select", {}, ...Object.keys(columns).map((text) => element("option", { text })), element("option", { text: "nothing" }));
  const tokens = element("div", { class: "tokens", role: "img" });
  const key = element("span", { class: "hint" });
  const paint = () => {
    const column = columns[colour.value];
    key.textContent = column ? ` ${column.key}` : "";
    tokens.setAttribute("aria-label", column ? `The completion's tokens: ${column.key}` : "The completion's tokens");
    fill(tokens, ...found.tokens.map((text, i) => token(columns, text, i, column)));
  };
  colour.addEventListener("change", paint);
  paint();
  return [
    element("h2", { text: `${facts.arm}, seed ${facts.seed}, step ${facts.step}: ${verdict.outcome}` }),
    element("p", { class: "hint", text: `reward ${number(found.reward)} (${parts}), ${number(found.reward_above_group)} above its group; of the policy's version ${found.version}; problem ${facts.problem}, level ${facts.level}; ended by ${facts.finish}` }),
    element("pre", {}, ...typeset(found.prompt)),
    ...(found.turns.length ? found.turns.map((turn) => element("div", { class: `turn ${turn.role === "assistant" ? "assistant" : ""}` }, element("strong", { text: turn.role }), element("pre", { text: turn.content }))) : [solution(found)]),
    element("p", { text: `answer ${verdict.answer ?? "(none)"}, reference ${found.answer}. ${verdict.detail ?? ""}` }),
    element("p", {}, element("label", {}, "tokens coloured by ", colour), key),
    tokens,
    ...("advantage" in columns || "entropy" in columns ? [] : [element("p", { class: "hint", text: "Advantage, entropy and the share of a reward model's score are kept with rl.log_token_values=true." })]),
    element("h2", { text: "The others of its group" }),
    ...found.siblings.map((each) => element("p", {}, element("span", { class: each.solution >= 1 ? "right" : "wrong", text: each.solution >= 1 ? "✓ " : "✗ " }),
      element("button", { class: "link", onclick: () => show(each.id), text: `reward ${number(each.reward)}: ${each.text}` }))),
  ];
}

// The solution with a tick or a cross before each step that was judged.
function solution(found) {
  const steps = found.verdict.steps ?? [];
  const block = element("pre");
  let at = 0;
  for (const step of steps) {
    const [start, end] = step.span;
    if (start < at || end > found.text.length) continue;
    const mark = step.is_right === true ? ["right", "✓ "] : step.is_right === false ? ["wrong", "✗ "] : ["", ""];
    block.append(found.text.slice(at, start), element("span", { class: mark[0], title: step.detail ?? "", text: mark[1] + found.text.slice(start, end) }));
    at = end;
  }
  block.append(found.text.slice(at));
  return block;
}

// What the log says of each token: values, the value that is coloured fully, what the colours mean, and the unit.
function tokenColumns(found) {
  const kept = found.token_values;
  const all = {
    "log-probability": { values: found.logprobs.map((value) => -value), shown: found.logprobs, full: 4, unit: "nats", key: "darker where the policy found them less likely" },
    "reward of the token": { values: found.token_rewards, full: 1, unit: "reward", key: "orange where the token is rewarded, blue where it costs" },
    "advantage": { values: kept.advantage, full: 2, unit: "advantage", key: "orange where the update made the token likelier, blue where less likely" },
    "entropy": { values: kept.entropy, full: 1.5, unit: "nats of entropy", key: "darker where the policy had more to choose from" },
    "reward model": { values: kept.proxy, full: Math.max(1, ...(kept.proxy ?? []).map(Math.abs)), unit: "of the reward model's score", key: "orange where the reward model's score rises with the token, blue where it falls" },
  };
  return Object.fromEntries(Object.entries(all).filter(([, column]) => column.values?.length));
}

function token(columns, text, i, column) {
  const made = element("span", { text });
  made.title = Object.values(columns).map((each) => `${number((each.shown ?? each.values)[i])} ${each.unit}`).join(", ");
  const share = column ? Math.max(-1, Math.min(1, (column.values[i] ?? 0) / column.full)) : 0;
  if (share) made.style.backgroundColor = share > 0 ? `rgba(200, 110, 20, ${0.75 * share})` : `rgba(40, 110, 210, ${-0.75 * share})`;
  return made;
}

export function startRollouts(overview) {
  fillChoices(overview);
  document.getElementById("more").open = innerWidth > 800;  // a small window shows the list
  let waiting;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(reload, 150); };
  form.addEventListener("input", soon);
  newer.addEventListener("click", reload);
  form.addEventListener("reset", () => setTimeout(reload));
  form.addEventListener("submit", (event) => event.preventDefault());
  study.addEventListener("change", () => { fillChoices(overview); reload(); });
  list.addEventListener("scroll", () => requestAnimationFrame(draw));
  list.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, j: 1, k: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    choose(Math.max(0, Math.min(total - 1, chosen + by)));
  });
  reload();
}

function fillChoices(overview) {
  const found = overview[Number(study.value || 0)];
  const same = (values) => values.map((value) => [String(value), String(value)]);
  for (const name of ["arm", "seed", "level", "outcome", "finish"]) options(form.elements[name], same(found[name]), "all");
  for (const name of ["right_in", "wrong_in"]) options(form.elements[name], same(found.arm), "any");
}

export function showRollouts(overview, filters) {
  fillChoices(overview);
  form.reset();
  setTimeout(() => {
    for (const [name, value] of Object.entries(filters)) form.elements[name].value = value;
    reload();
  });
}
