/** The last fifteen minutes of one instrument, asked for every few seconds: the server keeps them, gaps and all. */

const EVERY_MS = 3000;
const WINDOW = 900e6;

/** @typedef {(number[] | null)[]} Columns price, size, price, size, ...; sizes of bids below zero */
/** @typedef {[number, number, number, number]} Bucket lowest and highest mid, spread in basis points, 1: there all the time */
/** @typedef {{depth: {first: number, seconds: number, columns: Columns}, mid: {first: number, seconds: number, buckets: (Bucket | null)[]}}} History */

/** @type {{key: string, history: History | null, version: number}} */
export const past = { key: "", history: null, version: 0 };
let isAsking = false;

/** @param {(key: string) => void} onNews */
export function start(onNews) {
  setInterval(() => ask(onNews), EVERY_MS);
}

/** @param {string | null} key @param {(key: string) => void} onNews */
export function follow(key, onNews) {
  if (past.key === (key ?? "")) return;
  [past.key, past.history] = [key ?? "", null];
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
    const path = `/api/history/${encodeURIComponent(exchange)}/${encodeURIComponent(symbol)}`;
    const had = past.history;
    const answer = await fetch(`${path}?since=${had === null ? 0 : endOf(had)}`, {
      cache: "no-store",
      signal: AbortSignal.timeout(10_000),
    });
    const news = answer.ok ? await answer.json() : null;
    if (news !== null && key === past.key && past.history === had) {
      past.history = had === null ? news : { depth: joined(had.depth, news.depth, "columns"), mid: joined(had.mid, news.mid, "buckets") };
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

/** From when on there is something new: the last second and the last column were not over. @param {History} history */
function endOf({ mid, depth }) {
  return Math.min(mid.first + (mid.buckets.length - 1) * mid.seconds * 1e6, depth.first + depth.columns.length * depth.seconds * 1e6);
}

/**
 * Put what is new behind what is known, in the place of what it overlaps; the window moves on.
 *
 * @template {{first: number, seconds: number}} T
 * @param {T} had @param {T} news @param {keyof T} name @returns {T}
 */
function joined(had, news, name) {
  const step = had.seconds * 1e6;
  const [old, young] = /** @type {unknown[][]} */ ([had[name], news[name]]);
  const kept = old.slice(0, Math.max(0, Math.round((news.first - had.first) / step)));
  while (had.first + kept.length * step < news.first) kept.push(null);
  const all = [...kept, ...young];
  const over = Math.max(0, all.length - Math.round(WINDOW / step));
  return { ...had, first: had.first + over * step, [name]: all.slice(over) };
}
