/** Mid and spread of the last fifteen minutes: lowest and highest of each pixel; gaps are blank. */

import { MARGIN, begin, line, priceAxis, say, timeAxis, windowOf } from "./canvas.js";
import { make } from "./dom.js";
import { shortTimeOf } from "./time.js";

/** @typedef {import("./history.js").History} History */
/** @typedef {import("./history.js").Bucket} Bucket */

const SPREAD_SHARE = 0.28;

/** @param {HTMLCanvasElement} canvas @param {History | null} history @param {number} at µs */
export function drawCurve(canvas, history, at) {
  const picture = begin(canvas);
  if (picture === null) return;
  const { context, width, height, color } = picture;
  const { mid } = history ?? {};
  const known = mid?.buckets.findIndex((each) => each !== null) ?? -1;
  const [from, to] = windowOf(at, mid && known >= 0 ? mid.first + known * mid.seconds * 1e6 : at);
  timeAxis(picture, from, to);
  if (history === null) return say(picture, "asking for the past ...");
  const there = present(history.mid.buckets);
  if (there.length === 0) return say(picture, "there was no mid yet");
  const [left, right, bottom] = [MARGIN.left, width - MARGIN.right, height - MARGIN.bottom];
  const split = bottom - (bottom - MARGIN.top) * SPREAD_SHARE;
  const low = Math.min(...there.map(([lowest]) => lowest));
  const high = Math.max(...there.map(([, highest]) => highest));
  const [bottomPrice, topPrice] = high > low ? [low, high] : [low * 0.9999, high * 1.0001];
  const mostSpread = Math.max(...there.map(([, , bps]) => bps)) * 1.1 || 1;
  priceAxis(picture, bottomPrice, topPrice, MARGIN.top, split - 8);
  priceAxis(picture, 0, mostSpread, split + 8, bottom, (bps) => `${Number(bps.toPrecision(3))} bps`);
  /** @param {number} micros */
  const x = (micros) => left + ((micros - from) / (to - from)) * (right - left);
  /** @param {number} price */
  const y = (price) => split - 8 - ((price - bottomPrice) / (topPrice - bottomPrice)) * (split - 8 - MARGIN.top);
  const pixels = byPixel(history.mid, x, left, right);
  context.lineWidth = 1;
  context.strokeStyle = color("accent");
  let before = null;
  for (const pixel of pixels) {
    if (pixel === null) {
      before = null;
      continue;
    }
    // as tall as from the lowest to the highest, and to where the one before ended
    const top = before === null ? pixel.high : Math.max(pixel.high, Math.min(before.high, pixel.high), before.low);
    const base = before === null ? pixel.low : Math.min(pixel.low, before.high);
    line(context, pixel.x + 0.5, y(top) - 0.5, pixel.x + 0.5, y(base) + 0.5);
    before = pixel;
  }
  context.strokeStyle = color("muted");
  for (const pixel of pixels) {
    if (pixel === null) continue;
    const tall = (pixel.spread / mostSpread) * (bottom - split - 8);
    line(context, pixel.x + 0.5, bottom, pixel.x + 0.5, bottom - Math.max(1, tall));
  }
}

/** @param {(Bucket | null)[]} buckets @returns {Bucket[]} */
function present(buckets) {
  return /** @type {Bucket[]} */ (buckets.filter((each) => each !== null));
}

/**
 * The lowest and the highest of what falls on each pixel; null where any of it was not there.
 *
 * @param {History["mid"]} mid @param {(micros: number) => number} x @param {number} left @param {number} right
 */
function byPixel(mid, x, left, right) {
  /** @type {({x: number, low: number, high: number, spread: number} | null)[]} */
  const pixels = [];
  for (let pixel = Math.ceil(left); pixel < right; pixel += 1) pixels.push(null);
  const broken = new Set();
  mid.buckets.forEach((bucket, index) => {
    const at = mid.first + index * mid.seconds * 1e6;
    const begins = Math.max(0, Math.floor(x(at) - left));
    const ends = Math.max(begins, Math.ceil(x(at + mid.seconds * 1e6) - left) - 1);
    for (let pixel = begins; pixel <= ends && pixel < pixels.length; pixel += 1) {
      if (bucket === null || !bucket[3]) broken.add(pixel);
      if (bucket === null) continue;
      const have = pixels[pixel];
      pixels[pixel] = {
        x: Math.ceil(left) + pixel,
        low: Math.min(bucket[0], have?.low ?? Infinity),
        high: Math.max(bucket[1], have?.high ?? -Infinity),
        spread: Math.max(bucket[2], have?.spread ?? 0),
      };
    }
  });
  for (const pixel of broken) pixels[pixel] = null;
  return pixels;
}

/** The same in numbers, by the minute. @param {HTMLElement} box @param {History | null} history @param {number} places */
export function fillMinutes(box, history, places) {
  const rows = history === null ? [] : minutesOf(history.mid);
  box.replaceChildren(
    make(
      "table",
      {},
      make("thead", {}, rowOf("th", ["Minute", "Lowest mid", "Highest mid", "Widest spread, bps", "Not live"])),
      make(
        "tbody",
        {},
        ...rows.map((each) =>
          rowOf("td", [
            shortTimeOf(each.at),
            each.count ? each.low.toFixed(places) : "–",
            each.count ? each.high.toFixed(places) : "–",
            each.count ? each.spread.toFixed(3) : "–",
            each.gaps ? `${each.gaps} s` : "",
          ]),
        ),
      ),
    ),
  );
}

/** @param {"th" | "td"} tag @param {string[]} texts */
function rowOf(tag, texts) {
  return make("tr", {}, ...texts.map((text) => make(tag, tag === "th" ? { scope: "col" } : {}, text)));
}

/** @param {History["mid"]} mid */
function minutesOf(mid) {
  /** @type {Map<number, {at: number, low: number, high: number, spread: number, count: number, gaps: number}>} */
  const minutes = new Map();
  let hasBegun = false;
  mid.buckets.forEach((bucket, index) => {
    hasBegun ||= bucket !== null;
    if (!hasBegun) return;
    const at = Math.floor((mid.first + index * mid.seconds * 1e6) / 60e6) * 60e6;
    const minute = minutes.get(at) ?? { at, low: Infinity, high: -Infinity, spread: 0, count: 0, gaps: 0 };
    minutes.set(at, minute);
    if (bucket === null || !bucket[3]) minute.gaps += mid.seconds;
    if (bucket === null) return;
    minute.low = Math.min(minute.low, bucket[0]);
    minute.high = Math.max(minute.high, bucket[1]);
    minute.spread = Math.max(minute.spread, bucket[2]);
    minute.count += 1;
  });
  return [...minutes.values()].reverse();
}
