"use strict";
// How one number came about: which numbers it was made of, and that they add up to it.
//
// A question is about one element of one array of an operation:
//   out k    an output              forward: computed from the inputs
//   in k     an input               where it goes; backward, as `sent k`
//   sent k   what the operation sends back to an input: its gradient through this operation
//   outgrad k, total k              a value's whole gradient: the sum over its uses
//
// An answer is { says, terms, result, marks, … }. A term has a label and either a value or cells,
// products of two numbers. The terms add up to the result, unless `how` says what else is done.

// Numbers may be complex, { re, im }.
const parts = (a) => (typeof a === "object" ? a : { re: Number(a), im: 0 });
const isComplex = (...numbers) => numbers.some((a) => typeof a === "object");
function times(a, b) {
  if (!isComplex(a, b)) return Number(a) * Number(b);
  const [p, q] = [parts(a), parts(b)];
  return { re: p.re * q.re - p.im * q.im, im: p.re * q.im + p.im * q.re };
}
function plus(a, b) {
  if (!isComplex(a, b)) return Number(a) + Number(b);
  const [p, q] = [parts(a), parts(b)];
  return { re: p.re + q.re, im: p.im + q.im };
}
const size = (a) => Math.hypot(parts(a).re, parts(a).im);
const product = ({ a, b }) => (b === undefined ? a : times(a, b));
const addUp = (numbers) => numbers.reduce(plus, 0);

const MOST_TERMS = 1 << 16; // of a longer sum the page does not have all numbers
class TooMany extends Error {}
const missing = (cells) =>
  cells.some(({ a, b, lone }) => a === undefined || (b === undefined && !lone));
const lone = (a, label) => ({ a, lone: true, label });

// Every index of a box of these sizes.
function* indices(shape) {
  const n = shape.reduce((a, b) => a * b, 1);
  if (n > MOST_TERMS) throw new TooMany();
  for (let k = 0; k < n; k++) yield unravel(k, shape);
}
function unravel(k, shape) {
  const index = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = k % shape[axis];
    k = Math.floor(k / shape[axis]);
  }
  return index;
}
const ravel = (index, shape) => index.reduce((k, i, axis) => k * shape[axis] + i, 0);

// What the operation of a record works on, under short names.
function scene(record, frame) {
  const number = record.index;
  const ins = record.inputs.map((input) =>
    input.value === undefined ? null : frame.values[input.value],
  );
  return {
    number,
    record,
    explained: explanationOf(record),
    frame,
    ins,
    outs: record.outputs.map((v) => frame.values[v]),
    g: frame.grads[record.outputs[0]],
    sent: (k) => frame.sent[`${number}/${k}`] ?? null,
    slope: (k) => frame.slopes[`${number}/${k}`] ?? null,
    jacobian: (k) => frame.jacobians[`${number}/${k}`] ?? null,
    source: frame.sources[number] ?? null,
    largest: frame.largest[number] ?? null,
    name: (k) => record.names[k] ?? `x${k}`,
    params: record.params,
  };
}

// ---- convolution

function convGeometry(s) {
  const { stride, padding, dilation, groups } = s.params;
  const [x, kernel] = s.ins;
  const dims = x.shape.length - 2;
  const taps = kernel.shape.slice(0, dims),
    filters = kernel.shape.at(-1);
  return {
    dims,
    taps,
    filters,
    stride,
    padding,
    dilation,
    channels: kernel.shape.at(-2),
    perGroup: filters / groups,
    // the pixel under a tap of the window at output o, and back
    pixel: (o, k) => o.map((p, d) => p * stride[d] - padding[d][0] + k[d] * dilation[d]),
    inside: (i) => i.every((p, d) => p >= 0 && p < x.shape[1 + d]),
    output: (i, k) => {
      const o = i.map((p, d) => (p + padding[d][0] - k[d] * dilation[d]) / stride[d]);
      return o.every((p, d) => Number.isInteger(p) && p >= 0 && p < s.outs[0].shape[1 + d])
        ? o
        : null;
    },
  };
}

