// A loudspeaker for waves of a few milliseconds: each is repeated without a pause, all at the same gain.

const SECONDS = 1.2,
  FADE = 0.02,
  GAIN = 0.22;

/** Exactly what is heard. */
export const playedWords = (size, rate) =>
  `Click a wave to hear it: its ${size} samples at ${rate.toLocaleString("en")} a second, ` +
  `repeated ${Math.round((SECONDS * rate) / size)} times (${SECONDS} s), all waves at the same gain. ` +
  `The noise in a wave repeats as well, which is heard as a faint buzz of ${rate / size} Hz.`;

export class Loudspeaker {
  constructor() {
    this.name = null;
  }

  /** Play a wave, or stop it if it plays; whether it begins. `ended` is called when it is over. */
  toggle(name, wave, rate, ended) {
    const was = this.name;
    this.stop();
    if (was === name) return false;
    this.context ??= new AudioContext(); // allowed here, for a hand has just asked for it
    this.context.resume();
    const buffer = this.context.createBuffer(1, Math.round(SECONDS * rate), rate),
      out = buffer.getChannelData(0),
      fade = FADE * rate;
    for (let i = 0; i < out.length; i++)
      out[i] = wave[i % wave.length] * GAIN * Math.min(1, i / fade, (out.length - i) / fade);
    this.source = this.context.createBufferSource();
    this.source.buffer = buffer;
    this.source.connect(this.context.destination);
    this.source.onended = () => {
      if (this.name === name) {
        this.name = null;
        ended();
      }
    };
    this.source.start();
    this.name = name;
    this.last = out; // for tests
    return true;
  }

  stop() {
    if (this.source) {
      this.source.onended = null;
      this.source.stop();
    }
    this.source = this.name = null;
  }

  close() {
    this.stop();
    this.context?.close();
  }
}
