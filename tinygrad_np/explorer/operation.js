"use strict";
// The open operation: its inputs and outputs, their gradients, its mathematics.

const HINT =
  "Point at a number in a picture, or go to it with the keyboard, to see how it came about.";

function card(key, array, value, label, note) {
  const info = DATA.values[value];
  if (!array)
    return element(
      "div",
      { class: "card empty" },
      element("p", { class: "label" }, label),
      element("p", { class: "pending" }, note),
    );
  const picture = new Picture(key, array, {
    label,
    kernel: info.kernel,
    onPoint: (p, index, hold, byKey) => point(key, index, hold, byKey),
    width: cardWidth(),
  });
  pictures.set(key, picture);
  return element("div", { class: "card" }, picture.root);
}
const cardWidth = () =>
  Math.max(
    220,
    Math.min(
      430,
      (document.documentElement.clientWidth - (wide.matches ? 480 : 60)) / (wide.matches ? 2 : 1) -
        30,
    ),
  );

function makeOperation() {
  const record = DATA.records[recordAt(state.step)],
    number = record.index,
    forward = isForward(state.step);
  const explanation = explanationOf(record);
  const backStep = 2 * COUNT - 1 - number;
  pictures = new Map();
  const later = element(
    "span",
    {},
    "Its gradient comes on the way back, at ",
    element("button", { class: "link", onclick: () => go(backStep) }, `step ${backStep + 1}`),
    ".",
  );
  const none = "No gradient: the result does not depend on it, or nobody needs it.";
  const parts = [
    element(
      "h2",
      { tabindex: -1 },
      element("span", { class: "number" }, `#${number} `),
      record.op,
      element("span", { class: "direction" }, forward ? " forward" : " backward"),
    ),
  ];
  if (explanation?.summary) parts.push(element("p", { class: "summary" }, explanation.summary));
  const call = record.calls.findLast((c) => c[2]);
  if (call)
    parts.push(
      element(
        "p",
        { class: "line" },
        "in ",
        element("code", {}, `${call[1]}()`),
        ": ",
        element("code", {}, call[2]),
      ),
    );
  const params = Object.entries(record.params)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    .join(", ");
  if (params) parts.push(element("p", { class: "params" }, element("code", {}, params)));

  const inputs = record.inputs.map((input, k) => {
    const label = record.names[k] ?? `input ${k}`;
    if (input.value === undefined)
      return element(
        "div",
        { class: "operand" },
        element("h4", {}, label, element("span", { class: "of" }, ` = ${input.text}`)),
      );
    const info = DATA.values[input.value],
      sent = frame.sent[`${number}/${k}`];
    const from =
      info.madeBy === null
        ? valueName(input.value)
        : element(
            "button",
            { class: "link", onclick: () => choose(info.madeBy) },
            `output of #${info.madeBy}`,
          );
    const cards = [card(`in${k}`, frame.values[input.value], input.value, "value")];
    if (forward) {
      if (sent)
        cards.push(
          element(
            "div",
            { class: "card empty" },
            element("p", { class: "pending" }, later.cloneNode(true)),
          ),
        );
    } else {
      cards.push(card(`sent${k}`, sent, input.value, "gradient sent back", none));
      if (sent && info.uses.filter(([n, p]) => frame.sent[`${n}/${p}`]).length > 1) {
        cards.push(
          card(
            `total${k}`,
            frame.grads[input.value],
            input.value,
            `whole gradient: the sum over its ${info.uses.length} uses`,
          ),
        );
      }
    }
    return element(
      "div",
      { class: "operand" },
      element(
        "h4",
        {},
        `${label} `,
        element("span", { class: "of" }, from, ` ${shapeText(info.shape)} ${info.dtype}`),
      ),
      element("div", { class: "cards" }, ...cards),
    );
  });
  for (const button of inputs.flatMap((i) => [...i.querySelectorAll(".pending .link")]))
    button.addEventListener("click", () => go(backStep));

  const outputs = record.outputs.map((value, k) => {
    const info = DATA.values[value];
    const cards = [card(`out${k}`, frame.values[value], value, "value")];
    if (info.needsGrad) {
      if (forward)
        cards.push(
          element("div", { class: "card empty" }, element("p", { class: "pending" }, later)),
        );
      else
        cards.push(
          card(
            `outgrad${k}`,
            frame.grads[value],
            value,
            info.uses.length > 1
              ? `gradient that came back: the sum over ${info.uses.length} uses`
              : "gradient that came back",
            none,
          ),
        );
    }
    const uses = info.uses.map(([n]) =>
      element("button", { class: "link", onclick: () => choose(n) }, `#${n} ${DATA.records[n].op}`),
    );
    const used = uses.length
      ? ["; used by ", ...uses.flatMap((u, i) => (i ? [", ", u] : [u]))]
      : ["; the result"];
    return element(
      "div",
      { class: "operand output" },
      element(
        "h4",
        {},
        record.outputs.length > 1 ? `output ${k} ` : "",
        element("span", { class: "of" }, `${shapeText(info.shape)} ${info.dtype}`, ...used),
      ),
      element("div", { class: "cards" }, ...cards),
    );
  });
  const inputSection = element(
    "section",
    {},
    element("h3", {}, inputs.length === 1 ? "Input" : "Inputs"),
    ...inputs,
  );
  const outputSection = element("section", {}, element("h3", {}, "Output"), ...outputs);
  parts.push(...(forward ? [inputSection, outputSection] : [outputSection, inputSection]));
  $("reading").replaceChildren(element("p", { class: "hint" }, HINT));
  $("element").classList.remove("held");
  if (explanation) {
    const prose = (label) =>
      element("div", { class: "prose", tabindex: 0, role: "region", "aria-label": label });
    const forwardText = prose("what the operation computes"),
      derivation = prose("the derivation of its VJP");
    forwardText.innerHTML = explanation.forward; // made from docstrings, escaped where it was made
    derivation.innerHTML = explanation.derivation;
    parts.push(
      element(
        "details",
        { class: "mathematics" },
        element("summary", {}, "The mathematics"),
        forwardText,
        explanation.derivation ? element("h4", {}, "The derivation of its VJP") : null,
        derivation,
      ),
    );
    parts.push(
      element(
        "details",
        { class: "source" },
        element("summary", {}, "The source of its VJP"),
        element("p", {}, element("code", {}, explanation.location)),
        element(
          "pre",
          { tabindex: 0, role: "region", "aria-label": "source of the VJP" },
          element("code", {}, explanation.source),
        ),
      ),
    );
  }
  const focused = document.activeElement,
    had = $("operation").contains(focused),
    key = had && focused.closest("[data-key]")?.dataset.key;
  const openBefore = new Set(
    [...$("operation").querySelectorAll("details[open]")].map((d) => d.className),
  );
  $("operation").replaceChildren(...parts);
  for (const details of $("operation").querySelectorAll("details"))
    details.open = openBefore.has(details.className);
  return () =>
    had &&
    (pictures.get(key)?.body ?? $("operation").querySelector("h2")).focus({ preventScroll: true });
}
