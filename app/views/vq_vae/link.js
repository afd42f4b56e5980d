// Both maps of codes as the text that stands in a link: two characters a code, the coarse map first.

const BASE = 36;

export const toText = (maps) =>
  maps
    .flat()
    .map((code) => code.toString(BASE).padStart(2, "0"))
    .join("");

/** Both maps again, of which the coarse one has so many codes. */
export function fromText(text, nCoarse) {
  const codes = text.match(/../g).map((two) => parseInt(two, BASE));
  return [codes.slice(0, nCoarse), codes.slice(nCoarse)];
}
