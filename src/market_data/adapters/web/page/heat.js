/** The depth of the last fifteen minutes: time goes right, price goes up, brightness is size. Gaps are blank. */

import { MARGIN, begin, priceAxis, say, timeAxis, windowOf } from "./canvas.js";

/** @typedef {import("./history.js").History} History */

const BIN_PIXELS = 2;
const image = document.createElement("canvas");

/** @param {HTMLCanvasElement} canvas @param {History | null} history @param {number} at µs */
export function drawHeat(canvas, history, at) {
  const picture = begin(canvas);
  if (picture === null) return;
  const { context, width, height, color } = picture;
  const { first: begun = at, seconds: step = 0, columns: known = [] } = history?.depth ?? {};
  const there = known.findIndex((column) => column !== null);
  const [from, to] = windowOf(at, there < 0 ? at : begun + there * step * 1e6);
  timeAxis(picture, from, to);
  if (history === null) return say(picture, "asking for the past ...");
  const { first, seconds, columns } = history.depth;
  const range = rangeOf(columns);
  if (range === null) return say(picture, "nothing was live throughout a few seconds yet");
  const [low, high] = range;
  const [left, right, bottom] = [MARGIN.left, width - MARGIN.right, height - MARGIN.bottom];
  const count = Math.max(10, Math.floor((bottom - MARGIN.top) / BIN_PIXELS));
  image.width = columns.length;
  image.height = count;
  const brush = image.getContext("2d");
  if (brush === null) return;
  const bins = columns.map((column) => (column === null ? null : binned(column, low, high, count)));
  const most = topOf(bins);
  const pixels = brush.createImageData(columns.length, count);
  const [bid, ask] = [channels(color("bid")), channels(color("ask"))];
  bins.forEach((bin, x) => {
    bin?.forEach((size, y) => {
      if (size === 0) return;
      const at = ((count - 1 - y) * columns.length + x) * 4;
      const strength = Math.min(1, Math.sqrt(Math.abs(size) / most));
      pixels.data.set(size < 0 ? bid : ask, at);
      pixels.data[at + 3] = 40 + 215 * strength;
    });
  });
  brush.putImageData(pixels, 0, 0);
  /** @param {number} micros */
  const x = (micros) => left + ((micros - from) / (to - from)) * (right - left);
  context.save();
  context.beginPath();
  context.rect(left, MARGIN.top, right - left, bottom - MARGIN.top);
  context.clip();
  context.imageSmoothingEnabled = false;
  const end = first + columns.length * seconds * 1e6;
  context.drawImage(image, x(first), MARGIN.top, x(end) - x(first), bottom - MARGIN.top);
  context.restore();
  priceAxis(picture, low, high, MARGIN.top, bottom);
}

/** The prices that most of it is about. @param {import("./history.js").Columns} columns */
function rangeOf(columns) {
  const lows = [];
  const highs = [];
  for (const column of columns) {
    if (column === null || column.length < 4) continue;
    let [low, high] = [Infinity, -Infinity];
    for (let index = 0; index < column.length; index += 2) {
      low = Math.min(low, column[index]);
      high = Math.max(high, column[index]);
    }
    lows.push(low);
    highs.push(high);
  }
  if (lows.length === 0) return null;
  lows.sort((one, other) => one - other);
  highs.sort((one, other) => one - other);
  const low = lows[Math.floor(lows.length * 0.02)];
  const high = highs[Math.ceil(highs.length * 0.98) - 1];
  return high > low ? [low, high] : [low * 0.999, high * 1.001];
}

/** Add up sizes by price; a bin that has both is the larger one's. @param {number[]} column @param {number} low @param {number} high @param {number} count */
function binned(column, low, high, count) {
  const bids = new Float64Array(count);
  const asks = new Float64Array(count);
  for (let index = 0; index < column.length; index += 2) {
    const bin = Math.floor(((column[index] - low) / (high - low)) * (count - 1));
    if (bin < 0 || bin >= count) continue;
    if (column[index + 1] < 0) bids[bin] += column[index + 1];
    else asks[bin] += column[index + 1];
  }
  return bids.map((bid, bin) => (-bid > asks[bin] ? bid : asks[bin]));
}

/** What is bright: nearly the most. @param {(Float64Array | null)[]} bins */
function topOf(bins) {
  const sizes = [];
  for (const bin of bins) if (bin) for (const size of bin) if (size) sizes.push(Math.abs(size));
  sizes.sort((one, other) => one - other);
  return sizes[Math.floor(sizes.length * 0.98)] ?? 1;
}

/** @param {string} color #rrggbb @returns {[number, number, number]} */
function channels(color) {
  const value = Number.parseInt(color.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}
