/** The connection: opened, watched, opened again. Who hears nothing for a few seconds is told that it is lost. */

import * as store from "./store.js";

const SILENT_MS = 3500;
const REOPEN_MS = 10_000;
const REFUSED_MS = 2000;
const HIDDEN_MS = 60_000;

/** @type {EventSource | null} */
let source = null;
let lastId = "";
let heardAt = performance.now();
let openedAt = 0;
/** @type {string[]} */
let wanted = [];
/** @type {number | null} µs by our clock */
let lostSince = null;
let isAsleep = false;
let why = "";
/** @type {(since: number | null, why: string) => void} */
let onState = () => {};

/** @param {(since: number | null, why: string) => void} listener told when the connection is lost, and null when it is back */
export function connect(listener) {
  onState = listener;
  open();
  setInterval(watch, 500);
  let hiddenAt = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hiddenAt = performance.now();
    else if (isAsleep) {
      isAsleep = false;
      open();
    }
  });
  // a browser allows six connections to a server: those that nobody looks at are let go
  setInterval(() => {
    if (document.hidden && !isAsleep && performance.now() - hiddenAt > HIDDEN_MS) {
      isAsleep = true;
      source?.close();
      lose("asleep while nobody looked");
    }
  }, 5000);
}

/** Have the whole books of these, too. @param {string[]} keys */
export function want(keys) {
  if (keys.join() === wanted.join()) return;
  wanted = keys;
  if (source !== null) open();
}

function open() {
  source?.close();
  const query = new URLSearchParams(wanted.map((key) => ["book", key]));
  if (lastId) query.set("last", lastId);
  const opened = new EventSource(`/stream?${query}`);
  source = opened;
  openedAt = performance.now();
  opened.addEventListener("snapshot", (event) => hear(event, true));
  opened.addEventListener("change", (event) => hear(event, false));
  opened.addEventListener("book", (event) => {
    heardAt = performance.now();
    store.takeBook(JSON.parse(event.data));
  });
  opened.addEventListener("error", () => {
    if (source !== opened) return;
    lose("the server does not answer");
    if (opened.readyState === EventSource.CLOSED) {
      source = null;
      ask();
      setTimeout(() => !isAsleep && source === null && open(), REFUSED_MS);
    }
  });
}

/** @param {MessageEvent<string>} event @param {boolean} isWhole */
function hear(event, isWhole) {
  heardAt = performance.now();
  lastId = event.lastEventId;
  store.take(JSON.parse(event.data), isWhole);
  if (lostSince !== null) {
    [lostSince, why] = [null, ""];
    onState(null, "");
  }
}

/** A refusal has a reason that an EventSource does not tell. */
async function ask() {
  const cancel = new AbortController();
  try {
    const answer = await fetch(`/stream?${new URLSearchParams(wanted.map((key) => ["book", key]))}`, { signal: cancel.signal });
    if (answer.status === 400) wanted = []; // it knows no such names: all else can be had
    if (!answer.ok) lose((await answer.json()).detail);
  } catch {
    // nobody is there: that is said already
  } finally {
    cancel.abort();
  }
}

function watch() {
  const silent = performance.now() - Math.max(heardAt, openedAt);
  if (isAsleep) return;
  if (performance.now() - heardAt > SILENT_MS) lose(why || "nothing is heard from the server");
  if (silent > REOPEN_MS) open();
}

/** @param {string} reason */
function lose(reason) {
  why = reason;
  lostSince ??= Date.now() * 1000;
  onState(lostSince, why);
}