const convolution = {
  out(s, index) {
    const c = convGeometry(s),
      [x, kernel, bias] = s.ins;
    const n = index[0],
      o = index.slice(1, -1),
      j = index.at(-1);
    const first = Math.floor(j / c.perGroup) * c.channels;
    const marks = { in0: [], in1: [], in2: [] };
    const terms = range(0, c.channels).map((channel) => ({
      label: `channel ${first + channel}`,
      grid: c.taps,
      cells: [...indices(c.taps)].map((k) => {
        const i = c.pixel(o, k),
          tap = [...k, channel, j];
        marks.in1.push([tap, "there"]);
        if (!c.inside(i))
          return { a: 0, b: kernel.get(tap), label: `padding · kernel${indexText(tap)}` };
        const at = [n, ...i, first + channel];
        marks.in0.push([at, "there"]);
        return {
          a: x.get(at),
          b: kernel.get(tap),
          label: `x${indexText(at)} · kernel${indexText(tap)}`,
        };
      }),
    }));
    if (bias) {
      terms.push({ label: `bias[${j}]`, value: bias.get([j]) });
      marks.in2.push([[j], "there"]);
    }
    const window = c.taps.join(" × ");
    return {
      says: `Filter ${j} lies over a window of ${window} pixels${c.channels > 1 ? ` in each of ${c.channels} channels` : ""}. Each pixel is multiplied by the weight above it, and everything is added up${bias ? ", with the filter's bias" : ""}.`,
      terms,
      marks,
    };
  },
  sent(s, which, index) {
    const c = convGeometry(s),
      [x, kernel] = s.ins,
      g = s.g;
    if (which === 0) {
      const n = index[0],
        i = index.slice(1, -1),
        channel = index.at(-1);
      const group = Math.floor(channel / c.channels),
        inGroup = channel % c.channels;
      const marks = { outgrad0: [], out0: [], in1: [] };
      const terms = range(group * c.perGroup, (group + 1) * c.perGroup).map((j) => ({
        label: `filter ${j}`,
        cells: [...indices(c.taps)].flatMap((k) => {
          const o = c.output(i, k);
          if (!o) return [];
          const at = [n, ...o, j],
            tap = [...k, inGroup, j];
          marks.outgrad0.push([at, "there"]);
          marks.out0.push([at, "there"]);
          marks.in1.push([tap, "there"]);
          return [
            {
              a: g.get(at),
              b: kernel.get(tap),
              label: `gradient${indexText(at)} · kernel${indexText(tap)}`,
            },
          ];
        }),
      }));
      const touched = terms[0].cells.length;
      return {
        says: `This pixel was under the window of ${touched} output pixel${touched === 1 ? "" : "s"} of each filter. Through the weight that lay on it, each of them sends its gradient back, and everything is added up.`,
        terms,
        marks,
      };
    }
    if (which === 1) {
      const k = index.slice(0, c.dims),
        [channel, j] = index.slice(c.dims);
      const seen = Math.floor(j / c.perGroup) * c.channels + channel;
      const marks = { outgrad0: [], in0: [] };
      const terms = range(0, x.shape[0]).map((n) => ({
        label: `image ${n}`,
        cells: [...indices(s.outs[0].shape.slice(1, -1))].flatMap((o) => {
          const i = c.pixel(o, k);
          if (!c.inside(i)) return [];
          const pixel = [n, ...i, seen],
            at = [n, ...o, j];
          marks.in0.push([pixel, "there"]);
          marks.outgrad0.push([at, "there"]);
          return [
            {
              a: x.get(pixel),
              b: g.get(at),
              label: `x${indexText(pixel)} · gradient${indexText(at)}`,
            },
          ];
        }),
      }));
      return {
        says: `This one weight was used at every place of the image: there it multiplied a pixel, and made a part of an output. So each place says how it would like the weight to change, pixel times gradient, and all of that is added up.`,
        terms,
        marks,
      };
    }
    const j = index[0],
      shape = s.outs[0].shape.slice(0, -1);
    const cells = [...indices(shape)].map((o) =>
      lone(g.get([...o, j]), `gradient${indexText([...o, j])}`),
    );
    return {
      says: "The bias was added to every pixel of its channel, so its gradient is the sum of theirs.",
      terms: [{ label: "all pixels", cells }],
      marks: { outgrad0: cells.map((_, n) => [[...unravel(n, shape), j], "there"]) },
    };
  },
};

// ---- bias and ReLU

const biasRelu = {
  out(s, index) {
    const [x, bias] = s.ins,
      j = index.at(-1);
    return {
      says: "The bias of its channel is added. If the sum is positive it goes on, else 0 does.",
      terms: [
        { label: `x${indexText(index)}`, value: x.get(index) },
        { label: `bias[${j}]`, value: bias.get([j]) },
      ],
      how: "positive",
      marks: { in0: [[index, "there"]], in1: [[[j], "there"]] },
    };
  },
  sent(s, which, index) {
    const y = s.outs[0],
      passed = (at) => (y.get(at) > 0 ? 1 : 0);
    if (which === 0)
      return {
        says: passed(index)
          ? "Its sum with the bias was positive and went on. So the gradient comes back as it is."
          : "Its sum with the bias was not positive, and 0 went on instead: it made no difference. So nothing comes back.",
        terms: [
          {
            label: "gradient × (1 if the output is positive, else 0)",
            cells: [{ a: s.g.get(index), b: passed(index), label: "" }],
          },
        ],
        marks: { outgrad0: [[index, "there"]], out0: [[index, "there"]] },
      };
    const j = index[0],
      cells = [...indices(y.shape.slice(0, -1))].map((row) => {
        const at = [...row, j];
        return { a: s.g.get(at), b: passed(at), at, label: `gradient${indexText(at)}` };
      });
    return {
      says: "The bias was added everywhere in its channel. Where the output is positive that made a difference, and the gradient there counts; elsewhere it counts 0. Its gradient is the sum.",
      terms: [{ label: "all places", cells }],
      marks: {
        outgrad0: cells.map(({ at }) => [at, "there"]),
        out0: cells.map(({ at }) => [at, "there"]),
      },
    };
  },
};

