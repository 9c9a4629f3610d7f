/** The list of instruments: sorted, filtered, with favourites; only the rows in sight are there. */

import { bpsOf, padded, trimmed } from "./decimal.js";
import { byId, make, setClass, setText } from "./dom.js";
import { recall, recallList, remember } from "./remembered.js";
import { entries, meaning, now, serverTime, why } from "./store.js";
import { spanOf, timeOf } from "./time.js";

/** @typedef {import("./store.js").Entry} Entry */
/** @typedef {{row: HTMLTableRowElement, cells: HTMLTableCellElement[], key: string}} Line */
/** @typedef {{name: string, title: string, kind: string, value: (entry: Entry) => number | string | null}} Column */

const ORDER_MS = 2000;
const MOVE_SECONDS = 0.8;
const SPARE_ROWS = 4;
const PATIENCE_SECONDS = 5;
const LONG = 10;
const LONGER = 12;

/** @param {string | null} text */
const number = (text) => (text === null ? null : Number(text)); // to sort by

/** @type {Column[]} */
const COLUMNS = [
  { name: "star", title: "★", kind: "star", value: (entry) => (favourites.has(entry.key) ? 0 : 1) },
  { name: "symbol", title: "Instrument", kind: "name", value: (entry) => entry.row.symbol },
  { name: "exchange", title: "Venue", kind: "venue", value: (entry) => entry.row.exchange },
  { name: "status", title: "Status", kind: "status", value: (entry) => entry.row.status },
  { name: "bid_size", title: "Bid size", kind: "size", value: (entry) => number(entry.row.bid_size) },
  { name: "bid", title: "Bid", kind: "price bid", value: (entry) => number(entry.row.bid) },
  { name: "ask", title: "Ask", kind: "price ask", value: (entry) => number(entry.row.ask) },
  { name: "ask_size", title: "Ask size", kind: "size", value: (entry) => number(entry.row.ask_size) },
  { name: "mid", title: "Mid", kind: "price mid", value: (entry) => number(entry.row.mid) },
  { name: "spread", title: "Spread", kind: "spread", value: (entry) => number(entry.row.spread) },
  { name: "bps", title: "bps", kind: "bps", value: (entry) => number(entry.row.spread_percent) },
  { name: "rate", title: "Rec/s", kind: "rate", value: (entry) => entry.rate },
  { name: "age", title: "Age", kind: "age", value: (entry) => entry.row.received_time },
];
const STATUS = 3;
const FIRST_OF_PRICES = 4;

/** @type {Set<string>} */
const favourites = new Set(recallList("favourites"));
const scroll = byId("scroll");
const body = /** @type {HTMLElement} */ (byId("rows").querySelector("tbody"));
const head = /** @type {HTMLElement} */ (byId("rows").querySelector("thead tr"));
const filter = /** @type {HTMLInputElement} */ (byId("filter"));
const above = make("tr", { class: "spacer", "aria-hidden": "true" });
const below = make("tr", { class: "spacer", "aria-hidden": "true" });
/** @type {Line[]} */
const lines = [];
/** @type {Entry[]} */
let order = [];
let orderedAt = -ORDER_MS;
let orderedOf = "";
let sortBy = recall("sort", "symbol");
let isDown = recall("down", "no") === "yes";
let isFavouritesOnly = false;
let isPinned = recall("pin", "no") === "yes";
/** How many of the columns from the status on this width shows. */
let statusSpan = 1;
/** @type {string | null} */
let selected = null;

export function start() {
  for (const column of COLUMNS) {
    const button = make("button", { type: "button" }, column.title);
    if (column.name === "star") button.setAttribute("aria-label", "Favourites");
    button.addEventListener("click", () => sort(column.name));
    head.append(make("th", { scope: "col", class: column.kind, "data-column": column.name }, button));
  }
  body.append(above, below);
  filter.addEventListener("input", again);
  byId("favourites").addEventListener("click", () => {
    isFavouritesOnly = !isFavouritesOnly;
    again();
  });
  byId("pin").addEventListener("click", pin);
  scroll.addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(() => {
    measure();
    draw();
  }).observe(scroll);
  body.addEventListener("click", (event) => {
    const target = /** @type {Element} */ (event.target);
    const line = lines.find((each) => each.row === target.closest("tr"));
    if (line === undefined) return;
    selected = line.key;
    if (target.closest("button")) star();
    else if (!target.closest("a")) openSelected();
    draw();
  });
  again();
}

