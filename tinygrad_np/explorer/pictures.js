"use strict";
// An array as a picture (or, if it is small, as a table), in which single numbers can be pointed at.

const TABLE = 64; // elements, at most, of what is shown as a table
const COLOURS = {};
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["negative", "zero", "positive", "bad"]) {
    const hex = style.getPropertyValue(`--${name}`).trim();
    COLOURS[name] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  }
}

// Which axes run along the rows and columns of a tile, and which from tile to tile.
function layout(array, kernel) {
  const long = array.counts.map((n, axis) => axis).filter((axis) => array.counts[axis] > 1);
  const rank = array.counts.length;
  if (long.length <= 1) return { strip: long[0] ?? null, fixed: [] };
  if (rank === 2) return { rows: 0, cols: 1, fixed: [] };
  if (kernel) {
    const [rows, cols] = rank === 3 ? [undefined, 0] : [rank - 4, rank - 3],
      fixed = range(0, rank - 4);
    if (array.counts[rank - 2] === 1) return { rows, cols, tiles: rank - 1, fixed };
    return { rows, cols, tileRows: rank - 2, tileCols: rank - 1, fixed };
  }
  if (rank === 3) return { rows: 1, cols: 2, tiles: 0, fixed: [] };
  return { rows: rank - 3, cols: rank - 2, tiles: rank - 1, fixed: range(0, rank - 3) };
}

const range = (from, to) => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};

class Picture {
  // `key` says what the array is to the operation ("in0", "out0", "sent1", …).
  constructor(key, array, { label, kernel = false, width = 430, onPoint = null }) {
    Object.assign(this, { key, array, label, onPoint });
    this.axes = layout(array, kernel);
    this.fixed = new Map(this.axes.fixed.map((axis) => [axis, 0]));
    this.inputs = new Map();
    this.marks = [];
    this.cursor = null;
    this.measure(width, 420);
    this.table = array.length <= TABLE && this.tiles === 1 && this.across <= 16;
    this.body = this.table ? this.makeTable() : this.makeCanvas();
    this.root = element(
      "figure",
      { class: "picture", "data-key": key },
      element("figcaption", {}, label),
      ...this.selectors(),
      this.body,
      this.legend(),
    );
    if (!this.table) this.draw();
  }

  count(axis) {
    return axis === undefined || axis === null ? 1 : this.array.counts[axis];
  }

  measure(width, height) {
    const a = this.axes;
    if ("strip" in a) {
      const n = this.count(a.strip);
      this.across =
        n <= TABLE
          ? Math.min(n, Math.max(5, Math.floor(width / 76)))
          : Math.max(16, Math.ceil(Math.sqrt(n) / 8) * 8);
      this.down = Math.ceil(n / this.across);
      this.tiles = this.perRow = this.tileDown = 1;
    } else {
      this.across = this.count(a.cols);
      this.down = this.count(a.rows);
      this.tiles =
        "tiles" in a ? this.count(a.tiles) : this.count(a.tileRows) * this.count(a.tileCols);
    }
    this.gap = this.tiles > 1 ? 2 : 0;
    if (this.tiles === 1) height = Math.min(height, 260);
    const scaleFor = (perRow) =>
      Math.min(
        Math.floor((width + this.gap) / perRow - this.gap) / this.across,
        Math.floor((height + this.gap) / Math.ceil(this.tiles / perRow) - this.gap) / this.down,
      );
    if ("tileCols" in a) this.perRow = this.count(a.tileCols);
    else if (!("strip" in a)) {
      this.perRow = range(1, this.tiles + 1).reduce(
        (best, n) => (scaleFor(n) > scaleFor(best) ? n : best),
        1,
      );
    }
    this.tileDown = Math.ceil(this.tiles / this.perRow);
    this.scale = Math.max(1, Math.min(16, Math.floor(scaleFor(this.perRow))));
    if (this.perRow > 1 && this.scale <= 2) this.gap = 1;
    this.pixelWidth = this.perRow * (this.across * this.scale + this.gap) - this.gap;
    this.pixelHeight = this.tileDown * (this.down * this.scale + this.gap) - this.gap;
  }

