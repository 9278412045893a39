// Why: a map over the picture of what the answer rests on, while the button is pressed in.

import { call } from "./api.js";
import { LiveReading } from "./live.js";
import { paintHeat, wipe } from "./picture.js";

const PAUSE_MS = 150;

export class Why {
  // `fail(error)` is told when no map can be had.
  constructor(part, { fail }) {
    this.part = part;
    this.image = null;
    this.live = new LiveReading({
      ask: (image, signal) => call("explain", [image], { signal }),
      show: (found) => this.#show(found),
      fail,
      pause: PAUSE_MS,
    });
    part.why.addEventListener("click", () => this.toggle());
  }

  get isOpen() {
    return this.part.why.getAttribute("aria-pressed") === "true";
  }

  toggle() {
    if (this.part.why.disabled) return;
    this.part.why.setAttribute("aria-pressed", String(!this.isOpen));
    this.#ask();
  }

  // The picture that the answer on show is about, or null.
  follow(image) {
    this.image = image;
    this.part.why.disabled = image === null;
    this.#ask();
  }

  #ask() {
    this.part["why-panel"].hidden = !this.isOpen || this.image === null;
    if (this.isOpen && this.image) return this.live.update(this.image);
    this.live.reset();
    this.#wipe();
  }

  #show(found) {
    paintHeat(this.part.heat, found.heat);
    this.part["why-text"].textContent = found.sentence;
    this.part["why-label"].textContent = found.label;
  }

  #wipe() {
    wipe(this.part.heat);
    this.part["why-text"].textContent = "";
  }
}
