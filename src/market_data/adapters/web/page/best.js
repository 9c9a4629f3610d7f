/** The best prices across venues, asked for once a second while they are looked at. */

import { byId, make } from "./dom.js";
import { table } from "./venues.js";

const EVERY_MS = 1000;
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
    const answer = await fetch("/api/best", { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {}, signal: AbortSignal.timeout(5000) });
    if (!answer.ok) return;
    tag = answer.headers.get("ETag") ?? "";
    draw(await answer.json());
  } catch {
    // the stream says that the connection is lost
  }
}

/** @param {{symbols: {symbol: string, bid: {exchange: string, price: string} | null, ask: {exchange: string, price: string} | null}[]}} best */
function draw(best) {
  const box = byId("best-body");
  if (best.symbols.length === 0) {
    box.replaceChildren(make("p", { class: "none" }, "No symbol is live on two venues now."));
    return;
  }
  if (box.querySelector("table") === null) box.replaceChildren();
  table(
    box,
    ["Symbol", "Best bid", "at", "Best ask", "at"],
    best.symbols.map((each) => [each.symbol, each.bid?.price ?? "–", each.bid?.exchange ?? "", each.ask?.price ?? "–", each.ask?.exchange ?? ""]),
  );
}
