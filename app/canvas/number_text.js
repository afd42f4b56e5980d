// Numbers as people write them.

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

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
