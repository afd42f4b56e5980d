// The card of the latent plane: which two directions it shows, what is drawn all over it, and where its prior has
// holes.

import { REACH } from "../../canvas/latents/square.js";
import { dot, rounded } from "../../canvas/latents/ways.js";
import { element } from "../../canvas/live.js";
import { heading } from "../../canvas/stage_card.js";
import { LatentPlane, SIDE } from "./latent_plane.js";

const HOLES_REACH = 3;
const spreadAlong = (std, direction) => Math.sqrt(std.reduce((sum, s, d) => sum + (s * direction[d]) ** 2, 0));

/**
 * studio: the owner; it holds z, axes (two latents, or "pca"), codes, portrait and holes, and answers moveTo and pick.
 */
export class PlaneCard {
  constructor(studio) {
    this.studio = studio;
    this.plane = new LatentPlane({
      move: (p, q) => this.moveTo(p, q),
      settled: () => studio.settled(),
      pick: (i) => studio.pick(i),
    });
    this.tag = element("button", { type: "button", className: "tag", onclick: () => this.toggleAxes() });
    this.holesButton = element(
      "button",
      {
        type: "button",
        className: "tag",
        title: "Where the codes of the data are denser (blue) and thinner (red) than the prior",
        onclick: () => this.toggleHoles(),
      },
      "holes",
    );
    this.cap = element("div", { className: "cap" });
    this.root = element(
      "section",
      { className: "card" },
      heading("Latent plane", this.holesButton, this.tag),
      this.plane.canvas,
      this.cap,
    );
  }

  /** The two directions of the plane, as unit vectors. */
  directions() {
    const { codes, z, axes } = this.studio,
      size = codes?.z ?? z?.length ?? 0;
    if (axes === "pca" && this.pca) return this.pca;
    const shown = axes === "pca" ? [0, 1] : axes;
    return shown.map((a, i) =>
      Float32Array.from({ length: size }, (_, d) => (d === a && !(i === 1 && shown[0] === shown[1]) ? 1 : 0)),
    );
  }

  /** Where a code lies on the plane. */
  placeOf(z, [u, v] = this.directions()) {
    return { p: dot(z, u), q: dot(z, v) };
  }

  /** The same, with how far one standard deviation of it reaches. */
  spreadOf(mean, std, [u, v] = this.directions()) {
    return { ...this.placeOf(mean, [u, v]), sp: std && spreadAlong(std, u), sq: std && spreadAlong(std, v) };
  }

  project() {
    const { codes } = this.studio;
    if (!codes) return;
    const { values, stds, z, count } = codes,
      directions = this.directions(),
      row = (array, i) => array?.subarray(i * z, (i + 1) * z);
    this.plane.points = Array.from({ length: count }, (_, i) =>
      this.spreadOf(row(values, i), row(stds, i), directions),
    );
    this.studio.isDirty = true;
  }

  /** Move in the plane; what z is beside it stays. */
  moveTo(p, q) {
    const { studio } = this;
    if (studio.z) studio.setZ(this.shifted(p, q), false);
  }

  /** z, moved to another place of the plane. */
  shifted(p, q, [u, v] = this.directions()) {
    const { z } = this.studio,
      [dp, dq] = [p - dot(z, u), q - dot(z, v)];
    return z.map((value, d) => value + dp * u[d] + dq * v[d]);
  }

  // ---- its directions ----

  setAxis(d, which) {
    const { studio } = this,
      axes = studio.axes === "pca" ? this.strongest() : [...studio.axes];
    if (axes[1 - which] === d) axes[1 - which] = axes[which];
    axes[which] = d;
    studio.axes = axes;
    this.turned();
  }

  toggleAxes() {
    const { studio } = this;
    studio.axes = studio.axes === "pca" ? this.strongest() : "pca";
    this.turned();
  }

  /** The two latents that carry most; of one latent, that one twice. */
  strongest() {
    const { kl } = this.studio,
      [first = 0, second = first] = [...kl.keys()].sort((a, b) => kl[b] - kl[a]);
    return [first, second];
  }

  turned() {
    const { studio } = this;
    this.project();
    studio.holes = null;
    if (this.wantsHoles) this.askHoles();
    if (studio.z) {
      studio.list.show(studio.z, studio.axes);
      this.askGrid();
    }
    studio.refresh();
  }

  // ---- what is drawn over it ----

  toggleHoles() {
    this.wantsHoles = !this.wantsHoles;
    this.studio.holes = null;
    if (this.wantsHoles) this.askHoles();
    this.holesButton.setAttribute("aria-pressed", String(this.wantsHoles));
    this.studio.isDirty = true;
  }

  askHoles() {
    const { studio } = this;
    if (!studio.canDecode) return;
    const request = { what: "aggregate", axes: this.directions().map(rounded), reach: HOLES_REACH };
    studio.askMember("holes", request, (blob) => {
      studio.holes = blob.holes;
      studio.isDirty = true;
    });
  }

  askGrid() {
    const directions = this.directions(),
      middle = (i) => (((i + 0.5) / SIDE) * 2 - 1) * REACH,
      rows = Array.from({ length: SIDE * SIDE }, (_, i) =>
        this.shifted(middle(i % SIDE), middle(Math.floor(i / SIDE)), directions),
      );
    this.studio.ask("grid", rows, (bitmaps) => {
      this.plane.bitmaps = bitmaps;
      this.studio.isDirty = true;
    });
  }

  paint() {
    const { studio } = this,
      { canDecode, axes, names } = studio,
      [u, v] = this.directions(),
      place = this.placeOf(studio.z ?? new Float32Array(u.length), [u, v]);
    const isTurned = axes === "pca",
      titles = isTurned ? ["principal axis 1", "2"] : axes.map((a) => `z${a + 1}${names[a] ? ` ${names[a]}` : ""}`);
    this.tag.textContent = titles.join(" × ");
    this.tag.title = isTurned
      ? "Show the two latents that carry most"
      : "Show the two principal directions of the codes";
    if (!canDecode) this.plane.bitmaps = null;
    this.plane.marks = studio.numbers.classes;
    this.plane.paint({
      place,
      ellipse: studio.ellipse,
      labels: studio.portrait && canDecode ? studio.portrait.labels : studio.numbers.probe_labels,
      holes: this.wantsHoles && canDecode ? studio.holes : null,
      colours: studio.colours,
    });
    const hint = this.wantsHoles
      ? "blue: more codes than the prior, red: fewer"
      : "drag the cross; double-click a code to open it";
    this.cap.replaceChildren(
      element("span", {}, hint),
      element("span", { className: "num" }, `(${place.p.toFixed(2)}, ${place.q.toFixed(2)})`),
    );
  }
}
