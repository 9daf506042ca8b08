"use strict";
// The arrays of the page, and how their numbers are written.

const DATA = JSON.parse(document.getElementById("data").textContent);
const TYPES = {
  f4: Float32Array,
  f8: Float64Array,
  c8: Float32Array,
  c16: Float64Array,
  i1: Int8Array,
  i2: Int16Array,
  i4: Int32Array,
  i8: BigInt64Array,
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  u8: BigUint64Array,
};

class NDArray {
  constructor(description, buffer) {
    Object.assign(this, description);
    this.size = this.shape.reduce((a, b) => a * b, 1);
    this.complex = this.stored.startsWith("c");
    const places = this.shape.map((n, axis) => this.kept?.[axis] ?? null);
    this.counts = this.shape.map((n, axis) => places[axis]?.length ?? n);
    this.whole = places.every((p) => p === null);
    this.places = places;
    this.where = places.map((p) => p && new Map(p.map((place, i) => [place, i])));
    this.length = this.counts.reduce((a, b) => a * b, 1);
    this.data = new TYPES[this.stored](buffer, this.at, this.length * (this.complex ? 2 : 1));
    this.top = Math.max(Math.abs(this.min ?? 0), Math.abs(this.max ?? 0));
  }

  // The element at a true index, or undefined where the page does not have it.
  get(index) {
    let offset = 0;
    for (let axis = 0; axis < this.counts.length; axis++) {
      const place = this.where[axis] ? this.where[axis].get(index[axis]) : index[axis];
      if (place === undefined || place < 0 || place >= this.counts[axis]) return undefined;
      offset = offset * this.counts[axis] + place;
    }
    return this.at_(offset);
  }

  at_(offset) {
    if (this.complex) return { re: this.data[2 * offset], im: this.data[2 * offset + 1] };
    const value = this.data[offset];
    return this.dtype === "bool" ? Boolean(value) : value;
  }

  // The true index of the k-th element that the page has.
  indexOf(k) {
    const index = new Array(this.counts.length);
    for (let axis = this.counts.length - 1; axis >= 0; axis--) {
      const place = k % this.counts[axis];
      index[axis] = this.places[axis]?.[place] ?? place;
      k = Math.floor(k / this.counts[axis]);
    }
    return index;
  }

  write(value) {
    return write(value, this.dtype);
  }
}

// The shortest decimal that reads back as the same number, as NumPy prints it.
function write(value, dtype = "float64") {
  if (value === undefined) return "not on the page";
  if (typeof value === "object") {
    const im = write(value.im, dtype);
    return write(value.re, dtype) + (/^[−]/.test(im) ? im : "+" + im) + "j";
  }
  if (typeof value !== "number") return String(value).replace("-", "−");
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "−inf" : "inf";
  let text = String(value);
  if (["float32", "float16", "complex64"].includes(dtype)) {
    for (let digits = 1; digits <= 9; digits++) {
      const shorter = Number(value.toPrecision(digits));
      if (Math.fround(shorter) === Math.fround(value)) {
        text = String(shorter);
        break;
      }
    }
  }
  return (Object.is(value, -0) ? "-0" : text)
    .replace("-", "−")
    .replace("e-", "e−")
    .replace("e+", "e");
}

// Four digits, for where there is little room.
function brief(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return write(value);
  return write(Number(value.toPrecision(4)));
}

const shapeText = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
const indexText = (index) => (index.length ? `[${index.join(", ")}]` : "");

// What is written about the operation of a record.
const explanationOf = (record) => DATA.explanations[record.explanation];

// The value that the function returned.
const RESULT = DATA.result;

// One run of the function: its arrays, unpacked when they are first looked at.
const frames = DATA.frames.map(() => null);
async function unpack(i) {
  if (frames[i]) return frames[i];
  const text = document.getElementById(`blob${i}`).textContent;
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const described = DATA.frames[i];
  const arrays = described.arrays.map((d) => new NDArray(d, buffer));
  const pick = (n) => (n === null || n === undefined ? null : arrays[n]);
  const all = (table) => Object.fromEntries(Object.entries(table).map(([k, n]) => [k, pick(n)]));
  frames[i] = {
    step: described.step,
    values: described.values.map(pick),
    grads: described.grads.map(pick),
    seed: pick(described.seed),
    sent: all(described.sent),
    slopes: all(described.slopes),
    jacobians: all(described.jacobians),
    sources: all(described.sources),
    largest: Object.fromEntries(
      Object.entries(described.largest).map(([k, ways]) => [
        k,
        Object.fromEntries(Object.entries(ways).map(([way, parts]) => [way, parts.map(pick)])),
      ]),
    ),
  };
  return frames[i];
}
