/** What follows from a book, and how far it is proven, as a table. */

import { trimmed } from "./decimal.js";
import { byId, fill, make, setText } from "./dom.js";
import { entries, keyOf, serverTime } from "./store.js";
import { millisOf, spanOf, timeOf } from "./time.js";

/** @typedef {import("./types.js").Book} Book */

const HEADED = "For a taker";
const table = make("table", {}, make("tbody"));
byId("facts").append(table);

/** @param {Book | undefined} book */
export function drawFacts(book) {
  const rows = book === undefined ? [] : [...(book.record.status === "live" ? live(book) : []), ...always(book)];
  fill(
    /** @type {HTMLElement} */ (table.firstElementChild),
    rows,
    () => make("tr", {}, make("th", { scope: "row" }), make("td"), make("td")),
    (node, row) => {
      ["0", "1", "2"].forEach((_, place) => setText(node.children[place], row[place] ?? ""));
      const only = row.length < 3;
      const [, second, third] = /** @type {HTMLTableCellElement[]} */ ([...node.children]);
      second.colSpan = only ? 2 : 1;
      third.hidden = only;
      node.className = row[0] === HEADED ? "headed" : "";
    },
  );
}

/** @param {Book} book @returns {string[][]} */
function live({ analytics, record, minute }) {
  const [base, quote] = record.symbol.split("-");
  return [
    ["Mid", orNone(analytics.mid, quote)],
    ["Microprice", orNone(analytics.microprice, quote)],
    ["Spread", analytics.spread_bps === null ? "–" : `${analytics.spread} ${quote} = ${analytics.spread_bps} bps`],
    ...analytics.imbalance.map(({ levels, value }) => [`Imbalance, ${levels} level${levels > 1 ? "s" : ""}`, value ?? `fewer than ${levels} levels`]),
    ...(minute === null ? [] : ofMinute(minute, quote)),
    [HEADED, "to buy", "to sell"],
    ...analytics.depth.map(({ bps, buy, sell }) => [
      `${base} within ${bps} bps`,
      buy === null ? "> 20 levels" : trimmed(buy),
      sell === null ? "> 20 levels" : trimmed(sell),
    ]),
    ...analytics.fills.map(({ notional, buy, sell }) => [`${Number(notional).toLocaleString("en")} ${quote}`, fillOf(buy), fillOf(sell)]),
  ];
}

/** @param {import("./types.js").Minute} minute @param {string} quote @returns {string[][]} */
function ofMinute(minute, quote) {
  const of = minute.seconds < 59 ? `Last ${Math.round(minute.seconds)} s` : "Last minute";
  return [
    [`${of}: low, high`, minute.low === null ? "–" : `${minute.low} … ${minute.high} ${quote}`],
    [`${of}: change`, minute.change === null ? "–" : `${minute.change} ${quote}${minute.change_bps === null ? "" : ` = ${minute.change_bps} bps`}`],
    [`${of}: mean, spread`, minute.mean === null ? "–" : `${minute.mean} ${quote}, ${minute.spread_bps ?? "–"} bps`],
    [`${of}: updates, live`, `${minute.updates_per_second.toFixed(1)} a second, ${(minute.live_share * 100).toFixed(1)} % of the time`],
  ];
}

/** @param {import("./types.js").Fill} fill */
function fillOf({ price, slippage_bps: bps }) {
  return price === null ? "not enough depth" : `${price}  (${bps} bps)`;
}

/** @param {string | null} number @param {string} unit */
function orNone(number, unit) {
  return number === null ? "–" : `${number} ${unit}`;
}

/** @param {Book} book @returns {string[][]} */
function always({ record, proof, seen_time: seen }) {
  const order = proof.order;
  return [
    ["Proof of the book", proofOf(record)],
    ["Proof of order", order === null ? "–" : order.is_proven ? `proven, ${order.records.toLocaleString("en")} records` : `NOT PROVEN: ${order.holes} missing, ${order.doubled} doubled, ${order.out_of_order} out of order`],
    ...(record.status === "live" ? delays(record, seen) : [["Last data", record.received_time === null ? "–" : timeOf(record.received_time)]]),
    ["Sequence", record.sequence === null ? "–" : String(record.sequence)],
    ["Record", `${record.publish_seq} of run ${record.run}, epoch ${record.epoch}`],
  ];
}

/** Of a live book alone: of any other the data is old, and how long ago it came is no latency. @param {import("./types.js").BookRecord} record @param {number} seen µs @returns {string[][]} */
function delays({ exchange, symbol, event_time: event, received_time: received }, seen) {
  const rate = entries.get(keyOf(exchange, symbol))?.rate;
  return [
    ["Exchange to producer", event === null || received === null ? "–" : millisOf(received - event)],
    ["Producer to here", received === null ? "–" : millisOf(seen - received)],
    ["Age of the data", received === null ? "–" : spanOf(Math.max(0, (serverTime() - received) / 1e6))],
    ["Records a second", rate === null || rate === undefined ? "–" : rate.toFixed(1)],
  ];
}

/** @param {import("./types.js").BookRecord} record */
function proofOf(record) {
  if (record.proof === "none") return "nothing: a lost change cannot be told";
  if (record.proof === "checksum") return record.proven_levels === null ? "checksum" : `checksum of the best ${record.proven_levels} levels a side; others are marked ?`;
  return "every change is numbered";
}
