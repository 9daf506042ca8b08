"use strict";
// The page: which step and which element are shown, and what that looks like.

const COUNT = DATA.records.length;
const state = { step: 0, frame: DATA.frames.length - 1, held: null, playing: null, stop: null };
let frame = null; // the unpacked run that is shown
let pictures = new Map(); // of the open operation, by key
const $ = (id) => document.getElementById(id);

// Steps 0 … COUNT-1 go forward, COUNT … 2·COUNT-1 backward.
const isForward = (step) => step < COUNT;
const recordAt = (step) => (isForward(step) ? step : 2 * COUNT - 1 - step);
const hasValue = (number, step) => number <= step;
const hasGradient = (number, step) => !isForward(step) && number >= recordAt(step);

function valueName(value) {
  const info = DATA.values[value];
  if (info.name) return info.name;
  if (info.madeBy !== null) return `#${info.madeBy}`;
  return info.needsGrad ? "input" : "constant";
}

// ---- the tape

// Long tapes fold: by the functions that ran the operations, and where those are long, by number.
function grouped(records, depth) {
  const items = [];
  for (const record of records) {
    const call = record.calls[depth];
    const last = items.at(-1);
    if (call && last?.call?.[0] === call[0]) last.records.push(record);
    else items.push({ call, records: [record] });
  }
  return items;
}
function tree(records, depth = 0) {
  const items = grouped(records, depth);
  if (items.length === 1 && items[0].call && records.length > 1) return tree(records, depth + 1);
  const nodes = items.flatMap(({ call, records }) => {
    if (!call || records.length === 1) return records;
    return [{ name: call[1], records, nodes: tree(records, depth + 1) }];
  });
  return chunked(nodes);
}
function chunked(nodes) {
  if (nodes.length <= 100) return nodes;
  let size = 50;
  while (size * 50 < nodes.length) size *= 50;
  const chunks = [];
  for (let k = 0; k < nodes.length; k += size) {
    const part = nodes.slice(k, k + size);
    chunks.push({ name: null, records: part.flatMap((node) => node.records ?? [node]), nodes: chunked(part) });
  }
  return chunks;
}

const rows = new Map(); // record number -> its row
const folds = []; // every group, with its first and last record
function makeTape() {
  const list = element("ol", {});
  addNodes(list, tree(DATA.records));
  $("tape").append(element("p", { class: "flow" }, element("span", { class: "down" }, "values ↓"), " ", element("span", { class: "up" }, "gradients ↑")), list);
}
function addNodes(list, nodes) {
  for (const node of nodes) {
    if (!node.nodes) { list.append(makeRow(node)); continue; }
    const [from, to] = [node.records[0].index, node.records.at(-1).index];
    const inner = element("ol", { hidden: true });
    const title = node.name ? `${node.name}()` : "operations";
    const button = element("button", { class: "fold", "aria-expanded": "false" },
      element("span", { class: "number" }, `${from}–${to}`), element("span", { class: "op" }, title),
      element("span", { class: "shape" }, `${node.records.length} operations`));
    const fold = { from, to, inner, button, nodes: node.nodes, filled: false };
    button.addEventListener("click", () => open(fold, inner.hidden));
    folds.push(fold);
    list.append(element("li", { class: "group" }, button, inner));
    if (COUNT <= 60) open(fold, true);
  }
}
function open(fold, yes) {
  if (yes && !fold.filled) {
    fold.filled = true; // rows are made when they are first seen
    addNodes(fold.inner, fold.nodes);
    for (const record of fold.nodes) if (record.op && frame) refreshRow(record.index);
  }
  fold.inner.hidden = !yes;
  fold.button.setAttribute("aria-expanded", String(yes));
}
function makeRow(record) {
  const outs = shapeText(DATA.values[record.outputs[0]].shape);
  const leaves = record.inputs.filter((i) => i.value !== undefined && DATA.values[i.value].madeBy === null && DATA.values[i.value].needsGrad);
  const twice = record.outputs.some((v) => DATA.values[v].uses.length > 1);
  const button = element("button", { class: "row", onclick: () => choose(record.index) },
    element("span", { class: "number" }, `#${record.index}`),
    element("span", { class: "op" }, record.op),
    element("span", { class: "shape" }, outs),
    element("span", { class: "leaves" }, leaves.map((i) => valueName(i.value)).join(", ")),
    twice ? element("span", { class: "fan", title: "its output is used more than once" }, `used ${Math.max(...record.outputs.map((v) => DATA.values[v].uses.length))}×`) : null,
    element("span", { class: "thumbs", "aria-hidden": "true" }));
  rows.set(record.index, { button, shown: "" });
  return element("li", {}, button);
}
function choose(number) {
  state.held = null;
  go(isForward(state.step) ? number : 2 * COUNT - 1 - number);
}
function refreshRow(number) {
  const row = rows.get(number);
  if (!row) return;
  const current = recordAt(state.step) === number, value = hasValue(number, state.step), gradient = hasGradient(number, state.step);
  row.button.classList.toggle("done", value);
  row.button.classList.toggle("back", gradient);
  if (current) row.button.setAttribute("aria-current", "step");
  else row.button.removeAttribute("aria-current");
  const wanted = `${state.frame} ${value} ${gradient}`;
  if (row.shown === wanted || !frame) return;
  row.shown = wanted;
  const thumbs = row.button.querySelector(".thumbs");
  const v = DATA.records[number].outputs[0];
  const shown = [["value", value ? frame.values[v] : null], ["gradient", gradient ? frame.grads[v] : null]];
  thumbs.replaceChildren(...shown.filter(([, a]) => a?.length).map(([what, a]) => {
    if (a.size === 1) return element("span", {}, `${what} ${brief(a.at_(0))}`);
    const picture = Object.create(Picture.prototype);
    Object.assign(picture, { array: a, axes: layout(a, DATA.values[v].kernel), marks: [] });
    picture.fixed = new Map(picture.axes.fixed.map((axis) => [axis, 0]));
    picture.measure(120, 40);
    const canvas = element("canvas", { width: picture.pixelWidth, height: picture.pixelHeight });
    paint(picture, canvas);
    return canvas;
  }));
}

