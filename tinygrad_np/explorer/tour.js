"use strict";
// A guided walk along one gradient: from the result back to one leaf, operation by operation.

// The records from the leaf to the result, and at which input each is entered.
function pathToResult(leaf) {
  const path = [];
  let value = leaf;
  for (;;) {
    const use = DATA.values[value].uses.find(([n, p]) => DATA.frames[0].sent[`${n}/${p}`] !== undefined);
    if (!use) return path;
    path.push({ number: use[0], position: use[1] });
    const outs = DATA.records[use[0]].outputs;
    value = outs.find((v) => DATA.values[v].uses.length > 0 && DATA.values[v].needsGrad) ?? outs[0];
  }
}

// A filter if there is one, else the first leaf that gets a gradient.
function tourLeaf() {
  const leaves = DATA.values.map((v, i) => ({ ...v, i })).filter((v) => v.madeBy === null && v.needsGrad && v.uses.length);
  return (leaves.find((v) => v.kernel) ?? leaves[0])?.i;
}

function strongest(array) {
  let best = 0, place = 0;
  for (let k = 0; k < array.length; k++) {
    const size = Math.abs(Number(array.at_(k)));
    if (size > best) { best = size; place = k; }
  }
  return array.indexOf(place);
}

const ON_THE_WAY = {
  mean: "The result is a mean. Each of the numbers in it counted only a part, so only that part of the gradient comes back to each.",
  sum: "The result is a sum, and each of its numbers counted fully: the gradient comes back to each as it is.",
  softmax_cross_entropy: "Here the gradient gets its meaning. For each class it is the probability that the network gave, minus the probability that was wanted. Positive: the network is too sure of this class, its number should go down. Negative: it should go up.",
  dense: "Each unit was a weighted sum of the inputs. So the gradient of an input is a sum as well: over the units, gradient times the weight that connects them. Going back, the same weights are used in the other direction.",
  matmul: "Each output was a sum of products. Going back, each factor gets the gradient times the other factor.",
  relu: "ReLU let positive numbers through and stopped the others. The gradient goes the same way: where the number was positive it passes, elsewhere it is 0. What was stopped made no difference.",
  reshape: "Nothing is computed here, the numbers only stand in another shape. The gradient is put back into the old one.",
  max_pool2d: "Of each window only the largest number went on. So only it gets the gradient; the others get 0. That is why most of this picture is empty.",
  conv2d: "A convolution slides its filter over the image. Going back, every pixel collects gradients from all the outputs that its windows made, through the same weights.",
  add: "A sum passes the gradient on to both of its sides, unchanged.",
  multiply: "A product: each factor gets the gradient times the other factor.",
  tanh: "The slope of tanh is 1 at 0 and nearly 0 where it is flat: there hardly any gradient passes.",
};

function makeTour() {
  const leaf = tourLeaf();
  if (leaf === undefined) return [];
  const path = pathToResult(leaf), n = DATA.records.length;
  if (!path.length) return [];
  const name = DATA.values[leaf].name ?? "an input", entry = path[0], first = DATA.records[entry.number];
  const what = DATA.values[leaf].kernel ? `the filters “${name}”` : `“${name}”`;
  const result = DATA.records.at(-1);
  const filter = DATA.values[leaf].kernel;
  const stops = [
    { step: 0, text: `A function made one number out of its inputs, in ${n} operation${n === 1 ? "" : "s"}. On this walk you follow one gradient, from that number back to ${what}, and see what each operation does with it. First the way forward.` },
    {
      step: entry.number, point: (frame) => ["out0", strongest(frame.grads[first.outputs[0]] ?? frame.values[first.outputs[0]])],
      text: filter ? `Operation #${entry.number} uses ${what}. Below is how one number of its output was made: a window of the input, times the weights of one filter, added up. Point at another number to see its window.` : `Operation #${entry.number} uses ${what}. Below is how one number of its output was made.`,
    },
    { step: n - 1, point: () => ["out0", DATA.values[result.outputs[0]].shape.map(() => 0)], text: `The last operation gives the result. In training it is the loss: the smaller, the better. The question is: how should each number of ${what} change, to make it smaller? A gradient answers that for all of them at once.` },
    { step: n, point: () => ["outgrad0", DATA.values[result.outputs[0]].shape.map(() => 0)], text: "The way back begins with a simple fact. If the result grows by 1, the result grows by 1: its gradient with respect to itself is 1." },
  ];
  for (const [k, { number, position }] of path.slice().reverse().entries()) {
    const record = DATA.records[number], last = k === path.length - 1;
    if (last) break;
    stops.push({
      step: 2 * n - 1 - number,
      point: (frame) => [`sent${position}`, strongest(frame.sent[`${number}/${position}`])],
      text: `#${number}, ${record.op}. ${ON_THE_WAY[record.op] ?? "Its VJP turns the gradient of its output into the gradients of its inputs; the formula is below."} Below is the largest number that it sends back.`,
    });
    if (stops.length > 24) break;
  }
  stops.push({
    step: 2 * n - 1 - entry.number, point: (frame) => [`sent${entry.position}`, strongest(frame.sent[`${entry.number}/${entry.position}`])],
    text: filter
      ? `Arrived. Each weight of a filter was used at every place of the image, so its gradient is a sum over all those places: pixel times gradient. The weight that is outlined has the largest one.`
      : `Arrived at ${what}. This is the number that the whole way back was for.`,
  });
  stops.push({
    step: 2 * n - 1 - entry.number, point: (frame) => [`sent${entry.position}`, strongest(frame.sent[`${entry.number}/${entry.position}`])],
    text: (frame) => {
      const sent = frame.sent[`${entry.number}/${entry.position}`], index = strongest(sent), g = Number(sent.get(index)), x = frame.values[leaf];
      const again = DATA.values[leaf].uses.length > 1 ? " (through this use; it has others)" : "";
      return `What it says: if ${name}${indexText(index)}, now ${x.write(x.get(index))}, grew by 0.001, the result would grow by about ${brief(0.001 * g)}${again}. So to make a loss smaller, this number has to ${g > 0 ? "shrink" : "grow"} a little. A training step does that to every number at once: number minus learning rate times gradient. That is all there is to it.`;
    },
  });
  return stops;
}
