// Sends the drawing to the server, and shows what the network makes of it.

const SIDE = 280; // pixels of the drawing, each way
const PEN = 22; // pixels across: a digit that fills the sheet gets strokes as wide as MNIST's
const UNITS = 32; // of a dense layer, in a row

const byId = (id) => document.getElementById(id);
const paper = byId("paper");
const ink = paper.getContext("2d", { willReadFrequently: true });
const pen = { x: SIDE / 2, y: SIDE / 2, down: false };
let answer = null; // the last one

// ---- colours: the page's own, which change with light and dark

const tone = {};

function readTones() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["neutral", "positive", "negative", "ink"]) {
    const hex = parseInt(style.getPropertyValue(`--${name}`).trim().slice(1), 16);
    tone[name] = [hex >> 16, (hex >> 8) & 255, hex & 255];
  }
  const [red, green, blue] = tone.ink;
  ink.strokeStyle = ink.fillStyle = `rgb(${red} ${green} ${blue})`;
  // What is drawn already gets the new colour.
  ink.globalCompositeOperation = "source-in";
  ink.fillRect(0, 0, SIDE, SIDE);
  ink.globalCompositeOperation = "source-over";
}

// Values as a picture: zero neutral, ±most in full colour. Value i stands at first + i * step.
function paint(canvas, values, [height, width], most, options = {}) {
  const { first = 0, step = 1, positive = tone.positive } = options;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const picture = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const value = (values[first + i * step] ?? 0) / (most || 1);
    const full = value > 0 ? positive : tone.negative;
    for (let k = 0; k < 3; k++) {
      picture.data[4 * i + k] = tone.neutral[k] + Math.abs(value) * (full[k] - tone.neutral[k]);
    }
    picture.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

const strongest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

// ---- asking: one question at a time, about the newest drawing

let asking = false;
let changed = false;

async function look() {
  changed = true;
  if (asking) return;
  asking = true;
  while (changed) {
    changed = false;
    try {
      answer = await ask();
      show();
    } catch (error) {
      byId("thought").textContent = error.message;
    }
  }
  asking = false;
}

async function ask() {
  const pixels = ink.getImageData(0, 0, SIDE, SIDE).data;
  const drawing = new Uint8Array(SIDE * SIDE);
  for (let i = 0; i < drawing.length; i++) drawing[i] = pixels[4 * i + 3]; // opacity is ink
  const chosen = document.querySelector("input[name=class]:checked").value;
  let response;
  try {
    response = await fetch(chosen ? `look?class=${chosen}` : "look", {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream" },
      body: drawing,
    });
  } catch {
    throw new Error("No answer: is the program still running?");
  }
  if (!response.ok) throw new Error(await response.text());
  const body = await response.arrayBuffer();
  const end = new Uint8Array(body).indexOf(10); // the line of JSON
  const head = JSON.parse(new TextDecoder().decode(body.slice(0, end)));
  const numbers = new Float32Array(body.slice(end + 1));
  const arrays = {};
  let start = 0;
  for (const { name, shape } of head.arrays) {
    const size = shape.reduce((product, length) => product * length, 1);
    arrays[name] = { shape, values: numbers.subarray(start, start + size) };
    start += size;
  }
  return { ...head, arrays };
}

// ---- showing

function show() {
  const { image, gradient, logits, probabilities } = answer.arrays;
  paint(byId("image"), image.values, image.shape, 1, { positive: tone.ink });
  showClasses([...probabilities.values], [...logits.values], answer.chosen);
  byId("thought").textContent = image.values.some((value) => value > 0)
    ? inWords([...probabilities.values])
    : "Nothing drawn yet";
  const steepest = strongest(gradient.values);
  paint(byId("gradient"), gradient.values, gradient.shape, steepest);
  byId("gradient-title").textContent = `Gradient of the logit of ${answer.chosen}`;
  byId("gradient-note").textContent =
    "Where a pixel is orange, more ink raises it; where blue, lowers it. " +
    `Steepest: ${steepest.toPrecision(3)} per pixel of full ink.`;
  answer.layers.forEach(showLayer);
}

function percent(probability) {
  if (probability < 0.0005) return "< 0.1 %";
  if (probability >= 0.9995) return "> 99.9 %";
  return `${(100 * probability).toFixed(1)} %`;
}

function signed(value) {
  const text = Math.abs(value).toFixed(2);
  return value < 0 && text !== "0.00" ? `−${text}` : text;
}

function inWords(probabilities) {
  const [best, next] = probabilities
    .map((probability, digit) => ({ probability, digit }))
    .sort((a, b) => b.probability - a.probability);
  return (
    `${best.digit}, with ${percent(best.probability)}; ` +
    `next ${next.digit}, ${percent(next.probability)}`
  );
}

function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

function showClasses(probabilities, logits, chosen) {
  const fieldset = byId("classes");
  if (!fieldset.querySelector(".class")) {
    for (const digit of probabilities.keys()) {
      fieldset.append(
        element(
          "label",
          { className: "class" },
          element("input", { type: "radio", name: "class", value: digit }),
          element("span", { textContent: digit }),
          element("span", { className: "bar" }, element("span")),
          element("span", { className: "number probability" }),
          element("span", { className: "number logit" }),
        ),
      );
    }
  }
  fieldset.querySelectorAll(".class").forEach((row, digit) => {
    row.classList.toggle("chosen", digit === chosen);
    row.querySelector(".bar span").style.width = `${100 * probabilities[digit]}%`;
    row.querySelector(".probability").textContent = percent(probabilities[digit]);
    row.querySelector(".logit").textContent = signed(logits[digit]);
  });
}

// A layer of feature maps (height, width, channels), or of units.
function showLayer({ name, note }) {
  const { shape, values } = answer.arrays[name];
  const maps = shape.length === 3;
  const size = shape.join("×");
  if (!byId(name)) {
    const picture = maps
      ? element(
          "div",
          { className: "maps" },
          ...Array.from(Array(shape[2]), () => element("canvas")),
        )
      : element("canvas", { className: "units" });
    picture.role = "img";
    picture.ariaLabel = `${name}: ${size} values`;
    byId("layers").append(
      element(
        "div",
        { id: name, className: "layer" },
        element(
          "p",
          {},
          element("h3", { textContent: name }),
          element("span", { textContent: note }),
          element("span", { className: "largest" }),
        ),
        picture,
      ),
    );
  }
  const most = strongest(values);
  byId(name).querySelector(".largest").textContent = `${size}, largest ${most.toPrecision(3)}`;
  byId(name)
    .querySelectorAll("canvas")
    .forEach((canvas, channel) => {
      if (maps) {
        paint(canvas, values, shape, most, { first: channel, step: shape[2] });
      } else {
        const columns = Math.min(UNITS, shape[0]);
        canvas.style.width = `${(100 * columns) / UNITS}%`;
        paint(canvas, values, [Math.ceil(shape[0] / columns), columns], most);
      }
    });
}

// ---- drawing

function lower(x, y) {
  Object.assign(pen, { x, y, down: true });
  // While the pen is down, what the line says is not to be read out.
  byId("thought").ariaBusy = true;
  moveTo(x, y);
}

function lift() {
  pen.down = false;
  byId("pen").classList.remove("down");
  byId("thought").ariaBusy = false;
}

function moveTo(x, y) {
  if (pen.down) {
    ink.lineWidth = PEN;
    ink.lineCap = "round";
    ink.beginPath();
    ink.moveTo(pen.x, pen.y);
    ink.lineTo(x, y);
    ink.stroke();
    ink.beginPath(); // a line of no length leaves no dot
    ink.arc(x, y, PEN / 2, 0, 2 * Math.PI);
    ink.fill();
    look();
  }
  Object.assign(pen, { x, y });
  byId("pen").style.left = `${(100 * x) / SIDE}%`;
  byId("pen").style.top = `${(100 * y) / SIDE}%`;
  byId("pen").classList.toggle("down", pen.down);
}

function clear() {
  ink.clearRect(0, 0, SIDE, SIDE);
  look();
}

function place(event) {
  const box = paper.getBoundingClientRect();
  return [
    ((event.clientX - box.left) / box.width) * SIDE,
    ((event.clientY - box.top) / box.height) * SIDE,
  ];
}

paper.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.isPrimary) return;
  paper.setPointerCapture(event.pointerId);
  lower(...place(event));
});
paper.addEventListener("pointermove", (event) => {
  if (!paper.hasPointerCapture(event.pointerId)) return;
  for (const step of event.getCoalescedEvents?.() ?? [event]) moveTo(...place(step));
});
for (const end of ["pointerup", "pointercancel"]) {
  paper.addEventListener(end, (event) => event.isPrimary && lift());
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

paper.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key in STEPS) {
    const [x, y] = STEPS[event.key].map((way) => way * (event.shiftKey ? 2 : 10));
    const inside = (value) => Math.min(Math.max(value, 0), SIDE);
    moveTo(inside(pen.x + x), inside(pen.y + y));
  } else if (event.key === " ") {
    if (event.repeat) return;
    pen.down ? lift() : lower(pen.x, pen.y);
    byId("pen-state").textContent = pen.down ? "Pen down" : "Pen up";
  } else if (event.key === "Delete" || event.key === "Backspace") {
    clear();
  } else {
    return;
  }
  event.preventDefault();
});
paper.addEventListener("blur", lift);

byId("clear").addEventListener("click", clear);
byId("classes").addEventListener("change", look);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readTones();
  if (answer) show();
});

readTones();
moveTo(pen.x, pen.y);
look();