// ---- the open operation

const HINT = "Point at a number in a picture, or go to it with the keyboard, to see how it came about.";

function card(key, array, value, label, note) {
  const info = DATA.values[value];
  if (!array) return element("div", { class: "card empty" }, element("p", { class: "label" }, label), element("p", { class: "pending" }, note));
  const picture = new Picture(key, array, { label, kernel: info.kernel, onPoint: (p, index, hold, byKey) => point(key, index, hold, byKey), width: cardWidth() });
  pictures.set(key, picture);
  return element("div", { class: "card" }, picture.root);
}
const cardWidth = () => Math.max(220, Math.min(430, (document.documentElement.clientWidth - (wide.matches ? 480 : 60)) / (wide.matches ? 2 : 1) - 30));

function makeOperation() {
  const record = DATA.records[recordAt(state.step)], number = record.index, forward = isForward(state.step);
  const explanation = DATA.explanations[record.op];
  const backStep = 2 * COUNT - 1 - number;
  pictures = new Map();
  const later = element("span", {}, "Its gradient comes on the way back, at ", element("button", { class: "link", onclick: () => go(backStep) }, `step ${backStep + 1}`), ".");
  const none = "No gradient: the result does not depend on it, or nobody needs it.";
  const parts = [element("h2", { tabindex: -1 }, element("span", { class: "number" }, `#${number} `), record.op, element("span", { class: "direction" }, forward ? " forward" : " backward"))];
  if (explanation?.summary) parts.push(element("p", { class: "summary" }, explanation.summary));
  const call = record.calls.findLast((c) => c[2]);
  if (call) parts.push(element("p", { class: "line" }, "in ", element("code", {}, `${call[1]}()`), ": ", element("code", {}, call[2])));
  const params = Object.entries(record.params).map(([name, value]) => `${name} = ${JSON.stringify(value)}`).join(", ");
  if (params) parts.push(element("p", { class: "params" }, element("code", {}, params)));

  const inputs = record.inputs.map((input, k) => {
    const label = record.names[k] ?? `input ${k}`;
    if (input.value === undefined) return element("div", { class: "operand" }, element("h4", {}, label, element("span", { class: "of" }, ` = ${input.text}`)));
    const info = DATA.values[input.value], sent = frame.sent[`${number}/${k}`];
    const from = info.madeBy === null ? valueName(input.value) : element("button", { class: "link", onclick: () => choose(info.madeBy) }, `output of #${info.madeBy}`);
    const cards = [card(`in${k}`, frame.values[input.value], input.value, "value")];
    if (forward) {
      if (sent) cards.push(element("div", { class: "card empty" }, element("p", { class: "pending" }, later.cloneNode(true))));
    } else {
      cards.push(card(`sent${k}`, sent, input.value, "gradient sent back", none));
      if (sent && info.uses.filter(([n, p]) => frame.sent[`${n}/${p}`]).length > 1) {
        cards.push(card(`total${k}`, frame.grads[input.value], input.value, `whole gradient: the sum over its ${info.uses.length} uses`));
      }
    }
    return element("div", { class: "operand" }, element("h4", {}, `${label} `, element("span", { class: "of" }, from, ` ${shapeText(info.shape)} ${info.dtype}`)), element("div", { class: "cards" }, ...cards));
  });
  for (const button of inputs.flatMap((i) => [...i.querySelectorAll(".pending .link")])) button.addEventListener("click", () => go(backStep));

  const outputs = record.outputs.map((value, k) => {
    const info = DATA.values[value];
    const cards = [card(`out${k}`, frame.values[value], value, "value")];
    if (info.needsGrad) {
      if (forward) cards.push(element("div", { class: "card empty" }, element("p", { class: "pending" }, later)));
      else cards.push(card(`outgrad${k}`, frame.grads[value], value, info.uses.length > 1 ? `gradient that came back: the sum over ${info.uses.length} uses` : "gradient that came back", none));
    }
    const uses = info.uses.map(([n]) => element("button", { class: "link", onclick: () => choose(n) }, `#${n} ${DATA.records[n].op}`));
    const used = uses.length ? ["; used by ", ...uses.flatMap((u, i) => (i ? [", ", u] : [u]))] : ["; the result"];
    return element("div", { class: "operand output" }, element("h4", {}, record.outputs.length > 1 ? `output ${k} ` : "", element("span", { class: "of" }, `${shapeText(info.shape)} ${info.dtype}`, ...used)), element("div", { class: "cards" }, ...cards));
  });
  const inputSection = element("section", {}, element("h3", {}, inputs.length === 1 ? "Input" : "Inputs"), ...inputs);
  const outputSection = element("section", {}, element("h3", {}, "Output"), ...outputs);
  parts.push(...(forward ? [inputSection, outputSection] : [outputSection, inputSection]));
  $("reading").replaceChildren(element("p", { class: "hint" }, HINT));
  $("element").classList.remove("held");
  if (explanation) {
    const prose = (label) => element("div", { class: "prose", tabindex: 0, role: "region", "aria-label": label });
    const forwardText = prose("what the operation computes"), derivation = prose("the derivation of its VJP");
    forwardText.innerHTML = explanation.forward; // made from docstrings, escaped where it was made
    derivation.innerHTML = explanation.derivation;
    parts.push(element("details", { class: "mathematics" }, element("summary", {}, "The mathematics"), forwardText, explanation.derivation ? element("h4", {}, "The derivation of its VJP") : null, derivation));
    parts.push(element("details", { class: "source" }, element("summary", {}, "The source of its VJP"), element("p", {}, element("code", {}, explanation.location)), element("pre", { tabindex: 0, role: "region", "aria-label": "source of the VJP" }, element("code", {}, explanation.source))));
  }
  const focused = document.activeElement, had = $("operation").contains(focused), key = had && focused.closest("[data-key]")?.dataset.key;
  const openBefore = new Set([...$("operation").querySelectorAll("details[open]")].map((d) => d.className));
  $("operation").replaceChildren(...parts);
  for (const details of $("operation").querySelectorAll("details")) details.open = openBefore.has(details.className);
  return () => had && (pictures.get(key)?.body ?? $("operation").querySelector("h2")).focus({ preventScroll: true });
}

