// Two flows on the same data, side by side on the same axes, under one player; the data stands between them.

import { element, ramp, wantsStillness } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { Stage } from "../../canvas/stage.js";
import { card, EMPTY, klText } from "../../canvas/stage_card.js";
import { Race } from "./race.js";
import { Rival } from "./rival.js";

/** Streamlit calls this at each change of data or theme. */
export function mount(component) {
  component.parentElement.querySelector(".flow_compare_pair").classList.add("stage");
  return mountStage(FlowPair, component);
}

class FlowPair extends Stage {
  // ---- building ----

  buildCards() {
    const titled = (role, label) => {
      const made = card(role, "", "", label);
      made.title = element("span", {});
      made.root.querySelector("h3 > span").append(made.title);
      made.integral = element("span", { className: "num" }, "–");
      return made;
    };
    const model = titled("model", "KL(data ‖ model)"),
      rival = titled("field", "KL(data ‖ model)");
    rival.foot.append(
      element("div", { className: "cap" }, element("span", {}, "integral over the plane"), rival.integral),
    );
    this.race = new Race();
    return { model, data: card("data", "Data", "exact density", "entropy"), rival, race: this.race };
  }

  buildTemperature() {
    super.buildTemperature();
    this.cards.model.foot.replaceChildren(
      element("div", { className: "cap" }, element("span", {}, "integral over the plane"), this.cards.model.integral),
    );
  }

  arrange(root) {
    this.rival = new Rival({
      changed: () => {
        this.isDirty = true;
        this.refresh();
      },
      say: (text) => this.say(text),
    });
    super.arrange(root);
    root.querySelector(".cards").classList.add("four");
  }

  // ---- what Python sends ----

  update(blob) {
    super.update(blob);
    const { numbers } = blob;
    this.tables.rival = ramp(this.colours.panel, this.colours.field);
    ["model", "rival"].forEach((name, i) => {
      this.cards[name].title.textContent = numbers.names[i];
    });
    this.rival.follow(numbers.rival, numbers.attempt);
    this.refresh();
  }

  /** Both run and stop together. */
  command(word) {
    super.command(word);
    this.rival.socket?.send({ do: word });
  }

  // ---- what is shown ----

  approach(dt) {
    super.approach(dt);
    this.approachRival(dt);
  }

  frame(now) {
    const dt = now - (this.last ?? now);
    if (this.rival.picture && !this.target?.density) this.approachRival(dt); // the one on the left may not be there yet
    super.frame(now);
  }

  approachRival(dt) {
    const share = wantsStillness() ? 1 : 1 - Math.exp(-dt / 70);
    if (this.rival.approach(share, this.top * 1e-3)) this.isDirty = true;
  }

  paintThird(common) {
    const { panel } = this.cards.rival,
      { shown } = this.rival;
    panel.paintDensity(shown?.density ?? EMPTY, this.tables.rival ?? this.tables.model, this.top);
    panel.show({ ...common, dots: shown?.samples, dotColour: this.dotColour(0.55) });
    if (!shown)
      panel.write(this.rival.digest ? "opening the run …" : "Not trained yet: press Train both.", this.colours.soft);
    this.showRace();
  }

  showRace() {
    const points = (snapshots) =>
      snapshots.filter((s) => "kl" in s.metrics).map((s) => ({ step: s.step, kl: s.metrics.kl }));
    this.race.show({
      runs: [points(this.snapshots), points(this.rival.snapshots)],
      names: this.numbers.names,
      step: this.current?.step ?? 0,
      colours: this.colours,
    });
  }

  // ---- words and numbers ----

  refresh() {
    if (!this.colours || !this.numbers) return;
    this.rival.seek(this.current?.step ?? this.rival.live?.step ?? 0, this.following || !this.current);
    this.isDirty = true;
    super.refresh();
    this.cards.rival.tag.textContent = this.rivalWords();
    const { metrics } = this.rival;
    this.cards.rival.value.textContent = klText(metrics);
    this.cards.rival.integral.textContent = Number.isFinite(metrics?.integral) ? metrics.integral.toFixed(4) : "–";
  }

  showMetrics(metrics) {
    this.cards.model.value.textContent = klText(metrics);
    this.cards.model.integral.textContent = Number.isFinite(metrics?.integral) ? metrics.integral.toFixed(4) : "–";
  }

  rivalWords() {
    const { standing, digest } = this.rival;
    if (!digest) return "not trained yet";
    if (!standing) return "opening …";
    if (standing.state === "queued") return "waiting for a worker";
    return standing.state === "diverged" ? "diverged" : "exact";
  }

  describe(picture, metrics) {
    super.describe(picture, metrics);
    const { rival } = this,
      kl = rival.metrics ? `, KL from the data ${rival.metrics.kl.toFixed(3)} nats` : "";
    this.cards.rival.canvas.setAttribute(
      "aria-label",
      rival.picture
        ? `${this.numbers.names[1]}: density and samples at step ${rival.picture.step}${kl}`
        : "No model on the right yet",
    );
  }

  close() {
    super.close();
    this.rival.close();
  }
}