// ---- pooling

function windowAt(s, o) {
  const { window, stride, padding } = s.params,
    x = s.ins[0];
  return [...indices(window)]
    .map((k) => o.map((p, d) => p * stride[d] - padding[d][0] + k[d]))
    .map((i, place) => ({ i, place }))
    .filter(({ i }) => i.every((p, d) => p >= 0 && p < x.shape[1 + d]));
}
function windowsOver(s, i) {
  const { window, stride, padding } = s.params,
    y = s.outs[0];
  return [...indices(window)]
    .map((k, place) => ({
      place,
      o: i.map((p, d) => (p + padding[d][0] - k[d]) / stride[d]),
    }))
    .filter(({ o }) => o.every((p, d) => Number.isInteger(p) && p >= 0 && p < y.shape[1 + d]));
}
function poolCells(s, index) {
  const n = index[0],
    c = index.at(-1);
  return windowAt(s, index.slice(1, -1)).map(({ i }) => {
    const at = [n, ...i, c];
    return { ...lone(s.ins[0].get(at), `x${indexText(at)}`), at };
  });
}
const maxPool = {
  out(s, index) {
    const cells = poolCells(s, index);
    return {
      says: "The largest number of the window goes on; the others are forgotten.",
      terms: [{ label: "window", cells, grid: s.params.window }],
      how: "largest",
      marks: { in0: cells.map(({ at }) => [at, "there"]) },
    };
  },
  sent(s, which, index) {
    const n = index[0],
      c = index.at(-1),
      chosen = s.outs[1],
      marks = { outgrad0: [], out0: [] };
    const terms = windowsOver(s, index.slice(1, -1)).map(({ o, place }) => {
      const at = [n, ...o, c],
        won = Number(chosen.get(at)) === place;
      marks.outgrad0.push([at, "there"]);
      marks.out0.push([at, "there"]);
      return {
        label: `${won ? "it was" : "it was not"} the largest in the window of output${indexText(at)}`,
        cells: [
          { a: s.g.get(at), b: won ? 1 : 0, label: "gradient × (1 if it was the largest, else 0)" },
        ],
      };
    });
    return {
      says: terms.length
        ? "The gradient goes to the one number of the window that was passed on: only that one made a difference."
        : "No window covers this pixel, so nothing comes back to it.",
      terms,
      marks,
    };
  },
};
const sumPool = {
  out(s, index) {
    const cells = poolCells(s, index);
    return {
      says: "The numbers of the window are added up.",
      terms: [{ label: "window", cells, grid: s.params.window }],
      marks: { in0: cells.map(({ at }) => [at, "there"]) },
    };
  },
  sent(s, which, index) {
    const n = index[0],
      c = index.at(-1);
    const cells = windowsOver(s, index.slice(1, -1)).map(({ o }) => ({
      ...lone(s.g.get([n, ...o, c]), `gradient${indexText([n, ...o, c])}`),
      at: [n, ...o, c],
    }));
    return {
      says: "Every window that this pixel was in sends its gradient back, as it is.",
      terms: [{ label: "windows", cells }],
      marks: { outgrad0: cells.map(({ at }) => [at, "there"]) },
    };
  },
};

// ---- dense layers and products of matrices