// ---- one number

function point(key, index, hold, byKey) {
  if (state.held && !hold && !byKey) return;
  if (hold && state.held && state.held.key === key && String(state.held.index) === String(index)) return release();
  state.held = hold ? { key, index } : byKey ? null : state.held;
  read(key, index);
  if (hold || byKey) $("said").textContent = $("reading").querySelector(".head").innerText;
  if (byKey && isHidden(pictures.get(key).boxOf(index))) bringIntoView(key, index);
}
function release() {
  state.held = null;
  $("element")?.classList.remove("held");
}
const TITLES = { in: "input", out: "output", sent: "gradient sent back to", outgrad: "gradient of the output", total: "whole gradient of" };

function read(key, index) {
  const record = DATA.records[recordAt(state.step)];
  const found = answer(record, key, index, frame);
  if (state.held?.from && found.marks.outgrad0) found.marks.outgrad0.push([state.held.from, "here"]);
  for (const [k, picture] of pictures) picture.mark(found.marks[k] ?? []);
  const [, part, digits] = key.match(/^([a-z]+)(\d+)$/);
  const name = ["out", "outgrad"].includes(part) ? (record.outputs.length > 1 ? digits : "") : record.names[Number(digits)];
  const write_ = (value) => found.array.write(value);
  const parts = [], head = [element("p", { class: "what" }, `${TITLES[part]} ${name}${indexText(index)} = `, element("strong", { "data-value": write(found.value) }, pictures.get(key)?.array.write(found.value) ?? write(found.value)))];
  if (found.about === "sent" && !isForward(state.step)) head.push(element("p", {}, "What comes back to it: ", element("strong", {}, write_(found.result))));
  const showSum = !(found.about === "sent" && isForward(state.step));
  if (found.says && showSum) head.push(element("p", {}, found.says));
  if (found.about === "sent" && isForward(state.step)) head.push(element("p", {}, "Outlined: the outputs that it has a part in."));
  if (found.partly) head.push(element("p", { class: "hint" }, "The arrays are too large for all of the numbers that this was made of to be on the page."));
  if (found.terms.length && showSum) {
    const { total, tables } = sumTable(found, write_);
    head.push(total);
    parts.push(...tables);
  }
  $("reading").replaceChildren(element("div", { class: "head" }, ...head), ...parts);
  $("element").classList.toggle("held", state.held !== null);
}