  // The true index of a cell, or null where there is none.
  index(tile, row, col) {
    const a = this.axes,
      places = new Array(this.array.counts.length).fill(0);
    if ("strip" in a) {
      const k = row * this.across + col;
      if (k >= this.count(a.strip)) return null;
      if (a.strip !== null) places[a.strip] = k;
    } else {
      if (tile >= this.tiles) return null;
      if (a.rows !== undefined) places[a.rows] = row;
      places[a.cols] = col;
      if ("tiles" in a) places[a.tiles] = tile;
      else if ("tileCols" in a) {
        places[a.tileCols] = tile % this.perRow;
        places[a.tileRows] = Math.floor(tile / this.perRow);
      }
    }
    for (const [axis, place] of this.fixed) places[axis] = place;
    return places.map((place, axis) => this.array.places[axis]?.[place] ?? place);
  }

  // Where the element with a true index is, or null where it is not shown.
  cell(index) {
    const a = this.axes;
    const places = index.map((i, axis) =>
      this.array.where[axis] ? this.array.where[axis].get(i) : i,
    );
    if (places.includes(undefined)) return null;
    for (const [axis, place] of this.fixed) if (places[axis] !== place) return null;
    if ("strip" in a) {
      const k = a.strip === null ? 0 : places[a.strip];
      return { tile: 0, row: Math.floor(k / this.across), col: k % this.across };
    }
    const tile =
      "tiles" in a
        ? places[a.tiles]
        : "tileCols" in a
          ? places[a.tileRows] * this.perRow + places[a.tileCols]
          : 0;
    return { tile, row: a.rows === undefined ? 0 : places[a.rows], col: places[a.cols] };
  }

  corner({ tile, row, col }) {
    const s = this.scale;
    return [
      (tile % this.perRow) * (this.across * s + this.gap) + col * s,
      Math.floor(tile / this.perRow) * (this.down * s + this.gap) + row * s,
    ];
  }

  // The rectangle of the window in which an element is drawn; of the whole picture, if it is not.
  boxOf(index) {
    const cell = this.cell(index),
      whole = this.body.getBoundingClientRect();
    if (!cell) return whole;
    if (this.table) return this.drawnAt(cell).getBoundingClientRect();
    const zoom = whole.width / this.pixelWidth,
      top = whole.top + this.corner(cell)[1] * zoom;
    return { top, bottom: top + this.scale * zoom };
  }

  // The table's cell.
  drawnAt({ row, col }) {
    return this.body.querySelector(`td[data-row="${row}"][data-col="${col}"]`);
  }

  selectors() {
    return [...this.fixed.keys()]
      .filter((axis) => this.array.counts[axis] > 1)
      .map((axis) => {
        const name = axis === 0 ? "first axis" : `axis ${axis}`;
        const input = element("input", {
          type: "number",
          min: 0,
          max: this.array.counts[axis] - 1,
          value: 0,
        });
        this.inputs.set(axis, input);
        input.addEventListener("input", () => {
          const n = Number(input.value);
          if (!(n >= 0 && n < this.array.counts[axis])) return;
          this.fixed.set(axis, Math.floor(n));
          this.marks = [];
          this.draw();
        });
        return element(
          "label",
          { class: "selector" },
          `index along the ${name} (0 to ${this.array.counts[axis] - 1}) `,
          input,
        );
      });
  }

  // Where all of these elements are at other places along the fixed axes: show those places.
  turnTo(marks) {
    if (!marks.length || marks.some(([index]) => this.cell(index))) return;
    const [index] = marks.find(([, kind]) => kind === "here") ?? marks[0];
    for (const axis of this.fixed.keys()) {
      const place = this.array.where[axis] ? this.array.where[axis].get(index[axis]) : index[axis];
      if (place === undefined) return;
      this.fixed.set(axis, place);
      if (this.inputs.has(axis)) this.inputs.get(axis).value = place;
    }
    this.fill();
  }

