/** What stands where: views by the address, keys, and when pictures are drawn. */

import * as best from "./best.js";
import * as detail from "./detail.js";
import { byId, make, setText } from "./dom.js";
import * as ladder from "./ladder.js";
import { now, onChange } from "./store.js";
import { connect, want } from "./stream.js";
import { switchZone, timeOf, zoneName } from "./time.js";
import * as venues from "./venues.js";
import * as watchlist from "./watchlist.js";
import { REASONS, STATUSES } from "./words.js";

const PICTURE_MS = 95;
const IDLE_MS = 1000;
const help = /** @type {HTMLDialogElement} */ (byId("help"));
const filter = byId("filter");
let view = "list";
let isPlanned = false;
let drawnAt = 0;
/** For whoever measures: how many pictures were drawn. */
const counted = { pictures: 0 };
Object.assign(globalThis, { marketData: counted });

function route() {
  const [, name, key] = location.hash.split("/");
  const asked = name === "book" ? keyOf(key ?? "") : null;
  view = asked !== null || ["best", "venues"].includes(name) ? name : "list";
  const shown = view === "book" ? asked : null;
  for (const [id, of] of Object.entries({ detail: "book", best: "best", venues: "venues" })) byId(id).hidden = of !== view;
  document.body.dataset.view = view;
  for (const link of document.querySelectorAll("nav a")) {
    const isIt = link.getAttribute("data-view") === (view === "book" ? "list" : view);
    if (isIt) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (shown !== null) watchlist.select(shown);
  want(shown ? [shown] : []);
  detail.show(shown);
  best.show(view === "best");
  drawSoon();
}

/** Read an instrument's key out of the address; null where there is none. @param {string} text */
function keyOf(text) {
  try {
    const key = decodeURIComponent(text);
    return /^[a-z][a-z0-9_]*:[^\s:/]+-[^\s:/]+$/u.test(key) ? key : null;
  } catch {
    return null; // no text at all
  }
}

function drawSoon() {
  if (isPlanned) return;
  isPlanned = true;
  const wait = PICTURE_MS - (performance.now() - drawnAt);
  if (wait > 0) setTimeout(() => requestAnimationFrame(draw), wait);
  else requestAnimationFrame(draw);
}

function draw() {
  isPlanned = false;
  drawnAt = performance.now();
  counted.pictures += 1;
  if (now.status !== null) {
    document.body.classList.remove("starting");
    setText(byId("title"), now.status.title);
  }
  setText(byId("clock"), `${timeOf(Date.now() * 1000)} ${zoneName()}`);
  venues.drawStrip();
  watchlist.draw();
  if (view === "book") detail.draw();
  if (view === "venues") venues.drawVenues();
  const title = watchlist.tabTitle();
  if (document.title !== title) document.title = title;
}

/** @param {number | null} since @param {string} why */
function onConnection(since, why) {
  const box = byId("lost");
  document.body.classList.toggle("lost", since !== null);
  box.hidden = since === null;
  if (since !== null) setText(box, `Connection lost since ${timeOf(since)}: ${why}. What you see is old. Trying again ...`);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  const isTyping = event.target === filter;
  if (isTyping && !["Escape", "Enter", "ArrowDown", "ArrowUp"].includes(event.key)) return;
  const act = isTyping ? whileTyping(event.key) : KEYS[event.key];
  if (act === undefined) return;
  if (event.key === "Enter" && event.target instanceof HTMLElement && event.target.matches("a, button, summary")) return;
  event.preventDefault();
  act();
}

/** @param {string} key @returns {(() => void) | undefined} */
function whileTyping(key) {
  if (key === "Escape") {
    return () => {
      watchlist.clearFilter();
      byId("scroll").focus();
    };
  }
  if (key === "Enter") {
    return () => {
      byId("scroll").focus();
      watchlist.move(0);
    };
  }
  return KEYS[key];
}

/** In the list, or in the ladder of the instrument that is open. @param {number} by */
function move(by) {
  if (view === "book" && !(document.activeElement === byId("scroll") || document.activeElement === filter)) ladder.move(by);
  else if (view === "list" || view === "book") watchlist.move(by);
}

/** Go there at once: what is typed next is meant for it. @param {string} hash */
function visit(hash) {
  location.hash = hash;
  route();
}

/** @param {string} hash */
const go = (hash) => () => visit(hash);

/** @type {Object<string, () => void>} */
const KEYS = {
  1: go("#/"),
  2: go("#/best"),
  3: go("#/venues"),
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  PageDown: () => move(watchlist.page()),
  PageUp: () => move(-watchlist.page()),
  Home: () => move(-1e6),
  End: () => move(1e6),
  Enter: watchlist.openSelected,
  f: watchlist.star,
  p: watchlist.pin,
  n: watchlist.pin,
  u: () => {
    switchZone();
    detail.again();
    drawSoon();
  },
  "/": () => {
    if (view !== "list") visit("#/");
    filter.focus();
  },
  "?": () => help.showModal(),
  Escape: () => {
    if (view !== "list") visit("#/");
    else watchlist.clearFilter();
    byId("scroll").focus();
  },
};

watchlist.start();
detail.start();
best.start();
venues.start((venue) => {
  location.hash = "#/";
  watchlist.setFilter(venue);
});
for (const [id, words] of Object.entries({ statuses: STATUSES, reasons: REASONS })) {
  byId(id).append(...Object.entries(words).flatMap(([word, said]) => [make("dt", {}, word), make("dd", {}, said)]));
}
byId("help-button").addEventListener("click", () => help.showModal());
addEventListener("hashchange", route);
addEventListener("keydown", onKey);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", detail.again);
onChange(drawSoon);
route();
connect(onConnection);
setInterval(drawSoon, IDLE_MS); // ages go on where nothing comes
