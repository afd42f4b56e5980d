// The card of the map: which names are on it and where, and what is drawn over them.

import { dot } from "../../canvas/latents/ways.js";
import { element } from "../../canvas/live.js";
import { heading } from "../../canvas/stage_card.js";

import { NameMap } from "./map.js";
import { principal } from "./paths.js";
import { titled } from "./word.js";

const NEAR_SHOWN = 3;

/** lab: the owner, with its codes, ends, steps and near names; handlers: of the map. */
export class MapCard {
  constructor(lab, handlers) {
    this.lab = lab;
    this.map = new NameMap(handlers);
    this.tag = element("span", { className: "tag" });
    this.tag.title =
      "The two directions along which the codes of unseen names differ most; " +
      "the rings are 1, 2 and 3 standard deviations of the prior";
    this.cap = element("div", { className: "cap" });
    this.root = element("section", { className: "card" }, heading("Map of names", this.tag), this.map.canvas, this.cap);
  }

  /** Another run. */
  forget() {
    this.liveAxes = null;
  }

  placeOf(z) {
    const [u, v] = this.axes ?? [];
    return u && u.length === z.length ? { p: dot(z, u), q: dot(z, v) } : null;
  }

  /** Points of the map: all held-out names of a model that can be asked, else those that pictures bring along. */
  project() {
    const { lab } = this,
      { codes, picture } = lab;
    if (lab.canAsk && codes) {
      this.axes = lab.axes;
      this.setPoints(codes.means.slice(0, codes.held), codes.names, false);
    } else if (picture) {
      this.axes = this.liveAxes = lab.axes ?? principal(picture.means, this.liveAxes);
      this.setPoints(picture.means, lab.probe, true);
    }
  }

  setPoints(means, names, areSame) {
    this.map.setPoints(
      means.map((z, i) => ({ ...this.placeOf(z), name: names[i] })),
      areSame,
    );
  }

  paint() {
    const { lab } = this,
      isAsked = lab.canAsk && lab.axes,
      place = (z) => this.placeOf(z);
    const ends = isAsked ? this.ends() : [];
    const shown = lab.way === "round" ? [1, 0] : [0, 1];
    this.map.paint({
      place: isAsked && lab.z ? place(lab.z) : null,
      ends,
      paths: isAsked && lab.steps ? shown.map((k) => lab.steps.ways[k].map(place)) : [],
      near: isAsked ? this.near(ends) : [],
      avoid: ends,
      colours: lab.colours,
    });
    const more = isAsked
      ? "drag the cross; double-click a name to go there"
      : lab.picture
        ? "unseen names, where the encoder puts them now"
        : "";
    this.cap.replaceChildren(element("span", {}, more));
    this.tag.textContent = lab.axes || !lab.picture ? "principal axes 1 × 2" : "principal axes, as they turn";
  }

  ends() {
    const { ends, numbers } = this.lab;
    return (ends ?? []).map(({ mean }, i) => ({ ...this.placeOf(mean), name: titled([numbers.a, numbers.b][i]) }));
  }

  /** The nearest real names that do not stand at an end of the way. */
  near(ends) {
    const { near, codes } = this.lab;
    return near
      .filter(({ name }) => ends.every((end) => end.name !== name))
      .slice(0, NEAR_SHOWN)
      .map(({ index, name }) => ({ ...this.placeOf(codes.means[index]), name }));
  }
}