/** A row without prices spans the columns that are shown and no more: one more would take room from the others. */
function measure() {
  const shown = [...head.children].slice(STATUS).filter((cell) => getComputedStyle(cell).display !== "none");
  statusSpan = Math.max(1, shown.length);
}

/** Order it anew at once. */
function again() {
  orderedAt = -ORDER_MS;
  draw();
}

/** @param {string} name */
function sort(name) {
  [sortBy, isDown] = [name, name === sortBy ? !isDown : false];
  remember("sort", sortBy);
  remember("down", isDown ? "yes" : "no");
  again();
}

export function pin() {
  isPinned = !isPinned;
  remember("pin", isPinned ? "yes" : "no");
  again();
}

/** Make the selected one a favourite, or no more. */
export function star() {
  if (selected === null) return;
  if (!favourites.delete(selected)) favourites.add(selected);
  remember("favourites", JSON.stringify([...favourites]));
  again();
}

/** @param {string} words */
export function setFilter(words) {
  filter.value = words;
  again();
}

export function clearFilter() {
  const had = filter.value !== "";
  filter.value = "";
  again();
  return had;
}

/** @param {number} by */
export function move(by) {
  if (order.length === 0) return;
  const at = order.findIndex((entry) => entry.key === selected);
  const next = Math.max(0, Math.min(order.length - 1, at + by));
  selected = order[next].key;
  const height = rowHeight();
  const top = next * height;
  const room = scroll.clientHeight - headHeight();
  if (top < scroll.scrollTop) scroll.scrollTop = top;
  else if (top + height > scroll.scrollTop + room) scroll.scrollTop = top + height - room;
  draw();
  announce(order[next]);
}

/** Say where one is to who does not see it; no price, which would stay there when it is none any more. @param {Entry} entry */
function announce({ row, key }) {
  const status = row.status === "live" ? "live" : why(row.status, row.trouble ?? row.reason);
  const star = favourites.has(key) ? ", a favourite" : "";
  setText(byId("announced"), `${row.symbol} on ${row.exchange}: ${status}${star}`);
}

/** How many rows a page has. */
export function page() {
  return Math.max(1, Math.floor((scroll.clientHeight - headHeight()) / rowHeight()) - 1);
}

export function openSelected() {
  if (selected !== null) location.hash = `#/book/${encodeURIComponent(selected)}`;
}

/** @param {string | null} key */
export function select(key) {
  selected = key;
}

function rowHeight() {
  return Number.parseFloat(getComputedStyle(scroll).getPropertyValue("--row"));
}

function headHeight() {
  return head.offsetHeight;
}