const SHOWN = 8;
function sumTable(found, write_) {
  const single = found.terms.length === 1 && found.terms[0].cells;
  const summed = addUp(found.terms.map((t) => t.value)), total = isComplex(found.result) || !isComplex(summed) ? summed : summed.re;
  const parts = [];
  if (single) parts.push(cellsOf(found.terms[0], found.how));
  else {
    const order = found.terms.map((t, i) => i).sort((p, q) => size(found.terms[q].value) - size(found.terms[p].value));
    const shown = found.terms.length <= SHOWN + 1 ? found.terms.map((_, i) => i) : order.slice(0, SHOWN).sort((p, q) => p - q);
    const rest = found.terms.map((_, i) => i).filter((i) => !shown.includes(i));
    const opened = element("div", { class: "opened" });
    const show = (i) => opened.replaceChildren(element("p", { class: "label" }, `${found.terms[i].label}:`), cellsOf(found.terms[i]));
    const nested = found.terms.some((t) => t.cells && t.cells.length > 1);
    const largest = (t) => t.cells.reduce((top, cell) => Math.max(top, size(product(cell))), 0);
    const most = nested ? order.filter((i) => found.terms[i].cells).reduce((p, q) => (largest(found.terms[q]) > largest(found.terms[p]) ? q : p)) : order[0];
    const lines = shown.map((i) => {
      const t = found.terms[i], cell = t.cells?.length === 1 ? t.cells[0] : null;
      const product = cell && cell.b !== undefined ? `${brief(cell.a)} × ${brief(cell.b)}` : "";
      const label = nested && t.cells?.length > 1 ? element("button", { class: "link", onclick: () => show(i) }, t.label) : t.label;
      return element("tr", { "data-term": write(t.value), class: i === most && found.terms.length > 1 ? "most" : null }, element("th", { scope: "row" }, label), element("td", { class: "product" }, product), element("td", { class: "term", title: write(t.value) }, brief(t.value)));
    });
    if (rest.length) {
      const value = addUp(rest.map((i) => found.terms[i].value));
      lines.push(element("tr", { "data-term": write(value) }, element("th", { scope: "row" }, `the other ${rest.length}`), element("td"), element("td", { class: "term", title: write(value) }, brief(value))));
    }
    parts.push(element("div", { class: "terms" }, element("table", { class: "sum" }, element("tbody", {}, ...lines))));
    if (nested) {
      show(most);
      parts.push(opened);
    }
  }
  const sum = found.how === "largest"
    ? element("p", { class: "total", "data-total": write(found.result) }, "The largest: ", element("strong", {}, write_(found.result)))
    : element("p", { class: "total", "data-total": write(total) }, "Added up: ", element("strong", {}, write(total, found.array.dtype)), "; on the tape: ", element("strong", { "data-result": write(found.result) }, write_(found.result)));
  return { total: sum, tables: parts };
}
// The products of one term: in the shape of the window if there is one, else the largest of them.
function cellsOf(term, how) {
  const text = ({ a, b }) => (b === undefined ? brief(a) : `${brief(a)} × ${brief(b)}`);
  const cells = term.cells.map((cell) => ({ ...cell, value: product(cell) }));
  const top = Math.max(...cells.map((c) => c.value));
  if (term.grid && term.grid.length <= 2 && cells.length === term.grid.reduce((a, b) => a * b, 1) && cells.length <= 49) {
    const across = term.grid.at(-1);
    const lines = range(0, cells.length / across).map((row) => element("tr", {}, ...cells.slice(row * across, (row + 1) * across).map((cell) =>
      element("td", { "data-cell": write(cell.value), title: cell.label, class: how === "largest" && cell.value === top ? "here" : null }, element("span", { class: "factors" }, text(cell)), cell.b === undefined ? null : element("span", { class: "value" }, `= ${brief(cell.value)}`)))));
    return element("table", { class: "window" }, element("tbody", {}, ...lines));
  }
  const order = cells.map((_, i) => i).sort((p, q) => size(cells[q].value) - size(cells[p].value));
  const shown = cells.length <= SHOWN + 1 ? cells.map((_, i) => i) : order.slice(0, SHOWN).sort((p, q) => p - q);
  const rest = order.slice(SHOWN).filter((i) => !shown.includes(i));
  const lines = shown.map((i) => element("tr", { "data-cell": write(cells[i].value), class: i === order[0] && cells.length > 1 ? "most" : null }, element("th", { scope: "row" }, cells[i].label || term.label), element("td", { class: "product" }, text(cells[i])), element("td", { class: "term" }, cells[i].b === undefined ? "" : brief(cells[i].value))));
  if (rest.length) {
    const sum = addUp(rest.map((i) => cells[i].value));
    const zeros = rest.filter((i) => cells[i].value === 0).length;
    lines.push(element("tr", { "data-cell": write(sum) }, element("th", { scope: "row" }, `the other ${rest.length}${zeros ? `, ${zeros} of them 0` : ""}`), element("td"), element("td", { class: "term" }, brief(sum))));
  }
  return element("table", { class: "sum" }, element("tbody", {}, ...lines));
}

