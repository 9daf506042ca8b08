"use strict";
// The list of operations, in the order they ran; long ones fold.

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
    chunks.push({
      name: null,
      records: part.flatMap((node) => node.records ?? [node]),
      nodes: chunked(part),
    });
  }
  return chunks;
}

const rows = new Map(); // record number -> its row
const folds = []; // every group, with its first and last record
function makeTape() {
  const list = element("ol", {});
  addNodes(list, tree(DATA.records));
  $("tape").append(
    element(
      "p",
      { class: "flow" },
      element("span", { class: "down" }, "values ↓"),
      " ",
      element("span", { class: "up" }, "gradients ↑"),
    ),
    list,
  );
}
function addNodes(list, nodes) {
  for (const node of nodes) {
    if (!node.nodes) {
      list.append(makeRow(node));
      continue;
    }
    const [from, to] = [node.records[0].index, node.records.at(-1).index];
    const inner = element("ol", { hidden: true });
    const title = node.name ? `${node.name}()` : "operations";
    const button = element(
      "button",
      { class: "fold", "aria-expanded": "false" },
      element("span", { class: "number" }, `${from}–${to}`),
      element("span", { class: "op" }, title),
      element("span", { class: "shape" }, `${node.records.length} operations`),
    );
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
    for (const node of fold.nodes) if (!node.nodes && frame) refreshRow(node.index);
  }
  fold.inner.hidden = !yes;
  fold.button.setAttribute("aria-expanded", String(yes));
}
function makeRow(record) {
  const outs = shapeText(DATA.values[record.outputs[0]].shape);
  const leaves = record.inputs.filter(
    (i) =>
      i.value !== undefined &&
      DATA.values[i.value].madeBy === null &&
      DATA.values[i.value].needsGrad,
  );
  const twice = record.outputs.some((v) => DATA.values[v].uses.length > 1);
  const button = element(
    "button",
    { class: "row", onclick: () => choose(record.index) },
    element("span", { class: "number" }, `#${record.index}`),
    element("span", { class: "op" }, record.op),
    element("span", { class: "shape" }, outs),
    element("span", { class: "leaves" }, leaves.map((i) => valueName(i.value)).join(", ")),
    twice
      ? element(
          "span",
          { class: "fan", title: "its output is used more than once" },
          `used ${Math.max(...record.outputs.map((v) => DATA.values[v].uses.length))}×`,
        )
      : null,
    element("span", { class: "thumbs", "aria-hidden": "true" }),
  );
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
  const current = recordAt(state.step) === number,
    value = hasValue(number, state.step),
    gradient = hasGradient(number, state.step);
  row.button.classList.toggle("done", value);
  row.button.classList.toggle("back", gradient);
  if (current) row.button.setAttribute("aria-current", "step");
  else row.button.removeAttribute("aria-current");
  const wanted = `${state.frame} ${value} ${gradient}`;
  if (row.shown === wanted || !frame) return;
  row.shown = wanted;
  const thumbs = row.button.querySelector(".thumbs");
  const v = DATA.records[number].outputs[0];
  const shown = [
    ["value", value ? frame.values[v] : null],
    ["gradient", gradient ? frame.grads[v] : null],
  ];
  thumbs.replaceChildren(
    ...shown
      .filter(([, a]) => a?.length)
      .map(([what, a]) => {
        if (a.size === 1) return element("span", {}, `${what} ${brief(a.at_(0))}`);
        const picture = Object.create(Picture.prototype);
        Object.assign(picture, { array: a, axes: layout(a, DATA.values[v].kernel), marks: [] });
        picture.fixed = new Map(picture.axes.fixed.map((axis) => [axis, 0]));
        picture.measure(120, 40);
        const canvas = element("canvas", {
          width: picture.pixelWidth,
          height: picture.pixelHeight,
        });
        paint(picture, canvas);
        return canvas;
      }),
  );
}
