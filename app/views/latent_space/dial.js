// The dial of a sweep: which of its models is open.

import { element } from "../../canvas/live.js";

export class MemberDial {
  constructor(choose) {
    this.slider = element("input", { type: "range", min: 0, max: 0, step: 1 });
    this.slider.oninput = () => choose(+this.slider.value);
    this.name = element("b", { className: "num" });
    this.stops = element("div", { className: "stops" });
    this.title = element("span", { className: "soft" });
    this.root = element(
      "label",
      { className: "dial card" },
      this.title,
      element("div", { className: "rail" }, this.slider, this.stops),
      this.name,
    );
  }

  /** The models, and what differs among them. */
  describe(members, title) {
    this.members = members;
    this.slider.max = members.length - 1;
    this.slider.setAttribute("aria-label", title);
    this.title.textContent = title;
    this.root.hidden = members.length < 2;
    this.stops.replaceChildren(
      ...members.map(({ short }, k) => {
        const stop = element("span", {}, short);
        stop.style.left = `${100 * this.shareOf(k)}%`;
        return stop;
      }),
    );
  }

  shareOf(member) {
    return member / Math.max(1, this.members.length - 1);
  }

  show(member) {
    this.slider.value = member;
    this.slider.style.setProperty("--share", `${100 * this.shareOf(member)}%`);
    this.name.textContent = this.members[member]?.name ?? "";
  }
}
