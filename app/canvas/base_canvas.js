// What every canvas does the same way: a loop of frames, its size, colours as CSS variables, its font, and links.

/**
 * Call owner's frame(now) at each frame of the screen and resized() when an element gets another size, until
 * `stopFrames`.
 */
export function startFrames(owner, root, { frame, resized }) {
  const loop = (now) => {
    frame(now);
    owner.raf = requestAnimationFrame(loop);
  };
  owner.raf = requestAnimationFrame(loop);
  owner.resizing = new ResizeObserver(resized);
  owner.resizing.observe(root);
}

/** The usual loop: owner's tick(now) at each frame, and paint() where something changed; all anew in another size. */
export function startPainting(owner, root) {
  startFrames(owner, root, {
    frame: (now) => {
      owner.tick(now);
      if (owner.isDirty && owner.colours) owner.paint();
    },
    resized: () => {
      owner.isDirty = true;
    },
  });
}

export function stopFrames(owner) {
  cancelAnimationFrame(owner.raf);
  owner.resizing.disconnect();
}

/** Colours by role as CSS variables, --data and so on, of an element and all in it. */
export function setColours(root, colours) {
  root.style.cssText = Object.entries(colours)
    .map(([role, colour]) => `--${role}:${colour}`)
    .join(";");
}

/** A font for a canvas's own words: size and style as in CSS, "600 11px", in the page's family. */
export const fontOf = (canvas, style = "11px") => `${style} ${getComputedStyle(canvas).fontFamily}`;

/** The page's address with other parameters: name -> value; null and undefined take one away. */
export function linkWith(parameters) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(parameters))
    if (value === null || value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  return url.href;
}

/** What differs from what is usual, for `linkWith`: the rest is null. */
export const unusual = (place, usual) =>
  Object.fromEntries(
    Object.entries(place).map(([name, value]) => [name, String(value) === String(usual[name]) ? null : value]),
  );

/** The page's address once it has written there what was just told. */
export async function linkSoon() {
  await new Promise((done) => setTimeout(done, 400));
  return location.href;
}

/** Copy a link, or show it where a browser has no clipboard, outside of https and localhost; whether it was copied. */
export async function copied(href) {
  try {
    await navigator.clipboard.writeText(href);
    return true;
  } catch {
    prompt("Copy this link:", href);
    return false;
  }
}
