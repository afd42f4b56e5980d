// The ways of many chains as the server sends them: all states and beliefs, so that time can be scrubbed both ways
// here.

const WORK = 130000; // places times calls in one question, as the server allows
const PLACES = 256;

/** Which chains each question asks for, so that none takes the server long: [{first, n}, ...]. */
export function groupsOf(numbers, tools) {
  const [, height, width] = numbers.event_shape,
    guided = tools.told !== -1 && tools.guidance !== 0 && tools.guidance !== 1 ? 2 : 1;
  const most = Math.max(1, Math.floor(WORK / (Math.max(1, tools.calls) * Math.min(PLACES, height * width) * guided)));
  const groups = [];
  for (let first = 0; first < numbers.n_chains; first += most)
    groups.push({ first, n: Math.min(most, numbers.n_chains - first) });
  return groups;
}

/** A small canvas with the given pictures side by side: bytes (N, C, H, W) from `start` on. */
function toAtlas(values, start, count, shape) {
  const [channels, height, width] = shape,
    area = height * width,
    canvas = new OffscreenCanvas(width * count, height);
  const image = new ImageData(width * count, height),
    { data } = image;
  for (let n = 0; n < count; n++)
    for (let i = 0; i < area; i++) {
      const to = 4 * (Math.floor(i / width) * width * count + n * width + (i % width)),
        from = start + n * channels * area + i;
      for (let c = 0; c < 3; c++) data[to + c] = values[from + (channels === 3 ? c * area : 0)];
      data[to + 3] = 255;
    }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

export class Way {
  constructor(numbers, sampler, request) {
    [this.shape, this.count, this.sampler, this.request] = [numbers.event_shape, numbers.n_chains, sampler, request];
    this.size = this.shape.reduce((a, b) => a * b, 1);
    this.parts = [];
    this.sigmas = [];
    this.atlases = new Map();
  }

  get length() {
    return this.sigmas.length;
  }

  /** One answer of the server: some more chains. */
  add(blob) {
    this.sigmas = Array.from(blob.sigmas.values);
    this.calls = Array.from(blob.calls.values);
    this.parts.push({
      n: blob.states.shape[1],
      states: blob.states.values,
      beliefs: blob.beliefs.values,
      nearest: blob.nearest.values,
      distances: blob.distances.values,
    });
    this.usual = blob.usual.values[0];
    this.atlases.clear();
  }

  get known() {
    return this.parts.reduce((sum, part) => sum + part.n, 0);
  }

  get distances() {
    return this.parts.flatMap((part) => Array.from(part.distances));
  }

  /** Median distance of the ends to the nearest training picture, over that of held-out pictures. */
  get ratio() {
    const sorted = this.distances.sort((a, b) => a - b),
      half = Math.floor((sorted.length - 1) / 2);
    return (sorted[half] ?? NaN) / this.usual;
  }

  /** All chains at a frame ("states", "beliefs"), or "nearest", as one canvas of pictures side by side. */
  atlas(name, frame = 0) {
    const key = `${name}/${frame}`;
    if (!this.atlases.has(key)) {
      const strips = this.parts.map((part) =>
        toAtlas(part[name], name === "nearest" ? 0 : frame * part.n * this.size, part.n, this.shape),
      );
      const [, height, width] = this.shape,
        whole = new OffscreenCanvas(width * this.count, height),
        context = whole.getContext("2d");
      let x = 0;
      for (const strip of strips) {
        context.drawImage(strip, x, 0);
        x += strip.width;
      }
      whole.known = this.known;
      this.atlases.set(key, whole);
    }
    return this.atlases.get(key);
  }

  /** What a belief at this frame is, in words. */
  believes(frame) {
    if (frame === this.length - 1) return "the end: belief and picture are one";
    return frame === 0
      ? "behind so much noise, hardly more than the mean"
      : "the mean of all pictures that could be behind it";
  }
}
