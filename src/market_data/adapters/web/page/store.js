/** What is known, as the stream brings it; whoever shows it asks here. */

import { decimals } from "./decimal.js";
import { REASONS } from "./words.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Book} Book */
/** @typedef {import("./types.js").Loss} Loss */
/** @typedef {import("./types.js").Status} Status */
/** @typedef {{row: Row, key: string, places: number, rate: number | null, countedAt: number, countedSeq: number, move: Object<string, {at: number, way: string}>}} Entry */

const LOSSES_KEPT = 1000;
const RATE_SECONDS = 3;

/** @type {Map<string, Entry>} */
export const entries = new Map();
/** @type {Map<string, Book>} */
export const books = new Map();
/** @type {Loss[]} oldest first */
export const losses = [];
/** @type {{status: Status | null, behind: number, changes: number, heardAt: number}} */
export const now = { status: null, behind: 0, changes: 0, heardAt: 0 };

/** @type {Set<() => void>} */
const listeners = new Set();

/** @param {() => void} listener */
export function onChange(listener) {
  listeners.add(listener);
}

export function changed() {
  now.changes += 1;
  for (const listener of listeners) listener();
}

/** The server's clock now, µs. */
export function serverTime() {
  return Date.now() * 1000 - now.behind;
}

/** @param {string} exchange @param {string} symbol */
export function keyOf(exchange, symbol) {
  return `${exchange}:${symbol}`;
}

/**
 * @param {{rows?: Row[], gone?: string[], losses?: Loss[], status?: Status}} frame
 * @param {boolean} isWhole nothing is known but this
 */
export function take(frame, isWhole) {
  if (isWhole) {
    entries.clear();
    books.clear();
    losses.length = 0;
  }
  if (frame.status) {
    now.status = frame.status;
    now.behind = Date.now() * 1000 - frame.status.now;
  }
  for (const row of frame.rows ?? []) takeRow(row);
  for (const key of frame.gone ?? []) {
    entries.delete(key);
    books.delete(key);
  }
  if (frame.losses) {
    losses.push(...frame.losses);
    losses.splice(0, losses.length - LOSSES_KEPT);
  }
  changed();
}

/** @param {Book} book */
export function takeBook(book) {
  books.set(keyOf(book.record.exchange, book.record.symbol), book);
  changed();
}

/** @param {Row} row */
function takeRow(row) {
  const key = keyOf(row.exchange, row.symbol);
  const at = performance.now() / 1000;
  const entry = entries.get(key);
  if (entry === undefined) {
    const places = placesOf(row, 0);
    entries.set(key, { row, key, places, rate: null, countedAt: at, countedSeq: row.publish_seq, move: {} });
    return;
  }
  entry.places = placesOf(row, entry.places);
  const span = at - entry.countedAt;
  if (row.publish_seq < entry.countedSeq) {
    [entry.countedAt, entry.countedSeq, entry.rate] = [at, row.publish_seq, null];
  } else if (span >= RATE_SECONDS) {
    entry.rate = (row.publish_seq - entry.countedSeq) / span;
    [entry.countedAt, entry.countedSeq] = [at, row.publish_seq];
  }
  for (const side of /** @type {const} */ (["bid", "ask"])) {
    const [was, is] = [entry.row[side], row[side]];
    if (was !== null && is !== null && was !== is) {
      entry.move[side] = { at, way: Number(is) > Number(was) ? "up" : "down" }; // a direction, no number that is shown
    }
  }
  entry.row = row;
}

/** How many digits after the point its prices need, so that they stand still. @param {Row} row @param {number} least */
function placesOf({ bid, ask }, least) {
  return Math.max(least, bid === null ? 0 : decimals(bid), ask === null ? 0 : decimals(ask));
}

/** What a reason means, for a person. @param {string | null} reason */
export function meaning(reason) {
  return REASONS[reason ?? ""] ?? reason ?? "";
}

/** @param {string} status @param {string | null} reason */
export function why(status, reason) {
  const said = meaning(reason);
  return said ? `${status}: ${said}` : status;
}