function fewTerms(parts, row, factor, labels) {
  const [places, weights, rest] = parts,
    count = places.shape[1];
  const terms = range(0, count).map((m) => {
    const i = places.get([row, m]);
    return {
      label: labels(i),
      at: i,
      cells: [{ a: factor(i), b: weights.get([row, m]), label: labels(i) }],
    };
  });
  return { terms, rest: rest.get([row]) };
}
const dense = {
  out(s, index) {
    const [x, kernel, bias] = s.ins,
      rows = index.slice(0, -1),
      j = index.at(-1),
      n = kernel.shape[0];
    const label = (i) => `x${indexText([...rows, i])} · kernel[${i}, ${j}]`;
    let terms,
      rest = null;
    if (s.largest) {
      ({ terms, rest } = fewTerms(s.largest.forward, j, (i) => x.get([...rows, i]), label));
      terms.push({ label: `the other ${n - terms.length} terms`, value: rest });
    } else {
      terms = range(0, n).map((i) => ({
        label: label(i),
        at: i,
        cells: [{ a: x.get([...rows, i]), b: kernel.get([i, j]), label: "" }],
      }));
    }
    const marks = {
      in0: terms.filter((t) => t.at !== undefined).map((t) => [[...rows, t.at], "there"]),
      in1: terms.filter((t) => t.at !== undefined).map((t) => [[t.at, j], "there"]),
      in2: [[[j], "there"]],
    };
    if (bias) terms.push({ label: `bias[${j}]`, value: bias.get([j]) });
    return {
      says: `Unit ${j} weighs each of its ${n} inputs with a weight of its own, and adds them up${bias ? ", with its bias" : ""}.`,
      terms,
      marks,
    };
  },
  sent(s, which, index) {
    const [x, kernel] = s.ins,
      g = s.g;
    if (which === 0) {
      const rows = index.slice(0, -1),
        i = index.at(-1),
        n = kernel.shape[1];
      const label = (j) => `gradient${indexText([...rows, j])} · kernel[${i}, ${j}]`;
      let terms;
      if (s.largest?.backward) {
        const few = fewTerms(s.largest.backward, i, (j) => g.get([...rows, j]), label);
        terms = [
          ...few.terms,
          { label: `the other ${n - few.terms.length} terms`, value: few.rest },
        ];
      } else
        terms = range(0, n).map((j) => ({
          label: label(j),
          at: j,
          cells: [{ a: g.get([...rows, j]), b: kernel.get([i, j]), label: "" }],
        }));
      const marks = {
        outgrad0: terms.filter((t) => t.at !== undefined).map((t) => [[...rows, t.at], "there"]),
        in1: terms.filter((t) => t.at !== undefined).map((t) => [[i, t.at], "there"]),
      };
      return {
        says: `This input went to all ${n} units. Each sends its gradient back through the weight that it gave to it.`,
        terms,
        marks,
      };
    }
    const shape = x.shape.slice(0, -1);
    if (which === 1) {
      const [i, j] = index;
      const terms = [...indices(shape)].map((row) => ({
        label: shape.length ? `row ${row.join(", ")}` : "x · gradient",
        cells: [
          {
            a: x.get([...row, i]),
            b: g.get([...row, j]),
            label: `x${indexText([...row, i])} · gradient${indexText([...row, j])}`,
          },
        ],
      }));
      return {
        says: "The weight multiplied an input to make a part of an output: so its gradient is that input times the output's gradient.",
        terms,
        marks: {
          in0: [...indices(shape)].map((row) => [[...row, i], "there"]),
          outgrad0: [...indices(shape)].map((row) => [[...row, j], "there"]),
        },
      };
    }
    const cells = [...indices(shape)].map((row) =>
      lone(g.get([...row, index[0]]), `gradient${indexText([...row, index[0]])}`),
    );
    return {
      says: "The bias was added once to each row, so its gradient is the sum of theirs.",
      terms: [{ label: "rows", cells }],
      marks: { outgrad0: [...indices(shape)].map((row) => [[...row, index[0]], "there"]) },
    };
  },
};
const matmul = {
  fits: (s) => s.ins.every((x) => x !== null),
  out(s, index) {
    const [x, y] = s.ins,
      m = matrices(s),
      [batch, i, j] = m.split(index);
    const cells = range(0, x.shape.at(-1)).map((k) =>
      paired(s, [x, ...m.first(batch, i, k)], [y, ...m.second(batch, k, j)]),
    );
    return {
      says: `Row ${i} of the first, times column ${j} of the second, number by number, added up.`,
      terms: [{ label: "products", cells }],
      marks: {
        in0: cells.map((c) => [c.at[0], "there"]),
        in1: cells.map((c) => [c.at[1], "there"]),
      },
    };
  },
  sent(s, which, index) {
    const [x, y] = s.ins,
      g = s.g,
      m = matrices(s),
      shape = s.ins[which].shape.slice(0, -2),
      own = String(index.slice(0, -2));
    const [p, q] = index.length > 1 ? index.slice(-2) : which === 0 ? [0, ...index] : [...index, 0];
    const cells = [...indices(m.batches)]
      .filter((b) => String(spread(b, shape)) === own)
      .flatMap((b) =>
        which === 0
          ? range(0, m.columns).map((j) =>
              paired(s, [g, ...m.output(b, p, j)], [y, ...m.second(b, q, j)]),
            )
          : range(0, m.rows).map((i) =>
              paired(s, [g, ...m.output(b, i, q)], [x, ...m.first(b, i, p)]),
            ),
      );
    return {
      says: "Each product that it was a factor of sends the gradient back, times the other factor.",
      terms: [{ label: "products", cells }],
      marks: {
        outgrad0: cells.map((c) => [c.at[0], "there"]),
        [`in${1 - which}`]: cells.map((c) => [c.at[1], "there"]),
      },
    };
  },
};
// Where the numbers of a product of matrices stand: a vector is one row, or one column, and axes
// before the last two number products of their own.
function matrices(s) {
  const [x, y] = s.ins,
    row = x.shape.length === 1,
    column = y.shape.length === 1,
    shape = s.outs[0].shape;
  const rank = shape.length - !row - !column;
  return {
    batches: shape.slice(0, rank),
    rows: row ? 1 : x.shape.at(-2),
    columns: column ? 1 : y.shape.at(-1),
    split: (index) => [index.slice(0, rank), row ? 0 : index[rank], column ? 0 : index.at(-1)],
    first: (b, i, k) => (row ? [k] : [...spread(b, x.shape.slice(0, -2)), i, k]),
    second: (b, k, j) => (column ? [k] : [...spread(b, y.shape.slice(0, -2)), k, j]),
    output: (b, i, j) => [...b, ...(row ? [] : [i]), ...(column ? [] : [j])],
  };
}
// The product of two elements, each an array and its index.
function paired(s, [x, ...i], [y, ...j]) {
  const name = (array) => (array === s.g ? "gradient" : s.name(s.ins.indexOf(array)));
  return {
    a: x.get(i),
    b: y.get(j),
    at: [i, j],
    label: `${name(x)}${indexText(i)} · ${name(y)}${indexText(j)}`,
  };
}