function putInOrder() {
  const of = `${filter.value}|${isFavouritesOnly}|${isPinned}|${sortBy}|${isDown}|${entries.size}|${favourites.size}`;
  const at = performance.now();
  if (of === orderedOf && at - orderedAt < ORDER_MS) return;
  [orderedOf, orderedAt] = [of, at];
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const column = COLUMNS.find((each) => each.name === sortBy) ?? COLUMNS[1];
  const fits = [...entries.values()].filter((entry) => {
    if (isFavouritesOnly && !favourites.has(entry.key)) return false;
    const text = `${entry.key} ${entry.row.status} ${entry.row.trouble ?? entry.row.reason ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const ranked = fits.map((entry) => ({ entry, value: column.value(entry), rank: rankOf(entry) }));
  ranked.sort(
    (one, other) =>
      one.rank - other.rank ||
      compare(one.value, other.value) * (isDown ? -1 : 1) ||
      compare(one.entry.row.symbol, other.entry.row.symbol) ||
      compare(one.entry.row.exchange, other.entry.row.exchange),
  );
  order = ranked.map(({ entry }) => entry);
  for (const cell of head.children) {
    const isIt = cell.getAttribute("data-column") === sortBy;
    cell.setAttribute("aria-sort", isIt ? (isDown ? "descending" : "ascending") : "none");
  }
  byId("favourites").setAttribute("aria-pressed", String(isFavouritesOnly));
  byId("pin").setAttribute("aria-pressed", String(isPinned));
  byId("rows").setAttribute("aria-rowcount", String(order.length + 1));
}

/** Why there is nothing yet. */
function waiting() {
  if (now.status === null) return "Connecting ...";
  const seconds = (serverTime() - now.status.started) / 1e6;
  if (now.status.trouble !== null || seconds < PATIENCE_SECONDS) return "Waiting for the first record ...";
  return `No record came for ${spanOf(seconds)}. The producer may not have begun.`;
}

/** @param {Entry} entry */
function rankOf(entry) {
  if (isPinned && entry.row.status !== "live") return 0;
  return favourites.has(entry.key) ? 1 : 2;
}

/** What is not there comes last. @param {number | string | null} one @param {number | string | null} other */
function compare(one, other) {
  if (one === other) return 0;
  if (one === null) return 1;
  if (other === null) return -1;
  return one < other ? -1 : 1;
}

export function draw() {
  if (scroll.clientHeight === 0) return;
  putInOrder();
  const empty = byId("empty");
  empty.hidden = order.length > 0;
  if (!empty.hidden) setText(empty, entries.size ? "Nothing fits the filter. Esc clears it." : waiting());
  const notLive = countNotLive();
  setText(byId("shown"), entries.size === 0 ? "" : `${order.length} of ${entries.size}${notLive ? `, ${notLive} not live` : ""}`);
  const height = rowHeight();
  const count = Math.ceil(scroll.clientHeight / height) + SPARE_ROWS;
  const first = Math.max(0, Math.min(Math.floor(scroll.scrollTop / height) - SPARE_ROWS / 2, order.length - count));
  const shown = order.slice(first, first + count);
  while (lines.length < shown.length) addLine();
  while (lines.length > shown.length) lines.pop()?.row.remove();
  above.style.height = `${first * height}px`;
  below.style.height = `${Math.max(0, order.length - first - shown.length) * height}px`;
  const at = performance.now() / 1000;
  shown.forEach((entry, index) => drawLine(lines[index], entry, first + index, at));
}

function addLine() {
  const row = make("tr");
  const cells = COLUMNS.map((column) => {
    const cell = make("td", { class: column.kind });
    if (column.name === "star") cell.append(make("button", { type: "button", tabindex: "-1" }, "☆"));
    if (column.name === "symbol") cell.append(make("a", { tabindex: "-1" }), make("span", { class: "mark" }));
    if (column.name === "status") cell.append(make("div", {}, ...["is", "reason", "since"].map((name) => make("span", { class: name }))));
    return cell;
  });
  row.append(...cells);
  body.insertBefore(row, below);
  lines.push({ row, cells, key: "" });
}

/** @param {Line} line @param {Entry} entry @param {number} index @param {number} at */
function drawLine(line, entry, index, at) {
  const { row } = entry;
  const isLive = row.status === "live";
  const isUnproven = row.proof === "none";
  if (line.key !== entry.key) {
    line.key = entry.key;
    const [button, link] = [line.cells[0].firstElementChild, line.cells[1].firstElementChild];
    if (link instanceof HTMLAnchorElement) {
      link.href = `#/book/${encodeURIComponent(entry.key)}`;
      setText(link, row.symbol);
    }
    setText(line.cells[2], row.exchange);
    button?.setAttribute("aria-label", `Favourite ${entry.key}`);
    line.row.dataset.key = entry.key;
  }
  line.row.setAttribute("aria-rowindex", String(index + 2));
  const isStar = favourites.has(entry.key);
  const button = /** @type {Element} */ (line.cells[0].firstElementChild);
  setText(button, isStar ? "★" : "☆");
  button.setAttribute("aria-pressed", String(isStar));
  const isSelected = entry.key === selected;
  setClass(line.row, `${isLive ? "live" : "not-live"}${isUnproven ? " unproven" : ""}${isSelected ? " selected" : ""}`);
  if (isSelected) line.row.setAttribute("aria-current", "true");
  else line.row.removeAttribute("aria-current");
  const mark = /** @type {HTMLElement} */ (line.cells[1].lastElementChild);
  setText(mark, isUnproven ? "?" : row.proven_levels === null ? "" : `${row.proven_levels}✓`);
  mark.title = isUnproven ? "Its exchange can prove nothing" : row.proven_levels === null ? "" : "Levels a side that its checksum proves";
  drawStatus(line.cells[STATUS], row);
  if (!isLive) {
    for (const cell of line.cells.slice(FIRST_OF_PRICES)) {
      cell.hidden = true;
      setText(cell, "");
    }
    return;
  }
  const age = row.received_time === null ? null : (serverTime() - row.received_time) / 1e6;
  const texts = [
    size(row.bid_size),
    price(row.bid, entry.places),
    price(row.ask, entry.places),
    size(row.ask_size),
    price(row.mid, entry.places + 1),
    price(row.spread, entry.places),
    bpsText(row),
    entry.rate === null ? "" : entry.rate.toFixed(1),
    age === null ? "" : spanOf(Math.max(0, age)),
  ];
  texts.forEach((text, place) => {
    const cell = line.cells[FIRST_OF_PRICES + place];
    cell.hidden = false;
    setText(cell, text);
    const way = COLUMNS[FIRST_OF_PRICES + place].name;
    setClass(cell, `${COLUMNS[FIRST_OF_PRICES + place].kind}${lengthOf(text)}${moved(entry, way, at)}`);
  });
}

