"use strict";
// The panel that takes one number apart.

function point(key, index, hold, byKey) {
  if (state.held && !hold && !byKey) return;
  if (hold && state.held && state.held.key === key && String(state.held.index) === String(index))
    return release();
  state.held = hold ? { key, index } : byKey ? null : state.held;
  read(key, index);
  if (hold || byKey) $("said").textContent = $("reading").querySelector(".head").innerText;
  if (byKey && isHidden(pictures.get(key).boxOf(index))) bringIntoView(key, index);
}
function release() {
  state.held = null;
  $("element")?.classList.remove("held");
}
const TITLES = {
  in: "input",
  out: "output",
  sent: "gradient sent back to",
  outgrad: "gradient of the output",
  total: "whole gradient of",
};

function read(key, index) {
  const record = DATA.records[recordAt(state.step)];
  const found = answer(record, key, index, frame);
  if (state.held?.from && found.marks.outgrad0)
    found.marks.outgrad0.push([state.held.from, "here"]);
  for (const [k, picture] of pictures) picture.mark(found.marks[k] ?? []);
  const [, part, digits] = key.match(/^([a-z]+)(\d+)$/);
  const name = ["out", "outgrad"].includes(part)
    ? record.outputs.length > 1
      ? digits
      : ""
    : record.names[Number(digits)];
  const write_ = (value) => found.array.write(value);
  const parts = [],
    head = [
      element(
        "p",
        { class: "what" },
        `${TITLES[part]} ${name}${indexText(index)} = `,
        element(
          "strong",
          { "data-value": write(found.value) },
          pictures.get(key)?.array.write(found.value) ?? write(found.value),
        ),
      ),
    ];
  if (found.about === "sent" && !isForward(state.step))
    head.push(
      element("p", {}, "What comes back to it: ", element("strong", {}, write_(found.result))),
    );
  const showSum = !(found.about === "sent" && isForward(state.step));
  if (found.says && showSum) head.push(element("p", {}, found.says));
  if (found.about === "sent" && isForward(state.step))
    head.push(element("p", {}, "Outlined: the outputs that it has a part in."));
  if (found.partly)
    head.push(
      element(
        "p",
        { class: "hint" },
        "The arrays are too large for all of the numbers that this was made of to be on the page.",
      ),
    );
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
  const summed = addUp(found.terms.map((t) => t.value)),
    total = isComplex(found.result) || !isComplex(summed) ? summed : summed.re;
  const parts = [];
  if (single) parts.push(cellsOf(found.terms[0], found.how));
  else {
    const order = found.terms
      .map((t, i) => i)
      .sort((p, q) => size(found.terms[q].value) - size(found.terms[p].value));
    const shown =
      found.terms.length <= SHOWN + 1
        ? found.terms.map((_, i) => i)
        : order.slice(0, SHOWN).sort((p, q) => p - q);
    const rest = found.terms.map((_, i) => i).filter((i) => !shown.includes(i));
    const opened = element("div", { class: "opened" });
    const show = (i) =>
      opened.replaceChildren(
        element("p", { class: "label" }, `${found.terms[i].label}:`),
        cellsOf(found.terms[i]),
      );
    const nested = found.terms.some((t) => t.cells && t.cells.length > 1);
    const largest = (t) => t.cells.reduce((top, cell) => Math.max(top, size(product(cell))), 0);
    const most = nested
      ? order
          .filter((i) => found.terms[i].cells)
          .reduce((p, q) => (largest(found.terms[q]) > largest(found.terms[p]) ? q : p))
      : order[0];
    const lines = shown.map((i) => {
      const t = found.terms[i],
        cell = t.cells?.length === 1 ? t.cells[0] : null;
      const product = cell && cell.b !== undefined ? `${brief(cell.a)} × ${brief(cell.b)}` : "";
      const label =
        nested && t.cells?.length > 1
          ? element("button", { class: "link", onclick: () => show(i) }, t.label)
          : t.label;
      return element(
        "tr",
        {
          "data-term": write(t.value),
          class: i === most && found.terms.length > 1 ? "most" : null,
        },
        element("th", { scope: "row" }, label),
        element("td", { class: "product" }, product),
        element("td", { class: "term", title: write(t.value) }, brief(t.value)),
      );
    });
    if (rest.length) {
      const value = addUp(rest.map((i) => found.terms[i].value));
      lines.push(
        element(
          "tr",
          { "data-term": write(value) },
          element("th", { scope: "row" }, `the other ${rest.length}`),
          element("td"),
          element("td", { class: "term", title: write(value) }, brief(value)),
        ),
      );
    }
    parts.push(
      element(
        "div",
        { class: "terms" },
        element("table", { class: "sum" }, element("tbody", {}, ...lines)),
      ),
    );
    if (nested) {
      show(most);
      parts.push(opened);
    }
  }
  const sum =
    found.how === "largest"
      ? element(
          "p",
          { class: "total", "data-total": write(found.result) },
          "The largest: ",
          element("strong", {}, write_(found.result)),
        )
      : element(
          "p",
          { class: "total", "data-total": write(total) },
          "Added up: ",
          element("strong", {}, write(total, found.array.dtype)),
          found.how === "positive" ? "; of that goes on: " : "; on the tape: ",
          element("strong", { "data-result": write(found.result) }, write_(found.result)),
        );
  return { total: sum, tables: parts };
}
// The products of one term: in the shape of the window if there is one, else the largest of them.
function cellsOf(term, how) {
  const text = ({ a, b }) => (b === undefined ? brief(a) : `${brief(a)} × ${brief(b)}`);
  const cells = term.cells.map((cell) => ({ ...cell, value: product(cell) }));
  const top = Math.max(...cells.map((c) => c.value));
  if (
    term.grid &&
    term.grid.length <= 2 &&
    cells.length === term.grid.reduce((a, b) => a * b, 1) &&
    cells.length <= 49
  ) {
    const across = term.grid.at(-1);
    const lines = range(0, cells.length / across).map((row) =>
      element(
        "tr",
        {},
        ...cells.slice(row * across, (row + 1) * across).map((cell) =>
          element(
            "td",
            {
              "data-cell": write(cell.value),
              title: cell.label,
              class: how === "largest" && cell.value === top ? "here" : null,
            },
            element("span", { class: "factors" }, text(cell)),
            cell.b === undefined
              ? null
              : element("span", { class: "value" }, `= ${brief(cell.value)}`),
          ),
        ),
      ),
    );
    return element("table", { class: "window" }, element("tbody", {}, ...lines));
  }
  const order = cells.map((_, i) => i).sort((p, q) => size(cells[q].value) - size(cells[p].value));
  const shown =
    cells.length <= SHOWN + 1
      ? cells.map((_, i) => i)
      : order.slice(0, SHOWN).sort((p, q) => p - q);
  const rest = order.slice(SHOWN).filter((i) => !shown.includes(i));
  const lines = shown.map((i) =>
    element(
      "tr",
      {
        "data-cell": write(cells[i].value),
        class: i === order[0] && cells.length > 1 ? "most" : null,
      },
      element("th", { scope: "row" }, cells[i].label || term.label),
      element("td", { class: "product" }, text(cells[i])),
      element("td", { class: "term" }, cells[i].b === undefined ? "" : brief(cells[i].value)),
    ),
  );
  if (rest.length) {
    const sum = addUp(rest.map((i) => cells[i].value));
    const zeros = rest.filter((i) => cells[i].value === 0).length;
    lines.push(
      element(
        "tr",
        { "data-cell": write(sum) },
        element(
          "th",
          { scope: "row" },
          `the other ${rest.length}${zeros ? `, ${zeros} of them 0` : ""}`,
        ),
        element("td"),
        element("td", { class: "term" }, brief(sum)),
      ),
    );
  }
  return element("table", { class: "sum" }, element("tbody", {}, ...lines));
}