// ---- sums and means

function reducedAxes(s) {
  const rank = s.ins[0].shape.length,
    axis = s.params.axis;
  const axes =
    axis === undefined || axis === null
      ? range(0, rank)
      : [axis].flat().map((a) => (a + rank) % rank);
  const count = axes.reduce((n, a) => n * s.ins[0].shape[a], 1);
  return { axes, count };
}
function reduction(mean) {
  return {
    fits: (s) => s.ins.length === 1 && s.ins[0] && !("where" in s.params || "initial" in s.params),
    out(s, index) {
      const { axes, count } = reducedAxes(s),
        shape = s.ins[0].shape;
      const kept = range(0, shape.length).filter((a) => !axes.includes(a));
      const from = index.length === shape.length ? kept.map((a) => index[a]) : index;
      const cells = [...indices(axes.map((a) => shape[a]))].map((inner) => {
        const at = new Array(shape.length);
        axes.forEach((a, n) => {
          at[a] = inner[n];
        });
        kept.forEach((a, n) => {
          at[a] = from[n];
        });
        const value = s.ins[0].get(at);
        return {
          ...(mean ? { a: value, b: 1 / count } : lone(value)),
          label: `x${indexText(at)}${mean ? ` · 1/${count}` : ""}`,
          at,
        };
      });
      return {
        says: mean
          ? `The mean of ${count} number${count === 1 ? "" : "s"}: each counts 1/${count}.`
          : `The sum of ${count} number${count === 1 ? "" : "s"}.`,
        terms: [{ label: "all", cells }],
        marks: { in0: cells.map(({ at }) => [at, "there"]) },
      };
    },
    sent(s, which, index) {
      const { axes, count } = reducedAxes(s),
        full = s.g.shape.length === index.length && index.length > 0;
      const at = full
        ? index.map((i, a) => (axes.includes(a) ? 0 : i))
        : index.filter((_, a) => !axes.includes(a));
      const a = s.g.get(at);
      return {
        says: mean
          ? `Each number counted 1/${count} in the mean, so 1/${count} of the gradient comes back to it.`
          : "Each number went into the sum as it is, so the gradient comes back as it is.",
        terms: [
          {
            label: "from the output",
            cells: [mean ? { a, b: 1 / count, label: "gradient · 1/n" } : lone(a, "gradient")],
          },
        ],
        marks: { outgrad0: [[at, "there"]], out0: [[at, "there"]] },
      };
    },
  };
}

// ---- softmax and cross-entropy

