// Numbers as people write them.

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** A number as digits and a power of ten: 32200 -> "3.2·10⁴". */
export function powerText(value, digits = 0) {
  const [mantissa, power] = value.toExponential(digits).split("e");
  return `${mantissa.replace("-", "−")}·10${[...String(+power)].map((sign) => RAISED[sign]).join("")}`;
}
