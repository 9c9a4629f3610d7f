/** Moments as a person reads them; all of them come in as µs since 1970 UTC. */

import { recall, remember } from "./remembered.js";

let isUtc = recall("utc", "no") === "yes";
let formats = make();

function make() {
  const zone = isUtc ? { timeZone: "UTC" } : {};
  return {
    time: new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", ...zone }),
    short: new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", ...zone }),
    day: new Intl.DateTimeFormat("en-CA", { ...zone }),
  };
}

export function switchZone() {
  isUtc = !isUtc;
  remember("utc", isUtc ? "yes" : "no");
  formats = make();
}

export function zoneName() {
  return isUtc ? "UTC" : "local time";
}

/** 12:34:56, with the day where it is another one. @param {number} micros */
export function timeOf(micros) {
  const date = new Date(micros / 1000);
  const day = formats.day.format(date);
  const time = formats.time.format(date);
  return day === formats.day.format(new Date()) ? time : `${day} ${time}`;
}

/** 12:34. @param {number} micros */
export function shortTimeOf(micros) {
  return formats.short.format(new Date(micros / 1000));
}

/** @param {number} seconds */
export function spanOf(seconds) {
  if (seconds < 0) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** @param {number} micros */
export function millisOf(micros) {
  const millis = micros / 1000;
  return Math.abs(millis) < 100 ? `${millis.toFixed(1)} ms` : `${Math.round(millis).toLocaleString("en")} ms`;
}
