// TeX between dollars, \( \) or \[ \] as MathML, built node by node: no text of a run ever becomes markup.
// What is not known here stays as it was written.
const SPACE = "http://www.w3.org/1998/Math/MathML";
const SYMBOLS = {
  times: "×", cdot: "·", div: "÷", pm: "±", mp: "∓", le: "≤", leq: "≤", ge: "≥", geq: "≥", ne: "≠", neq: "≠", approx: "≈", equiv: "≡", in: "∈", notin: "∉",
  subset: "⊂", cup: "∪", cap: "∩", to: "→", rightarrow: "→", Rightarrow: "⇒", infty: "∞", sum: "∑", prod: "∏", int: "∫", partial: "∂", ldots: "…", dots: "…", cdots: "⋯",
  alpha: "α", beta: "β", gamma: "γ", delta: "δ", epsilon: "ε", theta: "θ", lambda: "λ", mu: "μ", pi: "π", rho: "ρ", sigma: "σ", tau: "τ", phi: "φ", omega: "ω",
  Delta: "Δ", Sigma: "Σ", Omega: "Ω", circ: "∘", degree: "°", angle: "∠", triangle: "△", quad: "\u2003", "{": "{", "}": "}", "%": "%", "$": "$", ",": "\u2009", ";": "\u2005", "!": "",
  lfloor: "⌊", rfloor: "⌋", lceil: "⌈", rceil: "⌉", langle: "⟨", rangle: "⟩", mid: "|", "|": "‖",
};
const NAMES = new Set(["sin", "cos", "tan", "log", "ln", "exp", "lim", "max", "min", "gcd", "lcm", "mod", "bmod"]);
const DEEPEST = 40, LONGEST = 2000;

function node(tag, ...children) {
  const made = document.createElementNS(SPACE, tag);
  made.append(...children);
  return made;
}

class Unknown extends Error {}

function parse(text) {
  const tokens = text.match(/\\[A-Za-z]+|\\.|[0-9]+(?:[.,][0-9]+)*|\s+|./gsu) ?? [];
  let at = 0;
  const next = () => { while (/^\s/.test(tokens[at] ?? "")) at += 1; return tokens[at]; };

  function row(end, depth) {
    if (depth > DEEPEST) throw new Unknown();
    const parts = [];
    while (next() !== end) {
      if (next() === undefined) throw new Unknown();
      parts.push(scripts(atom(depth), depth));
    }
    at += 1;
    return node("mrow", ...parts);
  }

  function argument(depth) {
    if (next() !== "{") return atom(depth);
    at += 1;
    return row("}", depth + 1);
  }

  function scripts(base, depth) {
    let under = null, over = null;
    while (next() === "^" || next() === "_") {
      const sign = tokens[at++];
      if (sign === "^" ? over : under) throw new Unknown();
      if (sign === "^") over = argument(depth + 1);
      else under = argument(depth + 1);
    }
    return under && over ? node("msubsup", base, under, over) : under ? node("msub", base, under) : over ? node("msup", base, over) : base;
  }

  function atom(depth) {
    if (depth > DEEPEST) throw new Unknown();
    const token = next();
    if (token === undefined || token === "}" || token === "^" || token === "_" || token === "&") throw new Unknown();
    at += 1;
    if (token === "{") return row("}", depth + 1);
    if (/^[0-9]/.test(token)) return node("mn", token);
    if (/^\p{L}$/u.test(token)) return node("mi", token);
    if (token[0] !== "\\") return node("mo", token === "-" ? "−" : token === "*" ? "∗" : token);
    const name = token.slice(1);
    if (["frac", "dfrac", "tfrac"].includes(name)) return node("mfrac", argument(depth + 1), argument(depth + 1));
    if (name === "sqrt") {
      if (next() !== "[") return node("msqrt", argument(depth + 1));
      at += 1;
      const index = row("]", depth + 1);
      return node("mroot", argument(depth + 1), index);
    }
    if (["text", "mathrm", "textbf", "operatorname"].includes(name)) {
      if (tokens[at] !== "{") throw new Unknown();
      const end = tokens.indexOf("}", at);
      if (end < 0) throw new Unknown();
      const words = tokens.slice(at + 1, end).join("");
      at = end + 1;
      return node("mtext", words);
    }
    if (["overline", "bar"].includes(name)) return node("mover", argument(depth + 1), node("mo", "‾"));
    if (name === "boxed") return node("mrow", node("mo", "["), argument(depth + 1), node("mo", "]"));
    if (name === "left" || name === "right") {
      const sign = next();
      if (sign === undefined) throw new Unknown();
      at += 1;
      return node("mo", sign === "." ? "" : SYMBOLS[sign.slice(1)] ?? sign);
    }
    if (NAMES.has(name)) return node("mi", name);
    if (Object.hasOwn(SYMBOLS, name)) return /^\p{L}$/u.test(SYMBOLS[name]) ? node("mi", SYMBOLS[name]) : node("mo", SYMBOLS[name]);
    throw new Unknown();
  }

  const parts = [];
  while (next() !== undefined) parts.push(scripts(atom(0), 0));
  return parts;
}

// The text as nodes: words as they are, formulas as MathML with what was written as their title.
export function typeset(text) {
  const found = [];
  let from = 0;
  for (const match of text.matchAll(/\$\$([^$]+)\$\$|\$([^$\n]+)\$|\\\(([^]+?)\\\)|\\\[([^]+?)\\\]/g)) {
    const source = match[1] ?? match[2] ?? match[3] ?? match[4];
    const isMoney = match[2] !== undefined && (/^\s|\s$/.test(source) || /^[0-9.,]+ /.test(source));  // $5 and $7
    if (isMoney || source.length > LONGEST) continue;
    try {
      const math = node("math", ...parse(source));
      math.setAttribute("title", match[0]);
      if (match[1] ?? match[4]) math.setAttribute("display", "block");
      found.push(text.slice(from, match.index), math);
      from = match.index + match[0].length;
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
    }
  }
  return [...found, text.slice(from)];
}
