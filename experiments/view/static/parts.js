// Small parts that every view uses.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function fill(target, ...children) {
  target.replaceChildren(...children);
}

export async function get(name, query = {}) {
  const url = new URL(`/api/${name}`, location.href);
  for (const [key, value] of Object.entries(query)) if (value !== "" && value !== undefined) url.searchParams.set(key, value);
  const trouble = document.getElementById("trouble");
  try {
    const answer = await fetch(url);
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.error ?? answer.statusText);
    trouble.hidden = true;
    return body;
  } catch (error) {
    trouble.textContent = `${name}: ${error.message}`;
    trouble.hidden = false;
    throw error;
  }
}

// Answers may come out of turn: of several calls only the last one is answered, the others never are.
export function latest(ask) {
  let turn = 0;
  return async (...given) => {
    const mine = ++turn, answer = await ask(...given);
    return mine === turn ? answer : new Promise(() => {});
  };
}

export function options(select, pairs, all) {
  const chosen = select.value;
  fill(select, ...(all ? [element("option", { value: "", text: all })] : []), ...pairs.map(([value, text]) => element("option", { value, text })));
  if ([...select.options].some((option) => option.value === chosen)) select.value = chosen;
}

export function number(value, digits = 3) {
  if (value === null || value === undefined) return "";
  return Number.isInteger(value) ? value.toLocaleString("en") : value.toPrecision(digits);
}

export function table(heads, rows) {
  return element("table", {},
    element("thead", {}, element("tr", {}, ...heads.map((text) => element("th", { scope: "col", text })))),
    element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map((cell) => cell instanceof Node ? element("td", {}, cell) : element("td", { text: String(cell ?? "") }))))));
}
