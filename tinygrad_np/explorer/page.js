"use strict";
// Going from step to step and from one training step to another, and the start.

function inWords() {
  const record = DATA.records[recordAt(state.step)],
    out = record.outputs[0],
    y = frame.values[out],
    g = frame.grads[out];
  const size = (a) =>
    a.size === 0
      ? "which is empty"
      : a.size === 1
        ? `which is ${a.write(a.get(a.shape.map(() => 0)))}`
        : a.min === undefined
          ? ""
          : `from ${brief(a.min)} to ${brief(a.max)}`;
  if (isForward(state.step)) {
    const from = record.inputs
      .filter((i) => i.value !== undefined)
      .map((i) => `${valueName(i.value)} ${shapeText(DATA.values[i.value].shape)}`)
      .join(", ");
    return `Step ${state.step + 1} of ${2 * COUNT}, forward: #${record.index} ${record.op} takes ${from || "numbers"} and makes ${shapeText(y.shape)}, ${size(y)}.`;
  }
  const to = record.inputs
    .map((i, k) => (frame.sent[`${record.index}/${k}`] ? (record.names[k] ?? `input ${k}`) : null))
    .filter(Boolean)
    .join(", ");
  const adds = record.inputs.some(
    (i, k) =>
      frame.sent[`${record.index}/${k}`] &&
      DATA.values[i.value].uses.some(([n, p]) => n > record.index && frame.sent[`${n}/${p}`]),
  );
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
  for (const fold of folds)
    if (fold.from <= number && number <= fold.to && fold.inner.hidden) open(fold, true);
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
  const list = $("tape"),
    top = button.getBoundingClientRect().top - list.getBoundingClientRect().top;
  if (top < 40 || top > list.clientHeight - 80) list.scrollTop += top - list.clientHeight / 3;
}
function play(yes) {
  clearInterval(state.playing);
  state.playing = yes
    ? setInterval(() => (state.step < 2 * COUNT - 1 ? go(state.step + 1) : play(false)), 1200)
    : null;
  $("play").textContent = yes ? "❚❚ pause" : "▶ play";
  $("play").setAttribute("aria-label", yes ? "Pause" : "Play");
  if (yes && state.step === 2 * COUNT - 1) go(0);
}

// On a narrow screen the open operation stands below its row, else beside the tape.
const wide = matchMedia("(min-width: 60rem)");
function putOperation() {
  const operation = $("operation"),
    row = rows.get(recordAt(state.step))?.button;
  if (wide.matches || !row) {
    if (operation.parentElement !== document.querySelector("main"))
      document.querySelector("main").append(operation);
  } else row.after(operation);
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
    const step = DATA.frames[state.frame].step,
      when = step === null ? "end of training" : `training step ${step}`;
    const batchLoss = DATA.frames[state.frame].batchLoss; // there is none at the first step, and at the end
    label.textContent = `${when}${typeof batchLoss === "number" ? `, loss of its batch ${brief(batchLoss)}` : ""}, result ${brief(losses[state.frame])}`;
    $("frame").setAttribute("aria-valuetext", label.textContent);
    svg
      .querySelectorAll("circle")
      .forEach((c, i) => c.setAttribute("class", i === state.frame ? "now" : ""));
  };
  $("frame").addEventListener("input", async () => {
    state.frame = Number($("frame").value);
    say();
    await show();
  });
  say();
}
function curve(losses) {
  const ns = "http://www.w3.org/2000/svg",
    svg = document.createElementNS(ns, "svg");
  const finite = losses.filter(Number.isFinite),
    top = Math.max(...finite, 1e-30),
    low = Math.min(0, ...finite);
  const xy = losses.map((l, i) => [
    4 + (112 * i) / Math.max(1, losses.length - 1),
    28 - (24 * (l - low)) / (top - low),
  ]);
  svg.setAttribute("viewBox", "0 0 120 32");
  svg.setAttribute("role", "img");
  svg.setAttribute(
    "aria-label",
    `The result at each training step shown: ${losses.map(brief).join(", ")}`,
  );
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
  if (picture.table)
    picture.drawnAt(picture.cell(index)).scrollIntoView({ block: "nearest", inline: "nearest" });
  const cell = picture.boxOf(index),
    figure = picture.root.getBoundingClientRect();
  const [top, bottom] = free(),
    room = bottom - top;
  const above = pictures.get("outgrad0")?.root.getBoundingClientRect() ?? figure;
  const boxes = [{ top: Math.min(above.top, figure.top), bottom: figure.bottom }, figure, cell];
  const box = boxes.find((b) => b.bottom - b.top < room - 16) ?? cell;
  scrollBy(0, (box.top + box.bottom) / 2 - top - room / 2);
}

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
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input, pre"))
      return;
    const keys = {
      ArrowLeft: () => go(state.step - 1),
      ArrowRight: () => go(state.step + 1),
      Home: () => go(0),
      End: () => go(2 * COUNT - 1),
      p: () => play(state.playing === null),
      P: () => play(state.playing === null),
      Escape: release,
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  wide.addEventListener("change", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColours();
    for (const row of rows.values()) row.shown = "";
    show();
  });
  await show();
  await makeTraining();
  document.body.dataset.ready = "true";
}
start();