// ---- steps

function inWords() {
  const record = DATA.records[recordAt(state.step)], out = record.outputs[0], y = frame.values[out], g = frame.grads[out];
  const size = (a) => (a.size === 0 ? "which is empty" : a.size === 1 ? `which is ${a.write(a.get(a.shape.map(() => 0)))}` : a.min === undefined ? "" : `from ${brief(a.min)} to ${brief(a.max)}`);
  if (isForward(state.step)) {
    const from = record.inputs.filter((i) => i.value !== undefined).map((i) => `${valueName(i.value)} ${shapeText(DATA.values[i.value].shape)}`).join(", ");
    return `Step ${state.step + 1} of ${2 * COUNT}, forward: #${record.index} ${record.op} takes ${from || "numbers"} and makes ${shapeText(y.shape)}, ${size(y)}.`;
  }
  const to = record.inputs.map((i, k) => (frame.sent[`${record.index}/${k}`] ? record.names[k] ?? `input ${k}` : null)).filter(Boolean).join(", ");
  const adds = record.inputs.some((i, k) => frame.sent[`${record.index}/${k}`] && DATA.values[i.value].uses.some(([n, p]) => n > record.index && frame.sent[`${n}/${p}`]));
  const start = state.step === COUNT ? "the way back starts. " : "";
  return `Step ${state.step + 1} of ${2 * COUNT}, backward: ${start}#${record.index} ${record.op} gets the gradient of its output${g ? `, ${size(g)},` : ""} and sends gradients to ${to || "nobody"}.${adds ? " One of them adds to what came back from another use." : ""}`;
}

