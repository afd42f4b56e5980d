// Keys on everything that slides: arrows take one step, page keys ten, Home and End go to the ends.

const STEPS = {
  ArrowLeft: -1,
  ArrowDown: -1,
  ArrowRight: 1,
  ArrowUp: 1,
  PageDown: -10,
  PageUp: 10,
  Home: -Infinity,
  End: Infinity,
};

const between = (value, low, high) => Math.min(high, Math.max(low, value));

/** How many steps a key goes; undefined for any other key, and for a shortcut of the browser. */
export const stepsOf = ({ key, altKey, ctrlKey, metaKey }) => (altKey || ctrlKey || metaKey ? undefined : STEPS[key]);

/** Where a key takes a counter from low to high; null for any other key. */
export function keyedTo(event, at, low, high) {
  const by = stepsOf(event);
  return by === undefined ? null : between(at + by, low, high);
}

/**
 * Give a range input its keys. A slider whose own steps are finer than the value that it stands for (even in the
 * logarithm, rounded) sets `input.reading`, which says that value as it is read: a step of a key goes on until it is
 * another one.
 */
export function takeKeys(input) {
  input.addEventListener("keydown", (event) => {
    const by = stepsOf(event);
    if (by === undefined || input.disabled) return;
    event.preventDefault();
    const before = input.value;
    for (let left = Math.min(Math.abs(by), 10); left > 0; left--)
      toNext(input, Math.sign(by), Math.abs(by) === Infinity);
    if (input.value === before) return;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

function toNext(input, sign, isToEnd) {
  const end = sign > 0 ? +input.max : +input.min,
    step = +input.step || 1,
    reading = () => input.reading?.() ?? input.value;
  if (isToEnd) input.value = end;
  const before = reading(),
    from = +input.value;
  for (let k = 1; reading() === before && +input.value !== end; k++)
    input.value = between(from + sign * k * step, +input.min, +input.max);
}