function alongAxis(s, index, complete) {
  const z = s.ins[0],
    axis = ((s.params.axis ?? -1) + z.shape.length) % z.shape.length;
  const at = (k) =>
    complete
      ? index.map((i, a) => (a === axis ? k : i))
      : [...index.slice(0, axis), k, ...index.slice(axis)];
  const numbers = range(0, z.shape[axis]).map((k) => z.get(at(k)));
  const top = Math.max(...numbers),
    total = numbers.reduce((sum, v) => sum + Math.exp(v - top), 0);
  return {
    axis,
    at,
    numbers,
    softmax: numbers.map((v) => Math.exp(v - top) / total),
    logs: numbers.map((v) => v - top - Math.log(total)),
  };
}
const crossEntropy = {
  out(s, index) {
    const { at, logs, softmax } = alongAxis(s, index, false),
      p = s.ins[1];
    const terms = softmax
      .map((q, k) => ({
        label: `class ${k}: softmax ${brief(q)}, wanted ${brief(p.get(at(k)))}`,
        cells: [{ a: -p.get(at(k)), b: logs[k], label: "−wanted · log softmax" }],
      }))
      .filter((t) => t.cells[0].a !== 0 || t.cells[0].a === undefined);
    return {
      says: "Softmax makes probabilities of the logits. The loss is minus the logarithm of the probability that the wanted class got: 0 if it is sure and right, large if it is sure and wrong.",
      terms,
      marks: {
        in0: softmax.map((_, k) => [at(k), "there"]),
        in1: softmax.map((_, k) => [at(k), "there"]),
      },
    };
  },
  sent(s, which, index) {
    const { axis, at, softmax, logs } = alongAxis(s, index, true),
      p = s.ins[1],
      k = index[axis];
    const where = index.filter((_, a) => a !== axis),
      g = s.g.get(where);
    const wanted = softmax.reduce((sum, _, m) => sum + p.get(at(m)), 0);
    const marks = {
      outgrad0: [[where, "there"]],
      in1: [[index, "there"]],
      in0: [[index, "there"]],
    };
    if (which === 1)
      return {
        says: "With more of this class wanted, the loss grows by minus the logarithm of its probability.",
        terms: [{ label: "gradient · −log softmax", cells: [{ a: g, b: -logs[k], label: "" }] }],
        marks,
      };
    return {
      says: `The probability that class ${k} got, minus the probability that was wanted: how much too sure the network is of it. Times the gradient of the loss.`,
      terms: [
        {
          label: `gradient · softmax (${brief(softmax[k])}${wanted === 1 ? "" : ` · ${brief(wanted)}`})`,
          cells: [{ a: g, b: softmax[k] * wanted, label: "" }],
        },
        { label: "gradient · −wanted", cells: [{ a: g, b: -p.get(index), label: "" }] },
      ],
      marks,
    };
  },
};
const softmax = {
  fits: (s) => s.sent(0) !== null && !Array.isArray(s.params.axis),
  out(s, index) {
    const { axis, at, numbers, softmax } = alongAxis(s, index, true);
    return {
      says: `e to the power of ${brief(numbers[index[axis]])}, divided by the sum of that over all ${numbers.length}: so they are positive and add up to 1.`,
      terms: [{ label: "e^x / Σ e^x", value: softmax[index[axis]] }],
      marks: { in0: numbers.map((_, k) => [at(k), "there"]) },
    };
  },
  sent(s, which, index) {
    const { axis, at, softmax } = alongAxis(s, index, true),
      k = index[axis];
    const terms = softmax.map((_, m) => {
      const y = s.outs[0].get(at(m)),
        yk = s.outs[0].get(index);
      return {
        label: `output ${m}`,
        cells: [
          {
            a: s.g.get(at(m)),
            b: y * ((m === k ? 1 : 0) - yk),
            label: `gradient · y[${m}] ([${m} = ${k}] − y[${k}])`,
          },
        ],
      };
    });
    return {
      says: "Every output depends on this number: its own grows with it, the others shrink, since they add up to 1.",
      terms,
      marks: { outgrad0: softmax.map((_, m) => [at(m), "there"]) },
    };
  },
};

// ---- what works for every operation

