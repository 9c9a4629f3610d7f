/** The venues side by side, asked for once a second while they are looked at. */

import { byId, fill, make, setClass, setText } from "./dom.js";
import { trimmed } from "./decimal.js";
import { timeOf } from "./time.js";

/** @typedef {import("./types.js").Asset} Asset */
/** @typedef {import("./types.js").SymbolView} SymbolView */

const EVERY_MS = 1000;
const TITLES = ["Symbol", "Best bid", "at", "Best ask", "at", "Spread, bps", "Apart, bps", "Each venue's mid, in bps of the best; what takes no part"];
let isShown = false;
let tag = "";

export function start() {
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
  const box = byId("best-body");
  fill(box, assets, newAsset, (node, asset) => {
    setText(node.children[0], asset.asset);
    fill(/** @type {HTMLElement} */ (node.querySelector("tbody")), asset.symbols, newSymbol, drawSymbol);
    fill(
      /** @type {HTMLElement} */ (node.children[2]),
      asset.bases.filter((basis) => basis.mid !== null),
      () => make("li", {}, make("b"), make("span")),
      (line, basis) => {
        setText(line.children[0], `${basis.name} ${basis.mid}`);
        setText(line.children[1], ` on ${basis.exchange}, by ${asset.asset}: ${basis.bid ?? "–"} bid, ${basis.ask ?? "–"} asked`);
      },
    );
  });
}

function newAsset() {
  const head = make("tr", {}, ...TITLES.map((title) => make("th", { scope: "col" }, title)));
  const table = make("table", {}, make("thead", {}, head), make("tbody"));
  return make("section", {}, make("h3"), table, make("ul", { class: "bases", "aria-label": "What quote currencies are worth in each other" }));
}

function newSymbol() {
  return make("tr", {}, make("th", { scope: "row" }), ...TITLES.slice(2).map(() => make("td")), make("td", {}, make("ul")));
}

/** @param {HTMLElement} node @param {SymbolView} view */
function drawSymbol(node, view) {
  const crossing = view.crossing === null ? "" : ` ${view.crossing.kind} since ${timeOf(view.crossing.since)}`;
  setClass(node, view.crossing === null ? "" : view.crossing.kind);
  [
    view.symbol,
    view.bid === null ? "–" : trimmed(view.bid.price),
    view.bid?.exchange ?? "",
    view.ask === null ? "–" : trimmed(view.ask.price),
    view.ask?.exchange ?? "",
    `${view.spread_bps ?? "–"}${crossing}`,
    view.difference_bps ?? "–",
  ].forEach((text, place) => setText(node.children[place], text));
  /** @type {[string, string, boolean][]} */
  const venues = [
    ...view.venues.map((each) => /** @type {[string, string, boolean]} */ ([each.exchange, `${signed(each.from_mid_bps)}${each.proof === "none" ? " ?" : ""}`, true])),
    ...view.excluded.map((each) => /** @type {[string, string, boolean]} */ ([each.exchange, `${each.why} since ${timeOf(each.since)}`, false])),
  ];
  fill(
    /** @type {HTMLElement} */ (node.children[7].firstElementChild),
    venues,
    () => make("li", {}, make("a"), make("span")),
    (line, [exchange, said, isIn]) => {
      setClass(line, isIn ? "" : "excluded");
      const link = /** @type {HTMLAnchorElement} */ (line.children[0]);
      setText(link, exchange);
      link.href = `#/book/${encodeURIComponent(`${exchange}:${view.symbol}`)}`;
      setText(line.children[1], ` ${said}`);
    },
  );
}

/** @param {string | null} bps */
function signed(bps) {
  if (bps === null) return "one-sided";
  return bps.startsWith("-") || bps === "0" ? bps : `+${bps}`;
}
