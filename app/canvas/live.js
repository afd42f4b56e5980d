// What every canvas shares: the wire format, the two sockets of the live lane, colours by role.

import { takeKeys } from "./keys.js";
import { lostWords } from "./watching/words.js";

// ---- wire: a safetensors blob is an 8-byte length, a JSON header and raw little-endian arrays ----

const TYPED = { F32: Float32Array, F64: Float64Array, U8: Uint8Array, I16: Int16Array, I32: Int32Array };

/** Arrays and numbers of a blob (Uint8Array): { numbers, name: {shape, values}, ... }; half floats become floats. */
export function unpack(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const start = 8 + length;
  const out = { numbers: JSON.parse(header.__metadata__.numbers) };
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const raw = bytes.slice(start + entry.data_offsets[0], start + entry.data_offsets[1]).buffer;
    out[name] = {
      shape: entry.shape,
      values: entry.dtype === "F16" ? fromHalf(new Uint16Array(raw)) : new TYPED[entry.dtype](raw),
    };
  }
  return out;
}

let halfTable = null;

function fromHalf(halves) {
  if (!halfTable) {
    halfTable = new Float32Array(65536);
    for (let h = 0; h < 65536; h++) {
      const sign = h & 0x8000 ? -1 : 1,
        exponent = (h >> 10) & 31,
        mantissa = h & 1023;
      halfTable[h] =
        exponent === 0
          ? sign * mantissa * 2 ** -24
          : exponent === 31
            ? mantissa
              ? NaN
              : sign * Infinity
            : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
    }
  }
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) floats[i] = halfTable[halves[i]];
  return floats;
}

// ---- sockets ----

const laneUrl = (path) => new URL(`../../${path}`, import.meta.url).href.replace(/^http/, "ws");

/** A socket that comes back by itself: after 0.5 s, then 1 s, ... at most 8 s; codes from 4400 are final. */
class Lane {
  constructor(path, handlers) {
    this.path = path;
    this.handlers = handlers;
    this.delay = 500;
    this.connect();
  }

  connect() {
    this.socket = new WebSocket(laneUrl(this.path));
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.delay = 500;
      this.handlers.opened?.();
    };
    this.socket.onmessage = ({ data }) =>
      typeof data === "string"
        ? this.handlers.text?.(JSON.parse(data))
        : this.handlers.blob?.(unpack(new Uint8Array(data)));
    this.socket.onclose = ({ code, reason }) => {
      if (this.isClosed) return;
      this.handlers.lost?.(code, reason);
      if (code < 4400) {
        this.timer = setTimeout(() => this.connect(), this.delay);
        this.delay = Math.min(8000, 2 * this.delay);
      }
    };
  }

  get isOpen() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(message) {
    if (this.isOpen) this.socket.send(JSON.stringify(message));
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}

/** Snapshots and live pictures of one run. */
export const watchRun = (digest, handlers) => new Lane(`watch?run=${encodeURIComponent(digest)}`, handlers);

const MOST_TRIES = 3; // of a request whose connection is lost before the answer comes

/**
 * Requests to the model: the newest wins, at most two are under way; what a lost connection leaves open is asked again.
 */
export class Decoder {
  /**
   * blocked: called when two connections have failed before any succeeded, so that something on the way lets none
   * through.
   */
  constructor(blocked = () => {}) {
    this.blocked = blocked;
    this.failures = 0;
    this.pending = new Map(); // id -> {channel, request, resolve, reject, tries}
    this.next = new Map(); // channel -> the newest request that waits
    this.count = 0;
    this.lane = new Lane("decode", {
      opened: () => {
        this.wasOpen = true;
        this.flush();
      },
      blob: (blob) => this.settle(blob.numbers.id, (job) => job.resolve(blob)),
      text: (message) => this.settle(message.id, (job) => job.reject(new Error(message.text))),
      lost: (code, reason) => this.onLost(code, reason),
    });
  }

  /** Ask; an older request of the same channel that has not left yet is dropped. */
  ask(channel, request, resolve, reject = () => {}) {
    this.next.set(channel, { channel, request, resolve, reject, tries: 0 });
    this.flush();
  }

  flush() {
    for (const [channel, job] of this.next) {
      if (this.pending.size >= 2 || !this.lane.isOpen) return;
      this.next.delete(channel);
      const id = ++this.count;
      job.tries += 1;
      this.pending.set(id, job);
      this.lane.send({ id, ...job.request });
    }
  }

  settle(id, use) {
    const job = this.pending.get(id);
    this.pending.delete(id);
    if (job) use(job);
    this.flush();
  }

  /**
   * Keep what was under way for the next connection, but for what nobody waits for any more and what fails each time.
   */
  onLost(code, reason) {
    if (!this.wasOpen && ++this.failures === 2) this.blocked();
    const open = [...this.pending.values()],
      isOver = code >= 4400;
    this.pending.clear();
    const given = open.filter((job) => isOver || job.tries >= MOST_TRIES);
    const kept = open.filter((job) => !given.includes(job));
    this.next = new Map([...kept.map((job) => [job.channel, job]), ...this.next]);
    const why = isOver
      ? lostWords(code, reason)
      : "The connection was lost each time this was asked. Reload to try again.";
    for (const job of given) job.reject(new Error(why));
  }

  close() {
    this.lane.close();
  }
}

// ---- colours ----

const toLinear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const toSrgb = (v) => (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);

function oklab(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => toLinear(parseInt(hex.slice(i, i + 2), 16) / 255));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromOklab([L, a, b]) {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((v) => Math.round(255 * Math.min(1, Math.max(0, toSrgb(Math.max(0, v))))));
}

/** A perceptually even ramp between two colours (Ottosson's Oklab): 256 packed RGBA values. */
export function ramp(from, to) {
  const [p, q] = [oklab(from), oklab(to)];
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const [r, g, b] = fromOklab(p.map((v, k) => v + ((q[k] - v) * i) / 255));
    table[i] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}

/** Colours of roles and surfaces in the theme that the page shows. */
export function themeColours(element, themes) {
  const background = getComputedStyle(element).getPropertyValue("--st-background-color").trim() || "#ffffff";
  const probe = /^#/.test(background)
    ? oklab(background.length === 4 ? background.replace(/[^#]/g, "$&$&") : background)[0]
    : 1;
  return themes[probe < 0.5 ? "dark" : "light"];
}

export const wantsStillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Make a canvas as sharp as the screen; returns its context scaled to CSS pixels, and its size. */
export function sharpen(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth,
    height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

/** An element from a tag, properties and children; text is always set as text. */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value);
  }
  if (node.type === "range") takeKeys(node);
  node.append(...children);
  return node;
}
