/** What all pictures need: a canvas as large as it is shown, colours of the theme, axes. */

import { shortTimeOf, timeOf } from "./time.js";

export const MARGIN = { left: 4, right: 64, top: 6, bottom: 16 };
const STEPS = [10, 30, 60, 180, 300];
const LONGEST = 900e6;
const SHORTEST = 60e6;
const LABEL = 64;

/**
 * Size it to what it is shown at, and clear it.
 *
 * @param {HTMLCanvasElement} canvas
 * @returns {{context: CanvasRenderingContext2D, width: number, height: number, color: (name: string) => string} | null} null: it is not in sight
 */
export function begin(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const context = canvas.getContext("2d");
  if (context === null || width === 0 || height === 0) return null;
  const ratio = Math.min(2, devicePixelRatio || 1);
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(document.documentElement);
  context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  return { context, width, height, color: (name) => style.getPropertyValue(`--${name}`).trim() };
}

/** @typedef {NonNullable<ReturnType<typeof begin>>} Picture */

/** Say in the middle why there is nothing. @param {Picture} picture @param {string} words */
export function say({ context, width, height, color }, words) {
  context.fillStyle = color("muted");
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(words, width / 2, height / 2, width);
}

/**
 * What is shown of time: fifteen minutes, or less where less is known.
 *
 * @param {number} at µs @param {number} first when what is known begins @returns {[number, number]}
 */
export function windowOf(at, first) {
  return [Math.max(at - LONGEST, Math.min(first, at - SHORTEST)), at];
}

/** Lines and labels of the time axis. @param {Picture} picture @param {number} from µs @param {number} to µs @param {boolean} isLabelled */
export function timeAxis({ context, width, height, color }, from, to, isLabelled = true) {
  const room = width - MARGIN.left - MARGIN.right;
  const step = (STEPS.find((seconds) => ((to - from) / 1e6 / seconds) * LABEL < room) ?? 300) * 1e6;
  context.fillStyle = color("muted");
  context.strokeStyle = color("grid");
  context.lineWidth = 1;
  context.textAlign = "center";
  context.textBaseline = "bottom";
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    const x = Math.round(MARGIN.left + ((at - from) / (to - from)) * room) + 0.5;
    line(context, x, MARGIN.top, x, height - MARGIN.bottom);
    if (isLabelled && x > 18 && x < width - MARGIN.right - 10) context.fillText(step < 60e6 ? timeOf(at) : shortTimeOf(at), x, height - 1);
  }
}

/**
 * Lines and labels of the price axis.
 *
 * @param {Picture} picture @param {number} low @param {number} high @param {number} top @param {number} bottom
 * @param {(value: number) => string} [write]
 */
export function priceAxis({ context, width, color }, low, high, top, bottom, write) {
  const ticks = ticksOf(low, high, Math.max(2, Math.floor((bottom - top) / 36)));
  context.fillStyle = color("muted");
  context.strokeStyle = color("grid");
  context.lineWidth = 1;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const tick of ticks.values) {
    const y = Math.round(bottom - ((tick - low) / (high - low)) * (bottom - top)) + 0.5;
    line(context, MARGIN.left, y, width - MARGIN.right, y);
    context.fillText(write ? write(tick) : tick.toFixed(ticks.decimals), width - MARGIN.right + 5, y);
  }
}

/** @param {number} low @param {number} high @param {number} count */
function ticksOf(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  const values = [];
  for (let at = Math.ceil(low / step) * step; at <= high && values.length < 50; at += step) values.push(at);
  return { values, decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} toX @param {number} toY */
export function line(context, x, y, toX, toY) {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  context.stroke();
}
