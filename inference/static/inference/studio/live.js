// Live answers while the pen moves: at most one request in each pause and one in flight, and
// always one for the last state. Replies about a drawing that is gone are dropped.

const PAUSE_MS = 60;

export class LiveReading {
  // `ask(drawing, signal)` returns a promise of an answer; `show(answer)` and `fail(error)` are
  // called for the newest drawing only; `pause` is in milliseconds.
  constructor({ ask, show, fail, pause = PAUSE_MS }) {
    Object.assign(this, { ask, show, fail, pause });
    this.waiting = null;
    this.timer = null;
    this.flight = null;
    this.lastAt = -Infinity;
  }

  update(drawing) {
    this.waiting = drawing;
    this.#schedule();
  }

  // Forget everything asked so far, e.g. because the sheet was cleared.
  reset() {
    clearTimeout(this.timer);
    this.timer = null;
    this.waiting = null;
    this.flight?.abort();
    this.flight = null;
  }

  #schedule() {
    if (this.timer !== null || this.flight || this.waiting === null) return;
    const wait = Math.max(0, this.lastAt + this.pause - performance.now());
    this.timer = setTimeout(() => {
      this.timer = null;
      this.#send();
    }, wait);
  }

  async #send() {
    const drawing = this.waiting;
    const flight = new AbortController();
    this.waiting = null;
    this.flight = flight;
    this.lastAt = performance.now();
    try {
      const answer = await this.ask(drawing, flight.signal);
      if (this.flight === flight) this.show(answer);
    } catch (error) {
      if (this.flight === flight) this.fail(error);
    }
    if (this.flight === flight) {
      this.flight = null;
      this.#schedule();
    }
  }
}
