// Numbers as people write them.

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

const MOST_DIGITS = 4; // of a number with its error

/** A number as digits and a power of ten: 32200 -> "3.2·10⁴". */
export function powerText(value, digits = 0) {
  const [mantissa, power] = value.toExponential(digits).split("e");
  return `${mantissa.replace("-", "−")}·10${[...String(+power)].map((sign) => RAISED[sign]).join("")}`;
}

export const minus = (text) => text.replace("-", "\u2212");

/** Nats with as many digits as fit. */
export function nats(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) < 0.5 * 10 ** -digits) value = 0; // never a minus before nought
  return minus(Math.abs(value) >= 1e4 ? powerText(value, 1) : value.toFixed(Math.abs(value) >= 100 ? 1 : digits));
}

/** A number with its standard error, both to the digit in which the error begins: "0.0113 ± 0.0009", "27 ± 1". */
export function withError(value, error) {
  if (Math.abs(value) > 1e4) return `${powerText(value, 1)} ± ${powerText(error, 1)}`;
  const digits = error > 0 ? Math.max(0, Math.min(MOST_DIGITS, -Math.floor(Math.log10(error)))) : MOST_DIGITS;
  return `${minus(value.toFixed(digits))} ± ${error.toFixed(digits)}`;
}
