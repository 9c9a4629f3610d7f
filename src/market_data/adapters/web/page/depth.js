/** The depth curve: how much stands up to each price, on both sides. */

import { MARGIN, begin, line, priceAxis, say } from "./canvas.js";

/** @typedef {import("./types.js").BookRecord} BookRecord */

/** @param {HTMLCanvasElement} canvas @param {BookRecord | undefined} record */
export function drawDepth(canvas, record) {
  const picture = begin(canvas);
  if (picture === null) return;
  const { context, width, height, color } = picture;
  if (record === undefined || record.status !== "live") return say(picture, "not live");
  const [bids, asks] = [summed(record.bids), summed(record.asks)];
  if (bids.length === 0 && asks.length === 0) return say(picture, "no levels");
  const prices = [...bids, ...asks].map((each) => each.price);
  const [low, high] = [Math.min(...prices), Math.max(...prices)];
  const most = Math.max(...[...bids, ...asks].map((each) => each.sum)) * 1.05;
  const bottom = height - MARGIN.bottom;
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  /** @param {number} price */
  const x = (price) => (high === low ? (left + right) / 2 : left + ((price - low) / (high - low)) * (right - left));
  /** @param {number} sum */
  const y = (sum) => bottom - (sum / most) * (bottom - MARGIN.top);
  priceAxis(picture, 0, most, MARGIN.top, bottom);
  for (const [levels, name] of /** @type {const} */ ([[bids, "bid"], [asks, "ask"]])) {
    if (levels.length === 0) continue;
    context.beginPath();
    context.moveTo(x(levels[0].price), bottom);
    let before = bottom;
    for (const { price, sum } of levels) {
      context.lineTo(x(price), before);
      before = y(sum);
      context.lineTo(x(price), before);
    }
    context.lineTo(name === "bid" ? left : right, before);
    context.strokeStyle = color(name);
    context.lineWidth = 1.5;
    context.stroke();
    context.lineTo(name === "bid" ? left : right, bottom);
    context.fillStyle = color(`${name}-fill`);
    context.fill();
  }
  context.fillStyle = color("muted");
  context.textBaseline = "bottom";
  /** @type {[string | undefined, number, CanvasTextAlign][]} */
  const labels = [
    [record.bids.at(-1)?.[0], left, "left"],
    [record.asks.at(-1)?.[0], right, "right"],
  ];
  for (const [price, at, align] of labels) {
    context.textAlign = align;
    if (price) context.fillText(price.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, ""), at, height - 1);
  }
  if (bids.length && asks.length) {
    const middle = (x(bids[0].price) + x(asks[0].price)) / 2;
    context.strokeStyle = color("muted");
    context.setLineDash([2, 3]);
    line(context, middle, MARGIN.top, middle, bottom);
    context.setLineDash([]);
  }
}

/** Floats, for drawing. @param {import("./types.js").Level[]} levels */
function summed(levels) {
  let sum = 0;
  return levels.map(([price, size]) => ({ price: Number(price), sum: (sum += Number(size)) }));
}