  legend() {
    const a = this.array,
      parts = [];
    if (a.size === 0) parts.push("empty");
    else if (a.size > 1 && a.min !== undefined) {
      parts.push(
        a.min === a.max ? `all ${a.write(a.min)}` : `from ${brief(a.min)} to ${brief(a.max)}`,
      );
      if (a.zeros && a.min !== a.max) parts.push(`${Math.round((100 * a.zeros) / a.size)} % zeros`);
    }
    if (a.bad) parts.push(`${a.bad} not finite`);
    if (!a.whole) {
      parts.push(`${a.counts.join(" × ")} of ${a.shape.join(" × ")} elements are on the page`);
    }
    if (a.complex) parts.push("coloured by the real part");
    return element("p", { class: "scale" }, parts.join("; "));
  }

  describe() {
    const a = this.array;
    return `${this.label}, ${shapeText(a.shape)}. ${this.root ? "" : this.legend().textContent}. Arrow keys go from number to number.`;
  }

  makeCanvas() {
    this.canvas = element("canvas", {
      width: this.pixelWidth,
      height: this.pixelHeight,
      "aria-hidden": "true",
    });
    this.overlay = element("canvas", {
      class: "overlay",
      width: this.pixelWidth,
      height: this.pixelHeight,
      "aria-hidden": "true",
    });
    const body = element(
      "div",
      { class: "cells", tabindex: 0, role: "img", "aria-label": this.describe() },
      this.canvas,
      this.overlay,
    );
    body.style.width = `${this.pixelWidth}px`;
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect();
      const x = ((event.clientX - box.left) * this.pixelWidth) / box.width;
      const y = ((event.clientY - box.top) * this.pixelHeight) / box.height;
      const s = this.scale,
        stepX = this.across * s + this.gap,
        stepY = this.down * s + this.gap;
      const tileX = Math.floor(x / stepX),
        tileY = Math.floor(y / stepY);
      const col = Math.floor((x - tileX * stepX) / s),
        row = Math.floor((y - tileY * stepY) / s);
      if (col < 0 || row < 0 || col >= this.across || row >= this.down || tileX >= this.perRow)
        return null;
      return { tile: tileY * this.perRow + tileX, row, col };
    };
    this.listen(body, at);
    return body;
  }

  makeTable() {
    const rows = range(0, this.down).map((row) =>
      element(
        "tr",
        {},
        ...range(0, this.across).map((col) => {
          const index = this.index(0, row, col);
          if (index === null) return element("td");
          const value = this.array.get(index);
          return element(
            "td",
            { "data-row": row, "data-col": col, title: this.array.write(value) },
            brief(value),
          );
        }),
      ),
    );
    const table = element("table", { class: "numbers" }, element("tbody", {}, ...rows));
    const body = element(
      "div",
      { class: "cells", tabindex: 0, role: "group", "aria-label": this.describe() },
      table,
    );
    this.listen(body, (event) => {
      const cell = event.target.closest?.("td[data-row]");
      return cell && { tile: 0, row: Number(cell.dataset.row), col: Number(cell.dataset.col) };
    });
    return body;
  }

  listen(body, at) {
    body.addEventListener("pointermove", (event) => this.point(at(event), false));
    body.addEventListener("click", (event) => this.point(at(event), true));
    body.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
      const now = this.cursor ?? { tile: 0, row: 0, col: 0 };
      if (event.key === "Enter" || event.key === " ") this.point(now, true);
      else if (event.key in moves && !event.altKey && !event.ctrlKey && !event.metaKey) {
        const [dr, dc] = moves[event.key];
        if (this.cursor === null) this.point(now, false, true);
        else if (event.shiftKey)
          this.point({ ...now, tile: now.tile + dc + dr * this.perRow }, false, true);
        else this.point({ ...now, row: now.row + dr, col: now.col + dc }, false, true);
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  point(cell, hold, byKey = false) {
    if (
      !cell ||
      cell.row < 0 ||
      cell.col < 0 ||
      cell.tile < 0 ||
      cell.row >= this.down ||
      cell.col >= this.across
    )
      return;
    const index = this.index(cell.tile, cell.row, cell.col);
    if (index === null || this.array.length === 0) return;
    this.onPoint?.(this, index, hold, byKey);
  }

  draw() {
    this.fill();
    this.mark(this.marks);
  }

  fill() {
    if (this.table) {
      for (const cell of this.body.querySelectorAll("td[data-row]")) {
        const value = this.array.get(
          this.index(0, Number(cell.dataset.row), Number(cell.dataset.col)),
        );
        cell.textContent = brief(value);
        cell.title = this.array.write(value);
      }
    } else paint(this, this.canvas);
  }

  // Outline cells: `marks` are [index, kind] pairs; kinds are "here" and "there".
  mark(marks) {
    this.marks = marks;
    this.turnTo(marks);
    const cells = marks.map(([index, kind]) => [this.cell(index), kind]).filter(([cell]) => cell);
    const here = cells.find(([, kind]) => kind === "here");
    this.cursor = here ? here[0] : null;
    if (this.table) {
      for (const td of this.body.querySelectorAll(".here, .there"))
        td.classList.remove("here", "there");
      for (const [{ row, col }, kind] of cells) {
        this.drawnAt({ row, col })?.classList.add(kind);
      }
      return;
    }
    const context = this.overlay.getContext("2d");
    context.clearRect(0, 0, this.pixelWidth, this.pixelHeight);
    const style = getComputedStyle(document.documentElement);
    for (const kind of ["there", "here"]) {
      context.strokeStyle = context.fillStyle = style.getPropertyValue(`--${kind}`);
      const chosen = cells.filter(([, k]) => k === kind).map(([cell]) => cell);
      const name = ({ tile, row, col }) => `${tile} ${row} ${col}`,
        all = new Set(chosen.map(name));
      for (const cell of chosen) {
        const [x, y] = this.corner(cell),
          s = this.scale,
          t = s < 3 ? 1 : 2;
        const has = (dr, dc) => all.has(name({ ...cell, row: cell.row + dr, col: cell.col + dc }));
        // the border of all of them together, inside it
        if (!has(-1, 0)) context.fillRect(x, y, s, t);
        if (!has(1, 0)) context.fillRect(x, y + s - t, s, t);
        if (!has(0, -1)) context.fillRect(x, y, t, s);
        if (!has(0, 1)) context.fillRect(x + s - t, y, t, s);
        if (kind === "here") {
          context.lineWidth = 2;
          context.strokeRect(x - 2, y - 2, s + 4, s + 4);
        }
      }
    }
  }
}

// Colours for the numbers of a picture, on a scale that is symmetric about zero.
function paint(picture, canvas) {
  const { array, scale, gap } = picture;
  if (array.length === 0) return;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const top = array.top || 1;
  for (let tile = 0; tile < picture.tiles; tile++) {
    for (let row = 0; row < picture.down; row++) {
      for (let col = 0; col < picture.across; col++) {
        const index = picture.index(tile, row, col);
        if (index === null) continue;
        let value = array.get(index);
        if (typeof value === "object") value = value.re;
        value = Number(value);
        let colour = COLOURS.bad;
        if (Number.isFinite(value)) {
          const share = Math.min(1, Math.abs(value) / top),
            end = value < 0 ? COLOURS.negative : COLOURS.positive;
          colour = COLOURS.zero.map((zero, i) => zero + (end[i] - zero) * share);
        }
        const [x, y] = picture.corner({ tile, row, col });
        for (let dy = 0; dy < scale; dy++) {
          for (let dx = 0; dx < scale; dx++) {
            const at = 4 * ((y + dy) * canvas.width + x + dx);
            image.data[at] = colour[0];
            image.data[at + 1] = colour[1];
            image.data[at + 2] = colour[2];
            image.data[at + 3] = 255;
          }
        }
      }
    }
  }
  context.putImageData(image, 0, 0);
}
