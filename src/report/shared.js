"use strict";
// What the scripts of a page share. Nothing is loaded from elsewhere.
window.onerror = (message) => { document.documentElement.dataset.error = message; };

function node(parent, name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  return parent.appendChild(made);
}

function ticks(low, high, log, most) {
  if (log) {
    const found = [];
    const every = Math.max(1, Math.ceil((Math.log10(high) - Math.log10(low)) / 7));
    for (let e = Math.ceil(Math.log10(low) - 1e-9); e <= Math.log10(high) + 1e-9; e += every) found.push(10 ** e);
    return found;
  }
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let t = Math.ceil(low / step); t * step <= high * (1 + 1e-12) + 1e-12; t++) found.push(t * step);
  return found;
}

function label(value) {
  const size = Math.abs(value);
  if (size < 1e-300) return "0";
  if (size >= 1e5 || size < 1e-3) {
    const [digits, exponent] = value.toExponential(1).split("e");
    const raised = [...String(Number(exponent))].map((c) => c === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c]).join("");
    return (digits === "1.0" ? "" : String(Number(digits)).replace("-", "\u2212") + "\u00b7") + "10" + raised;
  }
  return String(Number(value.toPrecision(6))).replace("-", "\u2212");
}