async function go(step, held = null) {
  state.step = Math.max(0, Math.min(2 * COUNT - 1, step));
  state.held = held;
  if (state.stop !== null && state.step !== state.stop) endTour(); // the reader goes on alone
  await show();
  if (!wide.matches) rows.get(recordAt(state.step))?.button.scrollIntoView({ block: "start" });
}
async function show() {
  frame = await unpack(state.frame);
  const number = recordAt(state.step);
  $("step").value = state.step;
  // opening one adds those within it to the list
  for (const fold of folds) if (fold.from <= number && number <= fold.to && fold.inner.hidden) open(fold, true);
  for (const n of rows.keys()) refreshRow(n);
  const words = inWords();
  $("status").textContent = words;
  $("step").setAttribute("aria-valuetext", words.split(":")[0]);
  const pressed = document.activeElement;
  $("first").disabled = $("back").disabled = state.step === 0;
  $("last").disabled = $("next").disabled = state.step === 2 * COUNT - 1;
  if (pressed.disabled) $("play").focus(); // what is disabled loses it
  const focusAgain = makeOperation();
  putOperation();
  focusAgain();
  keepInView(rows.get(number)?.button);
  if (state.held && pictures.has(state.held.key)) read(state.held.key, state.held.index);
  document.body.dataset.step = state.step;
}
function keepInView(button) {
  if (!button || !wide.matches) return;
  const list = $("tape"), top = button.getBoundingClientRect().top - list.getBoundingClientRect().top;
  if (top < 40 || top > list.clientHeight - 80) list.scrollTop += top - list.clientHeight / 3;
}
function play(yes) {
  clearInterval(state.playing);
  state.playing = yes ? setInterval(() => (state.step < 2 * COUNT - 1 ? go(state.step + 1) : play(false)), 1200) : null;
  $("play").textContent = yes ? "❚❚ pause" : "▶ play";
  $("play").setAttribute("aria-label", yes ? "Pause" : "Play");
  if (yes && state.step === 2 * COUNT - 1) go(0);
}

// On a narrow screen the open operation stands below its row, else beside the tape.
const wide = matchMedia("(min-width: 60rem)");
function putOperation() {
  const operation = $("operation"), row = rows.get(recordAt(state.step))?.button;
  if (wide.matches || !row) { if (operation.parentElement !== document.querySelector("main")) document.querySelector("main").append(operation); }
  else row.after(operation);
}

// ---- training steps

async function makeTraining() {
  if (DATA.frames.length < 2) return;
  $("training").hidden = false;
  $("frame").max = DATA.frames.length - 1;
  $("frame").value = state.frame;
  const losses = [];
  for (const i of DATA.frames.keys()) losses.push(Number((await unpack(i)).values[RESULT].at_(0)));
  const label = element("output", { id: "frame-label" });
  const svg = curve(losses);
  $("training").append(label, svg);
  const say = () => {
    const step = DATA.frames[state.frame].step, when = step === null ? "end of training" : `training step ${step}`;
    const batchLoss = DATA.frames[state.frame].batchLoss; // there is none at the first step, and at the end
    label.textContent = `${when}${typeof batchLoss === "number" ? `, loss of its batch ${brief(batchLoss)}` : ""}, result ${brief(losses[state.frame])}`;
    $("frame").setAttribute("aria-valuetext", label.textContent);
    svg.querySelectorAll("circle").forEach((c, i) => c.setAttribute("class", i === state.frame ? "now" : ""));
  };
  $("frame").addEventListener("input", async () => {
    state.frame = Number($("frame").value);
    say();
    await show();
  });
  say();
}
function curve(losses) {
  const ns = "http://www.w3.org/2000/svg", svg = document.createElementNS(ns, "svg");
  const finite = losses.filter(Number.isFinite), top = Math.max(...finite, 1e-30), low = Math.min(0, ...finite);
  const xy = losses.map((l, i) => [4 + (112 * i) / Math.max(1, losses.length - 1), 28 - (24 * (l - low)) / (top - low)]);
  svg.setAttribute("viewBox", "0 0 120 32");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `The result at each training step shown: ${losses.map(brief).join(", ")}`);
  const line = document.createElementNS(ns, "polyline");
  line.setAttribute("points", xy.map((p) => p.join(",")).join(" "));
  svg.append(line);
  for (const [x, y] of xy) {
    const dot = document.createElementNS(ns, "circle");
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
    dot.setAttribute("r", 2.5);
    svg.append(dot);
  }
  return svg;
}

