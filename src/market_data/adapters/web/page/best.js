/** The venues side by side, asked for once a second while they are looked at. */

import { padded } from "./decimal.js";
import { byId, fill, make, setClass, setText } from "./dom.js";
import { entries, keyOf } from "./store.js";
import { timeOf } from "./time.js";

/** @typedef {import("./types.js").Asset} Asset */
/** @typedef {import("./types.js").SymbolView} SymbolView */

const EVERY_MS = 1000;
const TITLES = ["Symbol", "Best bid", "Best ask", "Spread, bps", "Venues apart, bps"];
const box = byId("best-body");
const head = make("tr", {}, ...TITLES.map((title) => make("th", { scope: "col" }, title)));
const table = make("table", { hidden: "" }, make("thead", {}, head));
const bases = make("ul", { class: "bases", "aria-label": "What quote currencies are worth in each other" });
const none = make("p", { class: "none" }, "Asking ...");
/** @type {HTMLTableSectionElement[]} */
const bodies = [];
let isShown = false;
let tag = "";

export function start() {
  box.append(table, bases, none);
  setInterval(ask, EVERY_MS);
}

/** @param {boolean} is */
export function show(is) {
  isShown = is;
  if (is) ask();
}

async function ask() {
  if (!isShown || document.hidden) return;
  try {
    const answer = await fetch("/api/best", {
      cache: "no-store",
      headers: tag ? { "If-None-Match": tag } : {},
      signal: AbortSignal.timeout(5000),
    });
    if (!answer.ok) return;
    tag = answer.headers.get("ETag") ?? "";
    draw((await answer.json()).assets);
  } catch {
    // the stream says that the connection is lost
  }
}

/** @param {Asset[]} assets */
function draw(assets) {
  const symbols = assets.flatMap((asset) => asset.symbols);
  none.hidden = symbols.length > 0;
  setText(none, entries.size ? "No asset is quoted twice." : "Waiting for the first record ...");
  table.hidden = symbols.length === 0;
  while (bodies.length > symbols.length) bodies.pop()?.remove();
  while (bodies.length < symbols.length) {
    const body = newSymbol();
    bodies.push(body);
    table.append(body);
  }
  symbols.forEach((view, index) => drawSymbol(bodies[index], view));
  const told = assets.flatMap(({ asset, bases: found }) => found.map((basis) => ({ asset, basis })));
  fill(
    bases,
    told.filter(({ basis }) => basis.mid !== null),
    () => make("li", {}, make("b"), make("span")),
    (line, { asset, basis }) => {
      setText(line.children[0], `${basis.name} ${basis.mid}`);
      setText(line.children[1], ` on ${basis.exchange}, by ${asset}: ${basis.bid ?? "–"} bid, ${basis.ask ?? "–"} asked`);
    },
  );
}

function newSymbol() {
  const side = () => make("td", {}, make("b"), make("small"));
  const spread = make("td", {}, make("b"), make("small"));
  const best = make("tr", {}, make("th", { scope: "row" }), side(), side(), spread, make("td"));
  return make("tbody", {}, best);
}

function newVenue() {
  const mark = make("b", { class: "unproven" });
  return make("tr", {}, make("th", { scope: "row" }, make("a"), " ", mark), make("td"), make("td"), make("td"), make("td"));
}

/** @param {HTMLElement} body @param {SymbolView} view */
function drawSymbol(body, view) {
  const [symbol, bid, ask, spread, apart] = body.children[0].children;
  setClass(body, view.crossing?.kind ?? "");
  setText(symbol, view.symbol);
  drawSide(bid, view.bid, view.symbol);
  drawSide(ask, view.ask, view.symbol);
  setText(spread.children[0], view.spread_bps ?? "–");
  setText(spread.children[1], view.crossing === null ? "" : `${view.crossing.kind} since ${timeOf(view.crossing.since)}`);
  setText(apart, view.difference_bps ?? "–");
  const count = view.venues.length + view.excluded.length;
  while (body.children.length > count + 1) body.lastElementChild?.remove();
  while (body.children.length < count + 1) body.append(newVenue());
  view.venues.forEach((venue, index) => drawVenue(body.children[index + 1], venue, view));
  view.excluded.forEach((venue, index) => drawExcluded(body.children[view.venues.length + index + 1], venue, view));
}

/** @param {Element} line @param {string} exchange @param {string} symbol @param {boolean} isUnproven */
function drawName(line, exchange, symbol, isUnproven) {
  const [link, mark] = line.children[0].children;
  setText(link, exchange);
  /** @type {HTMLAnchorElement} */ (link).href = `#/book/${encodeURIComponent(keyOf(exchange, symbol))}`;
  setText(mark, isUnproven ? "?" : "");
}

/** @param {Element} line @param {SymbolView["venues"][0]} venue @param {SymbolView} view */
function drawVenue(line, venue, view) {
  setClass(line, "venue");
  drawName(line, venue.exchange, view.symbol, venue.proof === "none");
  const [bid, ask, middle, away] = /** @type {HTMLTableCellElement[]} */ ([...line.children].slice(1));
  const places = entries.get(keyOf(venue.exchange, view.symbol))?.places ?? 0;
  bid.colSpan = 1;
  for (const cell of [ask, middle, away]) cell.hidden = false;
  setText(bid, venue.bid === null ? "–" : padded(venue.bid, places));
  setText(ask, venue.ask === null ? "–" : padded(venue.ask, places));
  setClass(bid, venue.exchange === view.bid?.exchange ? "best" : "");
  setClass(ask, venue.exchange === view.ask?.exchange ? "best" : "");
  setText(middle, "");
  setText(away, venue.from_mid_bps === null ? "one side only" : `mid ${signed(venue.from_mid_bps)}`);
}

/** @param {Element} line @param {SymbolView["excluded"][0]} venue @param {SymbolView} view */
function drawExcluded(line, venue, view) {
  setClass(line, "venue");
  drawName(line, venue.exchange, view.symbol, false);
  const [why, ...others] = /** @type {HTMLTableCellElement[]} */ ([...line.children].slice(1));
  why.colSpan = others.length + 1;
  for (const cell of others) {
    cell.hidden = true;
    setText(cell, "");
  }
  setClass(why, "why");
  setText(why, `left out: ${venue.why}, since ${timeOf(venue.since)}`);
}

/** @param {Element} cell @param {SymbolView["bid"]} side @param {string} symbol */
function drawSide(cell, side, symbol) {
  const places = side === null ? 0 : (entries.get(keyOf(side.exchange, symbol))?.places ?? 0);
  setText(cell.children[0], side === null ? "–" : padded(side.price, places));
  setText(cell.children[1], side === null ? "" : side.exchange);
}

/** @param {string} bps */
function signed(bps) {
  return `${bps.startsWith("-") || bps === "0" ? "" : "+"}${bps}`;
}