/** Where there is little room the reason is cut, or told by its name, and status and since are kept. @param {HTMLTableCellElement} cell @param {import("./types.js").Row} row */
function drawStatus(cell, row) {
  const isLive = row.status === "live";
  const since = timeOf(row.since);
  const [is, reason, from] = /** @type {HTMLElement} */ (cell.firstElementChild).children;
  setText(is, row.status);
  const cause = row.trouble ?? row.reason;
  is.setAttribute("data-short", isLive || cause === null ? "" : `: ${cause.replaceAll("_", " ")}`);
  setText(reason, isLive ? "" : `${cause === null ? "" : `: ${meaning(cause)}`},`);
  setText(from, isLive ? "" : ` since ${since}`);
  cell.title = isLive ? "" : `${why(row.status, row.trouble ?? row.reason)}, since ${since}`;
  cell.colSpan = isLive ? 1 : statusSpan;
}

/** @param {string | null} text */
function size(text) {
  return text === null ? "–" : trimmed(text);
}

/** @param {import("./types.js").Row} row */
function bpsText({ spread_percent: percent, spread }) {
  if (percent === null || spread === null) return "";
  const bps = trimmed(bpsOf(percent));
  return bps === "0" && /[1-9]/.test(spread) ? `<${leastBps(percent)}` : bps;
}

/** What is less than any other of so many digits. @param {string} percent */
function leastBps(percent) {
  return trimmed(bpsOf(percent.replace(/.$/, "1")));
}

/** Numbers are never cut off: long ones are written smaller. @param {string} text */
function lengthOf(text) {
  return text.length > LONGER ? " longer" : text.length > LONG ? " long" : "";
}

/** With as many digits as its prices have had. @param {string | null} text @param {number} places */
function price(text, places) {
  return text === null ? "–" : padded(text, places);
}

/** @param {Entry} entry @param {string} side @param {number} at */
function moved(entry, side, at) {
  const move = entry.move[side];
  return move !== undefined && at - move.at < MOVE_SECONDS ? ` ${move.way}` : "";
}

function countNotLive() {
  let count = 0;
  for (const { row } of entries.values()) count += Number(row.status !== "live");
  return count;
}

/** What the browser's tab says. */
export function tabTitle() {
  const notLive = countNotLive();
  const title = now.status?.title ?? "Market data";
  return notLive ? `(${notLive} not live) ${title}` : title;
}
