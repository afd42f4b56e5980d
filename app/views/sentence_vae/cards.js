// The cards of lists: steps of both ways or names rebuilt, and below, what is near, what is drawn there, and each
// latent's KL.

import { element } from "../../canvas/live.js";
import { heading } from "../../canvas/stage_card.js";
import { CodeCard, NearList, RebuiltList, StepsList } from "./lists.js";

const COLLAPSED = 1; // nats: a code that carries less is out of use

/** Steps of both ways where the model can be asked, else names that went through their codes. lab: the owner. */
export class StepsCard {
  constructor(lab, { steps, rebuilt }, choose) {
    this.lab = lab;
    this.title = element("span", {}, "Linear and spherical interpolation");
    this.tag = element("span", { className: "tag" });
    this.steps = new StepsList({ choose }, steps);
    this.rebuilt = new RebuiltList(rebuilt);
    this.root = element(
      "section",
      { className: "card" },
      element("h3", {}, this.title, element("span", { className: "tags" }, this.tag)),
      this.steps.root,
      this.rebuilt.root,
    );
  }

  refresh() {
    const { canAsk: isAsked, steps, isOff, t, way, picture, probe } = this.lab;
    this.title.textContent = isAsked ? "Linear and spherical interpolation" : "Read, and written again";
    this.tag.textContent = isAsked ? "likeliest letters" : "wrong letters marked";
    this.steps.root.hidden = !isAsked;
    this.rebuilt.root.hidden = isAsked;
    if (isAsked) this.steps.show({ names: steps?.names, lengths: steps?.lengths, t: isOff ? null : t, way });
    else if (picture) this.rebuilt.show(probe, picture.rebuilt);
  }
}

/** Names around the cross, and what each latent carries. lab: the owner; draws: what is drawn at the cross. */
export class LowerCards {
  constructor(lab, draws, count) {
    Object.assign(this, { lab, draws });
    this.near = new NearList({ open: (index) => lab.openName(index) }, count);
    this.code = new CodeCard();
    this.aroundTag = element("span", { className: "tag" });
    this.codeTag = element("span", { className: "tag" });
    this.aroundCard = element(
      "section",
      { className: "card" },
      heading("Nearest names", this.aroundTag),
      element(
        "div",
        { className: "around" },
        element("div", {}, element("h4", {}, "real names with the nearest codes"), this.near.root),
        draws.around,
      ),
    );
    this.root = element(
      "div",
      { className: "lower" },
      this.aroundCard,
      element("section", { className: "card" }, heading("KL per latent", this.codeTag), this.code.root),
    );
  }

  refresh() {
    const { canAsk, near, picture } = this.lab;
    this.aroundCard.hidden = !canAsk;
    this.root.classList.toggle("alone", !canAsk);
    this.near.show(near);
    this.showDraws();
    const rate = picture?.kl.reduce((sum, v) => sum + v, 0),
      isCollapsed = rate < COLLAPSED && picture.step > 0,
      words = isCollapsed ? "collapsed: the writer does without it" : "KL of each latent";
    this.codeTag.textContent = picture ? words : "";
    this.codeTag.classList.toggle("bad", isCollapsed);
  }

  showDraws() {
    const { canAsk, z, isOff, t } = this.lab,
      place = isOff ? "at the cross" : `${Math.round(100 * t)} % of the way`;
    this.draws.show();
    this.aroundTag.textContent = canAsk && z ? place : "";
  }

  paint() {
    const { picture, colours } = this.lab;
    this.code.paint(picture?.kl, this.lab.lastMeasured("rate"), colours);
  }
}