const spread = (index, shape) => {
  const skip = index.length - shape.length;
  return shape.map((n, axis) => (n === 1 ? 0 : index[axis + skip]));
};
const anything = {
  out(s, index) {
    const y = s.outs[0];
    if (s.source) {
      const place = Number(s.source.get(index));
      if (place < 0)
        return {
          says: "This number comes from none of the inputs: the operation put it there.",
          terms: [],
          marks: {},
        };
      const { k, at } = origin(s, place);
      return {
        says: "The operation moves numbers and leaves them as they are. This one was here before:",
        terms: [{ label: `${s.name(k)}${indexText(at)}`, value: s.ins[k].get(at) }],
        marks: { [`in${k}`]: [[at, "there"]] },
      };
    }
    const ins = s.ins.map((x, k) => ({ x, k })).filter(({ x }) => x !== null);
    if (s.explained.elementwise) {
      const list = s.record.inputs.map((input, k) => {
        const x = s.ins[k];
        return x === null
          ? `${s.name(k)} = ${input.text}`
          : `${s.name(k)} = ${x.write(x.get(spread(index, x.shape)))}`;
      });
      return {
        says: `${s.record.op} of ${list.join(" and ")}.`,
        terms: [],
        marks: Object.fromEntries(
          ins.map(({ x, k }) => [`in${k}`, [[spread(index, x.shape), "there"]]]),
        ),
        computed: true,
      };
    }
    const marks = {};
    for (const { x, k } of ins) {
      const table = s.jacobian(k);
      if (table)
        marks[`in${k}`] = [...indices(x.shape)]
          .filter((i) => table.get([...index, ...i]) !== 0)
          .map((i) => [i, "there"]);
    }
    return {
      says: `${s.record.op} made it${Object.keys(marks).length ? " from the numbers that are outlined" : ""}. ${s.explained.summary}`,
      terms: [],
      marks,
      computed: true,
      y,
    };
  },
  sent(s, which, index) {
    const found = this.linear(s, which, index);
    if (found && gives(found.terms, s.sent(which).get(index))) return found;
    return {
      says: "The operation's VJP worked this out from the gradients of all outputs; its formula and source stand under the pictures.",
      terms: [],
      marks: {},
      computed: true,
    };
  },
  // The gradients of outputs times slopes, added up; null if the page has no slopes.
  linear(s, which, index) {
    const slope = s.slope(which),
      g = s.g;
    if (slope) {
      return {
        says: "Gradient of the output, times the slope of the operation at this place.",
        terms: [
          {
            label: "gradient · slope",
            cells: [{ a: g.get(index), b: slope.get(index), label: "" }],
          },
        ],
        marks: { outgrad0: [[index, "there"]], out0: [[index, "there"]] },
      };
    }
    if (s.source) {
      const wanted = place(s, which, index),
        cells = [];
      for (const o of indices(s.outs[0].shape)) {
        if (Number(s.source.get(o)) === wanted)
          cells.push({ ...lone(g.get(o), `gradient${indexText(o)}`), at: o });
      }
      return {
        says: cells.length
          ? `This number went to ${cells.length} place${cells.length === 1 ? "" : "s"} of the output, unchanged; from there the gradient comes back.`
          : "This number went nowhere, so nothing comes back.",
        terms: [{ label: "places", cells }],
        marks: {
          outgrad0: cells.map(({ at }) => [at, "there"]),
          out0: cells.map(({ at }) => [at, "there"]),
        },
      };
    }
    const table = s.jacobian(which);
    if (table) {
      const terms = [...indices(s.outs[0].shape)]
        .map((o) => ({
          label: `output${indexText(o)}`,
          at: o,
          cells: [{ a: g.get(o), b: table.get([...o, ...index]), label: "gradient · slope" }],
        }))
        .filter((t) => t.cells[0].b !== 0);
      return {
        says: "Each output that depends on this number sends back its gradient, times how fast it grows with this number.",
        terms,
        marks: {
          outgrad0: terms.map(({ at }) => [at, "there"]),
          out0: terms.map(({ at }) => [at, "there"]),
        },
      };
    }
    const factor = FACTORS[s.explained.story]?.(s, which);
    if (factor && s.outs[0].size <= 65536) {
      const shape = s.ins[which].shape,
        cells = [];
      for (const o of indices(s.outs[0].shape)) {
        if (spread(o, shape).every((i, axis) => i === index[axis]))
          cells.push({
            a: g.get(o),
            b: factor(o),
            label: `gradient${indexText(o)} · slope`,
            at: o,
          });
      }
      return {
        says: `It was used for ${cells.length} outputs; each sends back its gradient, times its slope.`,
        terms: [{ label: "outputs", cells }],
        marks: { outgrad0: cells.map(({ at }) => [at, "there"]) },
      };
    }
    return null;
  },
};
// Whether the terms add up to the result, up to rounding. They do not if a VJP clips gradients, or
// if an output that is not used sends 0 through an infinite slope.
function gives(terms, result) {
  const cells = terms.flatMap((term) => term.cells);
  if (missing(cells)) return true;
  const sum = addUp(cells.map(product)),
    total = isComplex(result) ? sum : parts(sum).re;
  const most = cells.reduce((most, cell) => most + size(product(cell)), 0);
  return write(total) === write(result) || size(plus(total, times(-1, result))) <= 1e-3 * most;
}
const operand = (s, k) => (o) =>
  s.ins[k] ? s.ins[k].get(spread(o, s.ins[k].shape)) : Number(s.record.inputs[k].text);
// The slopes of elementwise operations whose operands may have been broadcast, by their stories.
const FACTORS = {
  __proto__: null,
  add: () => () => 1,
  subtract: (s, which) => () => (which === 0 ? 1 : -1),
  multiply: (s, which) => operand(s, 1 - which),
  divide: (s, which) =>
    which === 0 ? (o) => 1 / operand(s, 1)(o) : (o) => -s.outs[0].get(o) / operand(s, 1)(o),
};
const floats = (s) =>
  s.ins.map((x, k) => ({ x, k })).filter(({ x }) => x && x.dtype.startsWith("float"));
