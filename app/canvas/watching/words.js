// What a canvas says of the run that it watches: the same words on every page.

/** Why the connection to a run is gone. */
export function lostWords(code, reason) {
  if (code === 4404) return "This run is not stored here. Press Train to compute it.";
  if (code >= 4400) return `${reason || "The live lane refused this page."} Reload to try again.`;
  return (
    "The connection to the live lane is lost; trying again. " +
    "If a proxy is in between, it must let WebSockets through."
  );
}

/** Whose a stored run is, and of which day: the one that everybody opens, or the visitor's own. */
export const keptWords = ({ own, started }) =>
  `${own ? "yours" : "stored"} ${new Date(1000 * started).toISOString().slice(0, 10)}`;

/** Where a run ended that did not finish: "stopped at 1,444"; empty for one that did. */
export const endWords = ({ state, step }) => (state === "finished" ? "" : `${state} at ${step.toLocaleString("en")}`);

/** How a watched run stands, in one line under its player; the time of its training has so many digits. */
export function statusWords(run, digits = 1) {
  const { digest, standing: s, snapshots, following } = run;
  if (!s) return digest ? "opening the run" : "press Train to begin";
  const finished = `${(snapshots.at(-1)?.seconds ?? 0).toFixed(digits)} s of training`;
  const words = {
    running: following ? trainingWords(run) : "training goes on · play to catch up",
    queued: "waiting in the queue",
    paused: "training is paused",
    finished,
    stopped: endWords(s),
    diverged: endWords(s),
    failed: endWords(s),
  };
  const kind = s.stored ? `${keptWords(s)} · ` : "";
  const others = s.watchers > 1 ? ` · ${s.watchers} watching` : "";
  return `${kind}${words[s.state]} · ${s.device || "no device yet"}${others}`;
}

/** How far a training is; before its first picture: that it begins. */
export function trainingWords({ live, standing }) {
  const count = (n) => n.toLocaleString("en");
  return live ? `training, step ${count(live.step)} of ${count(standing.steps)}` : "training begins";
}

/** What stands where a picture of the run will be. */
export function waitingWords({ digest, standing }) {
  if (!digest) return "Not trained yet: press Train.";
  if (standing?.state === "queued") return "waiting for a free worker …";
  return standing?.state === "running" ? "training begins …" : "opening the run …";
}

/** What is to be said of a new standing; "" takes earlier words back, null leaves them. */
export function standingWords({ reason, state, ahead, wait }, before) {
  if (reason) return reason;
  if (state === "queued")
    return ahead
      ? `In the queue: ${ahead} run${ahead > 1 ? "s" : ""} ahead of yours${wait ? `, about ${Math.ceil(wait)} s` : ""}.`
      : "Waiting for a worker …";
  return before && (before.reason || before.state === "queued") ? "" : null;
}
