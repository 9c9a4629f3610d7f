/** The strip of venues above all, and the view that says more of them. */

import { byId, fill, make, setClass, setText } from "./dom.js";
import { drawLosses, drawTimeline, venues } from "./losses.js";
import { now } from "./store.js";
import { millisOf, spanOf, timeOf } from "./time.js";

/** @param {(venue: string) => void} onVenue */
export function start(onVenue) {
  byId("strip").addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("button");
    if (button) onVenue(button.getAttribute("data-venue") ?? "");
  });
}

export function drawStrip() {
  fill(
    byId("strip"),
    venues(),
    () => make("li", {}, make("button", { type: "button" })),
    (node, venue) => {
      const button = /** @type {HTMLElement} */ (node.firstElementChild);
      setClass(button, venue.live === venue.all ? "live" : venue.live === 0 ? "dead" : "partly");
      setText(button, `${venue.name} ${venue.live}/${venue.all}`);
      button.setAttribute("data-venue", venue.name);
      button.title = venue.worst ? `${venue.worst}, since ${timeOf(venue.since)}` : "all live";
    },
  );
  const { status } = now;
  if (status === null) return;
  const { proof } = status;
  const counts = `${proof.holes} missing, ${proof.doubled} doubled, ${proof.out_of_order} out of order`;
  const box = byId("proof");
  setClass(box, proof.is_proven ? "" : "bad");
  setText(
    box,
    `${proof.is_proven ? "order proven" : "ORDER NOT PROVEN"}: ${counts} of ${status.records.toLocaleString("en")}` +
      `${status.lag ? `, ${status.lag.toLocaleString("en")} behind` : ""}`,
  );
  const trouble = byId("trouble");
  trouble.hidden = status.trouble === null;
  if (status.trouble) {
    const since = timeOf(status.now - status.trouble.seconds * 1e6);
    setText(trouble, `${status.trouble.what} since ${since}: what is shown is what was known then`);
  }
}

export function drawVenues() {
  const all = venues();
  fill(
    byId("timeline"),
    all,
    () => make("div", { class: "lane" }, make("span"), make("canvas", { role: "img" })),
    (node, venue, index) => {
      setText(node.children[0], `${venue.name} ${venue.live}/${venue.all}`);
      const canvas = /** @type {HTMLCanvasElement} */ (node.children[1]);
      canvas.setAttribute("aria-label", `${venue.name}: ${venue.live} of ${venue.all} live now; the losses below say when they were not`);
      drawTimeline(canvas, venue.name, index === all.length - 1);
    },
  );
  const { status } = now;
  if (status !== null) {
    table(
      byId("hops"),
      ["Venue", "Exchange to producer, median", "99 %", "Producer to here, median", "99 %", "Records"],
      status.hops.map((hop) => [
        hop.exchange,
        ...quantiles(hop.event_to_received),
        ...quantiles(hop.received_to_seen),
        String(hop.received_to_seen?.count ?? 0),
      ]),
    );
    const { proof } = status;
    table(
      byId("order"),
      ["What", "Count"],
      [
        ["Records read", status.records.toLocaleString("en")],
        ["Missing", String(proof.holes)],
        ["Doubled", String(proof.doubled)],
        ["Out of order", String(proof.out_of_order)],
        ["Of another producer, left out", String(proof.foreign)],
        ["Times an older producer was followed again", String(proof.returns)],
        ["Records behind", status.lag === null ? "–" : String(status.lag)],
        ["Read from", status.source],
        ["Reading since", `${timeOf(status.started)} (${spanOf((status.now - status.started) / 1e6)})`],
        ["Pages looking", String(status.clients)],
        ["Version", status.version],
      ],
    );
  }
  drawLosses(byId("losses"), null);
}

/** @param {import("./types.js").Quantiles | null} of */
function quantiles(of) {
  return of === null ? ["–", "–"] : [millisOf(of.p50), millisOf(of.p99)];
}

/** @param {HTMLElement} box @param {string[]} titles @param {string[][]} rows */
export function table(box, titles, rows) {
  if (box.firstElementChild === null) {
    const head = make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)));
    box.append(make("table", {}, make("thead", {}, head), make("tbody")));
  }
  fill(
    /** @type {HTMLElement} */ (box.querySelector("tbody")),
    rows,
    () => make("tr"),
    (node, row) => fill(node, row, () => make("td"), (cell, text) => setText(cell, text)),
  );
}