function origin(s, place) {
  for (const { x, k } of floats(s)) {
    if (place < x.size) return { k, at: unravel(place, x.shape) };
    place -= x.size;
  }
  return null;
}
function place(s, which, index) {
  let before = 0;
  for (const { x, k } of floats(s)) {
    if (k === which) return before + ravel(index, x.shape);
    before += x.size;
  }
  return -1;
}

// By their stories; all others have what works for every operation.
const RULES = {
  __proto__: null,
  bias_relu: biasRelu,
  convolution,
  max_pool2d: maxPool,
  sum_pool: sumPool,
  dense,
  matmul,
  sum: reduction(false),
  mean: reduction(true),
  softmax_cross_entropy: crossEntropy,
  softmax,
};

// ---- questions

// The whole gradient of a value: what its uses send back, added up.
function gradientSum(value, index, frame) {
  const info = DATA.values[value],
    terms = [];
  for (const [number, position] of info.uses) {
    const sent = frame.sent[`${number}/${position}`];
    if (sent)
      terms.push({ label: `from #${number} ${DATA.records[number].op}`, value: sent.get(index) });
  }
  if (value === RESULT) {
    const seed = frame.seed.get(index);
    terms.unshift({ label: "the start", value: seed });
    if (terms.length === 1)
      return {
        says:
          seed === 1
            ? "This is the result itself: if it grows by something, the result grows by as much. So its gradient is 1, and here the backward pass starts."
            : "The backward pass starts here, with the cotangent that was given.",
        terms,
        marks: {},
      };
  }
  const many = terms.length > 1;
  return {
    says: many
      ? `The value was used ${terms.length} times. Each use sends a gradient back, and they add up.`
      : terms.length
        ? "The value was used once; this is what came back from there."
        : "Nothing came back: the result does not depend on it.",
    terms,
    marks: {},
    fanOut: many,
  };
}

function answer(record, key, index, frame) {
  try {
    return takeApart(record, key, index, frame);
  } catch (error) {
    if (!(error instanceof TooMany)) throw error;
    const array = arrayOf(record, key, frame),
      value = array.get(index);
    return {
      says: "",
      terms: [],
      marks: { [key]: [[index, "here"]] },
      partly: true,
      array,
      value,
      result: value,
    };
  }
}
function arrayOf(record, key, frame) {
  const [, part, k] = key.match(/^([a-z]+)(\d+)$/);
  if (part === "sent") return frame.sent[`${record.index}/${k}`];
  const value = ["out", "outgrad"].includes(part) ? record.outputs[k] : record.inputs[k].value;
  return (["outgrad", "total"].includes(part) ? frame.grads : frame.values)[value];
}
function takeApart(record, key, index, frame) {
  const s = scene(record, frame),
    [, part, digits] = key.match(/^([a-z]+)(\d+)$/),
    k = Number(digits);
  const known = RULES[s.explained.story],
    rule = known && (known.fits?.(s) ?? true) ? known : anything;
  const array = arrayOf(record, key, frame);
  let found;
  if (part === "out") {
    found =
      k === 0
        ? rule.out(s, index)
        : { says: "A second output of the operation.", terms: [], marks: {}, computed: true };
  } else if (part === "outgrad" || part === "total") {
    const value = part === "total" ? record.inputs[k].value : record.outputs[k];
    found = gradientSum(value, index, frame);
  } else {
    const sent = s.sent(k);
    if (part === "in" && !sent)
      found = { says: "An input, as it came.", terms: [], marks: {}, given: true };
    else if (record.outputs.length > 1 && rule === anything)
      found = {
        says: "The operation's VJP worked this out; its formula and source stand under the pictures.",
        terms: [],
        marks: {},
        computed: true,
      };
    else {
      found = rule.sent(s, k, index);
      if (part === "in") found = { ...found, about: "sent" };
    }
  }
  const source = found.about === "sent" ? s.sent(k) : array;
  const complete = found.terms.every((t) => (t.cells ? !missing(t.cells) : t.value !== undefined));
  found.terms = complete
    ? found.terms.map((t) => ({ ...t, value: t.cells ? addUp(t.cells.map(product)) : t.value }))
    : [];
  found.partly = !complete;
  found.value = array.get(index);
  found.result = source.get(index);
  found.array = source;
  found.marks = { ...found.marks };
  const here = [
    ...(found.marks[key] ?? []).filter(([i]) => String(i) !== String(index)),
    [index, "here"],
  ];
  found.marks[key] = here;
  // The same place in the pictures of the same array
  for (const twin of twins(part, k)) found.marks[twin] ??= [[index, "here"]];
  return found;
}
function twins(part, k) {
  return {
    out: [`outgrad${k}`],
    outgrad: [`out${k}`],
    in: [`sent${k}`, `total${k}`],
    sent: [`in${k}`, `total${k}`],
    total: [`in${k}`, `sent${k}`],
  }[part];
}
