// Which stroke did it: the drawing again, as far as the slider says, with the answer to each part.

const FRAME_MS = 70;
const percent = (share) => Math.round(share * 100) + " %";

export class Replay {
  // `ask()` returns a promise of the stages; `show(stage, isLast)` puts one on show.
  constructor(part, { ask, show, fail }) {
    Object.assign(this, { part, ask, show, fail });
    this.slider = part["replay-at"];
    this.drawing = 0; // counts the drawings, so that a late reply finds out that it is too late
    part["replay-play"].addEventListener("click", () => this.play());
    this.slider.addEventListener("input", () => this.#scrub());
    this.reset(false);
  }

  // The drawing has changed: whatever was loaded is about another one.
  reset(canReplay) {
    this.#stop();
    this.drawing += 1;
    this.told = null;
    this.loading = null;
    this.slider.value = this.slider.max;
    this.slider.disabled = this.part["replay-play"].disabled = !canReplay;
    this.slider.setAttribute("aria-valuetext", "The whole drawing");
    this.part["replay-marks"].replaceChildren();
    this.part["replay-text"].textContent = "Which stroke did it? Replay the drawing to see.";
    this.part.replay.classList.remove("is-told");
  }

  get isReady() {
    return !this.slider.disabled;
  }

  async play() {
    if (!this.isReady) return;
    if (this.timer) return this.#stop();
    if (!(await this.#load())) return;
    if (this.#at === this.#last) this.slider.value = 0;
    this.#go();
    this.part.replay.classList.add("is-playing");
    this.timer = setInterval(() => {
      this.slider.value = this.#at + 1;
      this.#go();
      if (this.#at === this.#last) this.#stop();
    }, FRAME_MS);
  }

  get #at() {
    return Number(this.slider.value);
  }

  get #last() {
    return Number(this.slider.max);
  }

  async #scrub() {
    this.#stop();
    if (await this.#load()) this.#go();
  }

  #stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.part.replay.classList.remove("is-playing");
  }

  // True once the stages of the drawing on the sheet are there.
  async #load() {
    if (this.told) return true;
    const drawing = this.drawing;
    try {
      this.loading ??= this.ask();
      const told = await this.loading;
      if (drawing !== this.drawing) return false;
      if (!this.told) this.#take(told);
      return true;
    } catch (error) {
      if (drawing !== this.drawing) return false;
      this.loading = null;
      this.fail(error);
      return false;
    }
  }

  #take(told) {
    const share = this.#at / this.#last;
    this.told = told;
    this.slider.max = Math.max(1, told.steps.length - 1);
    this.slider.value = Math.round(share * this.#last);
    this.part["replay-marks"].replaceChildren(...told.changes.map((at) => this.#mark(at)));
    this.part["replay-text"].textContent = this.#sentence();
    this.part.replay.classList.add("is-told");
  }

  // A tick where the answer changed; with the digit, unless it changed again at once.
  #mark(at) {
    const mark = document.createElement("li");
    mark.style.setProperty("--at", at / this.#last);
    const lasts = !this.told.changes.includes(at + 1);
    mark.textContent = lasts ? this.told.steps[at].label : "";
    return mark;
  }

  #sentence() {
    const { steps, changes } = this.told;
    const at = changes.at(-1);
    if (at === undefined) return `A ${steps[0].label} from the first touch on.`;
    return `A ${steps[at].label} from ${percent(steps[at].ink)} of the ink on; before, it looked like a ${steps[at - 1].label}.`;
  }

  #go() {
    const { steps } = this.told;
    const step = steps[Math.min(this.#at, steps.length - 1)];
    const spoken = `${percent(step.ink)} of the ink: a ${step.label}, ${percent(step.confidence)} sure`;
    this.slider.setAttribute("aria-valuetext", spoken);
    this.show(step, this.#at === this.#last);
  }
}
