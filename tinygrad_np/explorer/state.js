"use strict";
// Which step, run and element the page shows.

const COUNT = DATA.records.length;
const state = { step: 0, frame: DATA.frames.length - 1, held: null, playing: null, stop: null };
let frame = null; // the unpacked run that is shown
let pictures = new Map(); // of the open operation, by key
const $ = (id) => document.getElementById(id);

// Steps 0 … COUNT-1 go forward, COUNT … 2·COUNT-1 backward.
const isForward = (step) => step < COUNT;
const recordAt = (step) => (isForward(step) ? step : 2 * COUNT - 1 - step);
const hasValue = (number, step) => number <= step;
const hasGradient = (number, step) => !isForward(step) && number >= recordAt(step);

function valueName(value) {
  const info = DATA.values[value];
  if (info.name) return info.name;
  if (info.madeBy !== null) return `#${info.madeBy}`;
  return info.needsGrad ? "input" : "constant";
}