// ---- what is in view

// Scroll so that an element of a picture stands in what the bar and the dock leave free: with the
// gradient of the output, else with the whole picture, if there is room.
const free = () => [$("bar").getBoundingClientRect().bottom, $("dock").getBoundingClientRect().top];
const isHidden = (box) => box.top < free()[0] || box.bottom > free()[1];
function bringIntoView(key, index) {
  const picture = pictures.get(key);
  if (picture.table) picture.drawnAt(picture.cell(index)).scrollIntoView({ block: "nearest", inline: "nearest" });
  const cell = picture.boxOf(index), figure = picture.root.getBoundingClientRect();
  const [top, bottom] = free(), room = bottom - top;
  const above = pictures.get("outgrad0")?.root.getBoundingClientRect() ?? figure;
  const boxes = [{ top: Math.min(above.top, figure.top), bottom: figure.bottom }, figure, cell];
  const box = boxes.find((b) => b.bottom - b.top < room - 16) ?? cell;
  scrollBy(0, (box.top + box.bottom) / 2 - top - room / 2);
}

// ---- the tour

function endTour() {
  state.stop = null;
  $("tour").hidden = true;
}
function showTour(stops, k) {
  const panel = $("tour");
  if (k === null) {
    endTour();
    $("start-tour").focus();
    return;
  }
  const stop = stops[k];
  state.stop = stop.step;
  frameReady().then(async () => {
    await go(stop.step, stop.point ?? null);
    const text = typeof stop.text === "function" ? stop.text(frame) : stop.text;
    const last = k === stops.length - 1;
    const next = element("button", { class: "primary", "aria-describedby": "tour-text", onclick: () => showTour(stops, last ? null : k + 1) }, last ? "Done" : "Next");
    panel.hidden = false;
    panel.replaceChildren(
      element("p", { id: "tour-text" }, text),
      element("div", { class: "buttons" }, element("button", { disabled: k === 0, onclick: () => showTour(stops, k - 1) }, "Back"), next, element("span", { class: "count" }, `${k + 1} of ${stops.length}`), element("button", { class: "link", onclick: () => showTour(stops, null) }, "End the tour")));
    next.focus({ preventScroll: true });
    $("dock").scrollTop = 0;
    if (stop.point) bringIntoView(stop.point.key, stop.point.index);
    else rows.get(recordAt(stop.step))?.button.scrollIntoView({ block: "nearest" });
  });
}
const frameReady = async () => { frame = await unpack(state.frame); };

// ---- start

async function start() {
  readColours();
  // what gets the focus stays clear of the bar and the dock
  new ResizeObserver(() => {
    document.documentElement.style.scrollPadding = `${$("bar").offsetHeight}px 0 ${$("dock").offsetHeight}px`;
  }).observe($("dock"));
  document.querySelector("h1").textContent = DATA.title;
  $("step").max = 2 * COUNT - 1;
  frame = await unpack(state.frame);
  makeTape();
  $("first").addEventListener("click", () => go(0));
  $("back").addEventListener("click", () => go(state.step - 1));
  $("next").addEventListener("click", () => go(state.step + 1));
  $("last").addEventListener("click", () => go(2 * COUNT - 1));
  $("play").addEventListener("click", () => play(state.playing === null));
  $("step").addEventListener("input", () => go(Number($("step").value)));
  $("show-help").addEventListener("click", () => {
    $("help").hidden = !$("help").hidden;
    $("show-help").setAttribute("aria-expanded", String(!$("help").hidden));
  });
  $("start-tour").hidden = tourLeaf() === undefined;
  $("start-tour").addEventListener("click", () => showTour(makeTour(frame), 0));
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input, pre")) return;
    const keys = { ArrowLeft: () => go(state.step - 1), ArrowRight: () => go(state.step + 1), Home: () => go(0), End: () => go(2 * COUNT - 1), p: () => play(state.playing === null), P: () => play(state.playing === null), Escape: release };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  wide.addEventListener("change", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); for (const row of rows.values()) row.shown = ""; show(); });
  await show();
  await makeTraining();
  document.body.dataset.ready = "true";
}
start();
