"use strict";
// A guided walk along one gradient: from the result back to one leaf, operation by operation.

// The way that a gradient came, from the result to the strongest element of a leaf: for each
// operation the input and the element that it sends back to, and the output element that most
// of it came from.
function trail(leaf, frame) {
  const way = [];
  let value = leaf,
    index = strongest(frame.grads[leaf]);
  for (;;) {
    const sent = ([number, position]) => size(frame.sent[`${number}/${position}`]?.get(index) ?? 0);
    const uses = DATA.values[value].uses.filter(([n, p]) => frame.sent[`${n}/${p}`]);
    if (!uses.length) return way;
    const [number, position] = uses.reduce((best, use) => (sent(use) > sent(best) ? use : best));
    const record = DATA.records[number],
      { terms, marks } = answer(record, `sent${position}`, index, frame);
    const parts = terms.flatMap((term) => (term.cells ?? []).map((cell) => size(product(cell))));
    const places = marks.outgrad0 ?? [],
      next = record.outputs.find((v) => frame.grads[v]) ?? record.outputs[0];
    const most = places.length === 1 ? 0 : parts.indexOf(parts.reduce((p, q) => Math.max(p, q), 0));
    const known = places.length === 1 || (parts.length === places.length && most >= 0);
    const from = known ? places[most][0] : strongest(frame.grads[next]);
    way.unshift({ number, position, index, from, known, many: parts.length > 1 });
    [value, index] = [next, from];
  }
}

// A filter if there is one, else an array of a tree (so parameters are given), else the first leaf
// that gets a gradient.
function tourLeaf() {
  const leaves = DATA.values
    .map((v, i) => ({ ...v, i }))
    .filter(
      (v) =>
        v.madeBy === null &&
        v.uses.some(([n, p]) => DATA.frames[0].sent[`${n}/${p}`] !== undefined),
    );
  return (leaves.find((v) => v.kernel) ?? leaves.find((v) => v.name?.includes("/")) ?? leaves[0])
    ?.i;
}

function strongest(array) {
  let best = 0,
    place = 0;
  for (let k = 0; k < array.length; k++) {
    const strength = size(array.at_(k));
    if (strength > best) {
      best = strength;
      place = k;
    }
  }
  return array.indexOf(place);
}

const ON_THE_WAY = {
  __proto__: null,
  mean: "The result is a mean. Each of the numbers in it counted only a part, so only that part of the gradient comes back to each.",
  sum: "The result is a sum, and each of its numbers counted fully: the gradient comes back to each as it is.",
  softmax_cross_entropy:
    "Here the gradient gets its meaning. For each class it is the probability that the network gave, minus the probability that was wanted. Positive: the network is too sure of this class, its number should go down. Negative: it should go up.",
  dense:
    "Each unit was a weighted sum of the inputs. So the gradient of an input is a sum as well: over the units, gradient times the weight that connects them. Going back, the same weights are used in the other direction.",
  matmul:
    "Each output was a sum of products. Going back, each factor gets the gradient times the other factor.",
  relu: "ReLU let positive numbers through and stopped the others. The gradient goes the same way: where the number was positive it passes, elsewhere it is 0. What was stopped made no difference.",
  bias_relu:
    "To each number the bias of its channel was added; ReLU let the positive sums through and stopped the others. The gradient goes the same way: where the sum was positive it passes, elsewhere it is 0. What was stopped made no difference.",
  max_pool2d:
    "Of each window only the largest number went on. So only it gets the gradient; the others get 0. That is why most of this picture is empty.",
  convolution:
    "A convolution slides its filter over the image. Going back, every pixel collects gradients from all the outputs that its windows made, through the same weights.",
  add: "A sum passes the gradient on to both of its sides, unchanged.",
  softmax:
    "The outputs add up to 1: a number that makes its own output grow makes the others shrink. So all of their gradients have a part in its gradient.",
  subtract:
    "A difference passes the gradient on to its first side unchanged, and to its second with the sign turned.",
  multiply: "A product: each factor gets the gradient times the other factor.",
  tanh: "The slope of tanh is 1 at 0 and nearly 0 where it is flat: there hardly any gradient passes.",
};
function onTheWay(record, position, frame) {
  const told = ON_THE_WAY[explanationOf(record).story];
  if (told) return told;
  if (frame.sources[record.index])
    return "Nothing is computed here, the numbers only stand in other places. The gradient goes back to where they came from.";
  if (frame.slopes[`${record.index}/${position}`])
    return "Each number was worked on by itself. So each gradient is multiplied by the slope there: how much the output grows for each unit that the input grows.";
  return "Its VJP turns the gradient of its output into the gradients of its inputs; formula and source stand under its pictures.";
}

