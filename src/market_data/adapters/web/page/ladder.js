/** The order book: asks above, bids below, sums as bars on one scale, and what a fill up to a level would cost. */

import { decimal, decimals, minus, over, padded, plus, text, times, trimmed } from "./decimal.js";
import { byId, make, setClass, setText } from "./dom.js";

/** @typedef {import("./types.js").Book} Book */

const LEVELS = 20;
const box = byId("ladder");
const body = /** @type {HTMLElement} */ (box.querySelector("tbody"));
const head = /** @type {HTMLElement} */ (box.querySelector("thead"));
/** @type {{row: HTMLElement, sum: HTMLElement, bar: HTMLElement, size: HTMLElement, price: HTMLElement}[]} asks from the far one on, then bids */
const lines = [];
const middle = make("tr", { class: "middle" }, make("td", { colspan: "3" }));
/** @type {number | null} */
let cursor = null;
/** @type {Book | undefined} */
let shown;
let isCentred = false;

export function start() {
  for (let index = 0; index < 2 * LEVELS; index += 1) {
    const bar = make("i", { "aria-hidden": "true" });
    const [sum, size, price] = [make("b"), make("td"), make("td")];
    const row = make("tr", {}, make("td", {}, bar, sum), size, price);
    row.addEventListener("pointerenter", () => point(index));
    lines.push({ row, sum, bar, size, price });
    if (index === LEVELS) body.append(middle);
    body.append(row);
  }
  box.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") point(null); // a finger leaves whenever it is lifted
  });
}

/** @param {number | null} index */
function point(index) {
  cursor = index;
  draw(shown);
}

/** Move the level whose fill is priced. @param {number} by */
export function move(by) {
  const from = cursor ?? (by > 0 ? LEVELS - 1 : LEVELS);
  point(Math.max(0, Math.min(2 * LEVELS - 1, from + by)));
  if (cursor !== null) lines[cursor].row.scrollIntoView({ block: "nearest" });
}

export function reset() {
  [cursor, isCentred] = [null, false];
}

/** @param {Book | undefined} book */
export function draw(book) {
  shown = book;
  const isLive = book !== undefined && book.record.status === "live";
  const bids = isLive ? book.record.bids : [];
  const asks = isLive ? book.record.asks : [];
  const all = [...bids, ...asks];
  const places = Math.max(0, ...all.map(([price]) => decimals(price)));
  const sizePlaces = Math.max(0, ...all.map(([, size]) => decimals(size)));
  const [bidSums, askSums] = [sumsOf(bids), sumsOf(asks)];
  const most = Math.max(Number(bidSums.at(-1) ?? 0), Number(askSums.at(-1) ?? 0));
  lines.forEach((line, index) => {
    const isAsk = index < LEVELS;
    const at = isAsk ? LEVELS - 1 - index : index - LEVELS;
    const level = (isAsk ? asks : bids)[at];
    const sum = (isAsk ? askSums : bidSums)[at];
    line.row.hidden = isLive && level === undefined;
    const isUnproven = isLive && book.record.proven_levels !== null && at >= book.record.proven_levels;
    const isUpTo = isLive && cursor !== null && cursor < LEVELS === isAsk && (isAsk ? index >= cursor : index <= cursor);
    setClass(line.row, `${isAsk ? "ask" : "bid"}${isUpTo ? " up-to" : ""}${isUpTo && index === cursor ? " cursor" : ""}${isUnproven ? " unproven" : ""}`);
    setText(line.price, level ? padded(level[0], places) : "");
    setText(line.size, level ? padded(level[1], sizePlaces) : "");
    setText(line.sum, level ? padded(sum, sizePlaces) : "");
    const width = level && most ? (Number(sum) / most).toFixed(4) : "0";
    line.bar.style.transform = `scaleX(${width})`;
  });
  const said = isLive ? spreadOf(book) : "";
  setText(/** @type {HTMLElement} */ (middle.firstElementChild), said);
  const fill = isLive && cursor !== null ? fillOf(book, cursor) : null;
  setText(byId("cursor"), fill ?? "");
  byId("cursor-hint").hidden = !isLive || fill !== null;
  if (isLive && !isCentred && box.clientHeight > 0) {
    isCentred = true;
    const { row } = lines[LEVELS - 1]; // the best ask; the middle itself sticks to an edge where it is out of sight
    const top = row.hidden ? 0 : row.offsetTop + row.offsetHeight;
    box.scrollTop = top - (box.clientHeight + head.offsetHeight - middle.offsetHeight) / 2;
  }
}

/** @param {Book} book */
function spreadOf(book) {
  const { mid, spread, spread_bps: bps } = book.analytics;
  if (mid === null || spread === null) return "one side is empty: no mid";
  const short = bps === null ? "" : `   ${trimmed(text(over(decimal(bps), decimal("1"), 3)))} bps`;
  return `${mid}   spread ${spread}${short}`;
}

/** @param {import("./types.js").Level[]} levels */
function sumsOf(levels) {
  let sum = decimal("0");
  return levels.map(([, size]) => text((sum = plus(sum, decimal(size)))));
}

/** What a taker pays for all up to a level. @param {Book} book @param {number} index */
function fillOf(book, index) {
  const isBuy = index < LEVELS;
  const at = isBuy ? LEVELS - 1 - index : index - LEVELS;
  const levels = (isBuy ? book.record.asks : book.record.bids).slice(0, at + 1);
  if (levels.length <= at) return null;
  let [size, money] = [decimal("0"), decimal("0")];
  for (const [price, amount] of levels) {
    size = plus(size, decimal(amount));
    money = plus(money, times(decimal(price), decimal(amount)));
  }
  const [base, quote] = book.record.symbol.split("-");
  if (size.digits === 0n) return null;
  const price = over(money, size, decimals(levels[0][0]) + 4);
  const worse = book.analytics.mid === null ? "" : `, ${slippage(price, decimal(book.analytics.mid), isBuy)} bps from the mid`;
  return `${isBuy ? "buy" : "sell"} ${trimmed(text(size))} ${base} at ${trimmed(text(price))} on average${worse}: ${trimmed(text(over(money, decimal("1"), 2)))} ${quote}`;
}

/** @param {import("./decimal.js").Decimal} price @param {import("./decimal.js").Decimal} mid @param {boolean} isBuy */
function slippage(price, mid, isBuy) {
  const worse = isBuy ? minus(price, mid) : minus(mid, price);
  return text(over(times(worse, decimal("10000")), mid, 3));
}
