/**
 * Exact decimal numbers: what is shown as a number has never been a float.
 *
 * @typedef {{digits: bigint, scale: number}} Decimal value = digits / 10 ** scale
 */

/** @param {string} text @returns {Decimal} */
export function decimal(text) {
  const at = text.indexOf(".");
  if (at < 0) return { digits: BigInt(text), scale: 0 };
  return { digits: BigInt(text.slice(0, at) + text.slice(at + 1)), scale: text.length - at - 1 };
}

/** @param {Decimal} one @param {number} scale */
function scaled(one, scale) {
  return one.digits * 10n ** BigInt(scale - one.scale);
}

/** @param {Decimal} one @param {Decimal} other @returns {Decimal} */
export function plus(one, other) {
  const scale = Math.max(one.scale, other.scale);
  return { digits: scaled(one, scale) + scaled(other, scale), scale };
}

/** @param {Decimal} one @param {Decimal} other @returns {Decimal} */
export function minus(one, other) {
  return plus(one, { digits: -other.digits, scale: other.scale });
}

/** @param {Decimal} one @param {Decimal} other @returns {Decimal} */
export function times(one, other) {
  return { digits: one.digits * other.digits, scale: one.scale + other.scale };
}

/**
 * Divide, rounded to so many digits after the point, halves away from zero.
 *
 * @param {Decimal} one @param {Decimal} other @param {number} scale @returns {Decimal}
 */
export function over(one, other, scale) {
  const above = one.digits * 10n ** BigInt(scale + other.scale);
  const below = other.digits * 10n ** BigInt(one.scale);
  const isNegative = above < 0n !== below < 0n;
  const [top, bottom] = [above < 0n ? -above : above, below < 0n ? -below : below];
  const digits = (2n * top + bottom) / (2n * bottom);
  return { digits: isNegative ? -digits : digits, scale };
}

/** @param {Decimal} one @returns {string} */
export function text(one) {
  const digits = (one.digits < 0n ? -one.digits : one.digits).toString().padStart(one.scale + 1, "0");
  const sign = one.digits < 0n ? "-" : "";
  if (one.scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -one.scale)}.${digits.slice(-one.scale)}`;
}

/** Take away zeros that say nothing. @param {string} number */
export function trimmed(number) {
  if (!number.includes(".")) return number;
  return number.replace(/\.?0+$/, "");
}

/** How many digits after the point say something. @param {string} number */
export function decimals(number) {
  const short = trimmed(number);
  const at = short.indexOf(".");
  return at < 0 ? 0 : short.length - at - 1;
}

/** Write a number with at least so many digits after the point; none that says something is lost.
 * @param {string} number @param {number} places */
export function padded(number, places) {
  const short = trimmed(number);
  const have = decimals(short);
  if (have >= places) return short;
  return (have ? short : `${short}.`) + "0".repeat(places - have);
}

/** Percent to basis points, exactly. @param {string} percent */
export function bpsOf(percent) {
  return text(times(decimal(percent), decimal("100")));
}
