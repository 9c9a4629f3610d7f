/** One instrument: all of it. */

import { fillMinutes, drawCurve } from "./curve.js";
import { decimals } from "./decimal.js";
import { drawDepth } from "./depth.js";
import { byId, setClass, setText } from "./dom.js";
import { drawFacts } from "./facts.js";
import { drawHeat } from "./heat.js";
import * as history from "./history.js";
import * as ladder from "./ladder.js";
import { drawLosses } from "./losses.js";
import { books, entries, now, serverTime, why } from "./store.js";
import { timeOf } from "./time.js";

const SLOWLY_MS = 1000;
const depth = /** @type {HTMLCanvasElement} */ (byId("depth"));
const heat = /** @type {HTMLCanvasElement} */ (byId("heat"));
const curve = /** @type {HTMLCanvasElement} */ (byId("curve"));
let drawnAt = 0;
let minutesOf = -1;
/** @type {string | null} */
let shown = null;
/** @type {unknown} */
let drawnDepth = null;

export function start() {
  ladder.start();
  history.start(again);
  new ResizeObserver(again).observe(byId("detail"));
}

/** Draw all of it anew with the next picture. */
export function again() {
  drawnAt = 0;
  drawnDepth = null;
  if (shown !== null) draw();
}

/** @param {string | null} key */
export function show(key) {
  if (key === shown) return;
  shown = key;
  ladder.reset();
  history.follow(key, again);
  if (key === null) return;
  const [exchange, symbol] = key.split(":");
  setText(byId("detail-title"), `${symbol} on ${exchange}`);
  again();
}

export function draw() {
  if (shown === null) return;
  const entry = entries.get(shown);
  const book = books.get(shown);
  const status = byId("detail-status");
  const reason = byId("detail-why");
  const isLive = entry?.row.status === "live";
  setClass(byId("detail"), isLive ? "live" : "not-live");
  if (entry === undefined) {
    setText(status, now.status === null ? "connecting ..." : "no record of it was seen yet");
    reason.hidden = true;
  } else {
    const { row } = entry;
    setText(status, isLive ? `live since ${timeOf(row.since)}` : row.status);
    reason.hidden = isLive && row.proof !== "none";
    setText(
      reason,
      isLive
        ? "Unproven: its exchange gives nothing to tell a lost change by. Its levels are marked ?."
        : `${why(row.status, row.trouble ?? row.reason)}, since ${timeOf(row.since)}. There is no price until it is live again.`,
    );
  }
  // a row and its book come one after the other: what the one says is not live is not shown by the other
  const agreed = isLive ? book : undefined;
  ladder.draw(agreed);
  drawFacts(isLive || book?.record.status !== "live" ? book : undefined);
  if (drawnDepth !== (agreed ?? "none")) {
    drawnDepth = agreed ?? "none";
    drawDepth(depth, agreed?.record);
  }
  const at = performance.now();
  if (at - drawnAt < SLOWLY_MS) return;
  drawnAt = at;
  const time = serverTime();
  drawHeat(heat, history.past.history, time);
  drawCurve(curve, history.past.history, time);
  drawLosses(byId("detail-losses"), shown);
  if (minutesOf !== history.past.version) {
    minutesOf = history.past.version;
    const prices = book ? [...book.record.bids, ...book.record.asks].map(([price]) => decimals(price)) : [];
    fillMinutes(byId("minutes"), history.past.history, Math.max(2, ...prices) + 1);
  }
}
