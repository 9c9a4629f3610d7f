/** When what was live and when not: as a table, and by venue as a picture. */

import { MARGIN, begin, line, timeAxis, windowOf } from "./canvas.js";
import { make, setText } from "./dom.js";
import { entries, losses, serverTime, why } from "./store.js";
import { spanOf, timeOf } from "./time.js";

/** @typedef {import("./types.js").Loss} Loss */

const SHOWN = 200;

/**
 * @param {HTMLElement} box @param {string | null} key of one instrument; null: of all
 */
export function drawLosses(box, key) {
  const found = losses.filter((loss) => key === null || `${loss.exchange}:${loss.symbol}` === key);
  const mark = `${found.length} ${found.at(-1)?.since} ${timeOf(0)}`;
  if (box.dataset.mark !== mark) {
    box.dataset.mark = mark;
    /** @type {Map<string, Loss>} */
    const after = new Map();
    const rows = [];
    for (const loss of found.toReversed()) {
      const of = `${loss.exchange}:${loss.symbol}`;
      const next = after.get(of);
      after.set(of, loss);
      if (rows.length < SHOWN) rows.push(rowOf(loss, next, key === null));
    }
    const titles = ["When", ...(key === null ? ["Instrument"] : []), "Status", "For"];
    box.replaceChildren(
      found.length
        ? make(
            "table",
            { class: "losses" },
            make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)))),
            make("tbody", {}, ...rows),
          )
        : make("p", { class: "none" }, "Nothing was seen yet."),
    );
  }
  for (const cell of box.querySelectorAll("td[data-since]")) {
    setText(cell, spanOf(Math.max(0, (serverTime() - Number(cell.getAttribute("data-since"))) / 1e6)));
  }
}

/** @param {Loss} loss @param {Loss | undefined} next @param {boolean} isNamed */
function rowOf(loss, next, isNamed) {
  const name = make("a", { href: `#/book/${encodeURIComponent(`${loss.exchange}:${loss.symbol}`)}` }, `${loss.exchange} ${loss.symbol}`);
  const open = { "data-since": String(loss.since) };
  return make(
    "tr",
    { class: loss.status === "live" ? "live" : "not-live" },
    make("td", {}, timeOf(loss.since)),
    ...(isNamed ? [make("td", {}, name)] : []),
    make("td", {}, loss.status === "live" ? (isFirst(loss) ? "live" : "live again") : why(loss.status, loss.trouble ?? loss.reason)),
    next ? make("td", {}, spanOf(Math.max(0, (next.since - loss.since) / 1e6))) : make("td", open),
  );
}

/** @param {Loss} loss */
function isFirst(loss) {
  return loss.was === null || (loss.was === "syncing" && !losses.some((each) => each.status === "live" && each.since < loss.since && each.symbol === loss.symbol && each.exchange === loss.exchange));
}

/** @param {HTMLCanvasElement} canvas @param {string} exchange @param {boolean} isLast */
export function drawTimeline(canvas, exchange, isLast) {
  const picture = begin(canvas);
  if (picture === null) return;
  const { context, width, height, color } = picture;
  const [from, to] = windowOf(serverTime(), Math.min(...losses.map((loss) => loss.since)));
  timeAxis(picture, from, to, isLast);
  const [left, right, bottom] = [MARGIN.left, width - MARGIN.right, height - MARGIN.bottom];
  /** @param {number} at */
  const x = (at) => Math.max(left, left + ((at - from) / (to - from)) * (right - left));
  const marks = steps(exchange, from);
  let [live, all, at] = [0, 0, from];
  const draw = (/** @type {number} */ until) => {
    if (all === 0 || until <= from) return;
    const share = live / all;
    const [begins, ends] = [x(at), Math.max(x(until), x(at) + 1)];
    context.fillStyle = color("live-fill");
    context.fillRect(begins, bottom - share * (bottom - MARGIN.top), ends - begins, share * (bottom - MARGIN.top));
    context.fillStyle = color("bad");
    context.fillRect(begins, MARGIN.top, ends - begins, (1 - share) * (bottom - MARGIN.top));
  };
  for (const step of marks) {
    draw(step.at);
    [live, all, at] = [live + step.live, all + step.all, Math.max(from, step.at)];
  }
  draw(to);
  context.strokeStyle = color("grid");
  line(context, left, bottom + 0.5, right, bottom + 0.5);
}

/** How the count of live ones changed. @param {string} exchange @param {number} from */
function steps(exchange, from) {
  /** @type {Map<string, string>} */
  const before = new Map();
  const found = [];
  const of = losses.filter((loss) => loss.exchange === exchange).sort((one, other) => one.since - other.since);
  for (const loss of of) {
    const was = before.get(loss.symbol);
    before.set(loss.symbol, loss.status);
    const live = Number(loss.status === "live") - Number(was === "live");
    found.push({ at: Math.max(from, loss.since), live, all: was === undefined ? 1 : 0 });
  }
  return found;
}

/** How many of a venue's instruments are live. */
export function venues() {
  /** @type {Map<string, {name: string, live: number, all: number, worst: string, since: number}>} */
  const found = new Map();
  for (const { row } of entries.values()) {
    const venue = found.get(row.exchange) ?? { name: row.exchange, live: 0, all: 0, worst: "", since: 0 };
    found.set(row.exchange, venue);
    venue.all += 1;
    if (row.status === "live") venue.live += 1;
    else if (row.since > venue.since) [venue.worst, venue.since] = [why(row.status, row.trouble ?? row.reason), row.since];
  }
  return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
}
