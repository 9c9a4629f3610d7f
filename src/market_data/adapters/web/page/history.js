/** The last fifteen minutes of one instrument, asked for every few seconds: the server keeps them, gaps and all. */

const EVERY_MS = 3000;

/** @typedef {(number[] | null)[]} Columns price, size, price, size, ...; sizes of bids below zero */
/** @typedef {{second: number, low: number, high: number, spread_bps: number, is_whole: boolean}} Bucket */
/** @typedef {{depth: {first: number, seconds: number, columns: Columns}, mid: {first: number, seconds: number, buckets: (Bucket | null)[]}}} History */

/** @type {{key: string, history: History | null, version: number}} */
export const past = { key: "", history: null, version: 0 };
let tag = "";
let isAsking = false;

/** @param {(key: string) => void} onNews */
export function start(onNews) {
  setInterval(() => ask(onNews), EVERY_MS);
}

/** @param {string | null} key @param {(key: string) => void} onNews */
export function follow(key, onNews) {
  if (past.key === (key ?? "")) return;
  [past.key, past.history, tag] = [key ?? "", null, ""];
  past.version += 1;
  ask(onNews);
}

/** @param {(key: string) => void} onNews */
async function ask(onNews) {
  const { key } = past;
  if (!key || document.hidden || isAsking) return;
  isAsking = true;
  try {
    const [exchange, symbol] = key.split(":");
    const answer = await fetch(`/api/history/${encodeURIComponent(exchange)}/${encodeURIComponent(symbol)}`, {
      cache: "no-store",
      headers: tag ? { "If-None-Match": tag } : {},
      signal: AbortSignal.timeout(10_000),
    });
    if (answer.ok && key === past.key) {
      tag = answer.headers.get("ETag") ?? "";
      past.history = await answer.json();
      past.version += 1;
      onNews(key);
    }
  } catch {
    // the stream says that the connection is lost
  } finally {
    isAsking = false;
    if (past.key !== key) ask(onNews);
  }
}