function makeTour(frame) {
  const leaf = tourLeaf(),
    way = trail(leaf, frame),
    entry = way.at(-1),
    n = DATA.records.length;
  const first = DATA.records[entry.number],
    result = DATA.records.at(-1),
    scalar = DATA.values[RESULT].shape.map(() => 0);
  const name = DATA.values[leaf].name ?? "an input",
    filter = DATA.values[leaf].kernel;
  const what = filter ? `the filters “${name}”` : `“${name}”`;
  const back = ({ number, position, index, from }) => ({
    step: 2 * n - 1 - number,
    point: { key: `sent${position}`, index, from },
  });
  const uses = DATA.values[leaf].uses.filter(([n, p]) => frame.sent[`${n}/${p}`]).length;
  const made = first.outputs.findIndex((v) => frame.grads[v]);
  const resultKey = result.outputs.indexOf(RESULT);
  const stops = [
    {
      step: 0,
      text: `A function made one number out of its inputs, in ${n} operation${n === 1 ? "" : "s"}: they are listed in the order they ran. On this walk you follow one gradient, from that number back to ${what}, and see what each operation does with it. First the way forward.`,
    },
    {
      step: entry.number,
      point: { key: `out${made}`, index: entry.from },
      text: filter
        ? `Operation #${entry.number} uses ${what}. Below is how one number of its output was made, the one with the thick outline: a window of the input, times the weights of one filter, added up. You will meet it again on the way back.`
        : `Operation #${entry.number} uses ${what}. Below is how one number of its output was made.`,
    },
    {
      step: n - 1,
      point: { key: `out${resultKey}`, index: scalar },
      text: `Each operation works on what those before it made. The last one gives the result; in training it is the loss: the smaller, the better. How should each number of ${what} change, to make it smaller? Their gradients say: the gradient of a number is how much the result would grow for each unit that the number grows.`,
    },
    {
      step: n,
      point: { key: `outgrad${resultKey}`, index: scalar },
      text: "The way back begins with a simple fact. If the result grows by 1, the result grows by 1: its gradient with respect to itself is 1. From here each operation takes the gradient of its output, and sends one back to each of its inputs.",
    },
  ];
  for (const [k, here] of way.slice(0, -1).entries()) {
    if (k === 20) {
      // a long way is cut short
      stops.push({
        step: 2 * n - 1 - entry.number,
        text: `So it goes on, through ${way.length - 1 - k} more operations. Here is the last of them.`,
      });
      break;
    }
    const record = DATA.records[here.number];
    stops.push({
      ...back(here),
      text: (frame) =>
        `#${here.number}, ${record.op}. ${onTheWay(record, here.position, frame)} ${followed(here, way[k - 1], frame)}`,
    });
  }
  stops.push({
    ...back(entry),
    text: (frame) =>
      `Arrived. ${uses > 1 ? `Of ${uses} operations that use ${what}, this one sends most back; all that they send adds up. ` : ""}${filter ? "Each weight of a filter was used at every place of the image, so its gradient is a sum over all those places: pixel times gradient. " : ""}${followed(entry, way.at(-2), frame)}`,
  });
  stops.push({
    ...back(entry),
    ...(uses > 1 && { point: { key: `total${entry.position}`, index: entry.index } }),
    text: (frame) => {
      const { index } = entry,
        g = frame.grads[leaf].get(index),
        x = frame.values[leaf];
      const says = isComplex(g)
        ? ""
        : ` So to make a loss smaller, this number has to ${g > 0 ? "shrink" : "grow"} a little.`;
      return `What it says: if ${name}${indexText(index)}, now ${x.write(x.get(index))}, grew by 0.001, the result would grow by about ${brief(times(0.001, g))}.${says} A training step does that to every number at once: number minus learning rate times gradient. That is all there is to it.`;
    },
  });
  return stops;
}
// Where the number of the stop before went.
function followed({ number, position, index, from, known, many }, before, frame) {
  const record = DATA.records[number],
    sent = frame.sent[`${number}/${position}`].get(index);
  const to = `${record.names[position]}${indexText(index)}, with the thick outline`;
  if (!known) return `It sends back ${brief(sent)} to ${to}.`;
  const outs = record.outputs.find((v) => frame.grads[v]),
    g = frame.grads[outs].get(from);
  const came = before && frame.sent[`${before.number}/${before.position}`].get(before.index);
  const others =
    came !== undefined && String(before.index) === String(from) && brief(came) !== brief(g)
      ? `${brief(came)} came from the stop before; with what its other uses sent, it is ${brief(g)}. `
      : "";
  return `${others}Follow the ${brief(g)}: ${many ? `it has the largest part in the ${brief(sent)} that comes back` : `${brief(sent)} comes back`} to ${to}.`;
}

// ---- the panel

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
    const next = element(
      "button",
      {
        class: "primary",
        "aria-describedby": "tour-text",
        onclick: () => showTour(stops, last ? null : k + 1),
      },
      last ? "Done" : "Next",
    );
    panel.hidden = false;
    panel.replaceChildren(
      element("p", { id: "tour-text" }, text),
      element(
        "div",
        { class: "buttons" },
        element("button", { disabled: k === 0, onclick: () => showTour(stops, k - 1) }, "Back"),
        next,
        element("span", { class: "count" }, `${k + 1} of ${stops.length}`),
        element("button", { class: "link", onclick: () => showTour(stops, null) }, "End the tour"),
      ),
    );
    next.focus({ preventScroll: true });
    $("dock").scrollTop = 0;
    if (stop.point) bringIntoView(stop.point.key, stop.point.index);
    else rows.get(recordAt(stop.step))?.button.scrollIntoView({ block: "nearest" });
  });
}
const frameReady = async () => {
  frame = await unpack(state.frame);
};
