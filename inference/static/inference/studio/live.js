// Live answers while the pen moves: one request in flight, no more than one for each pause, and
// always one for the last state, as soon as the pen rests. Replies about a drawing that is gone are
// dropped.

const PAUSE_MS = 60;
const REST_MS = 20; // a pen that moves tells so with every frame, 17 ms

export class LiveReading {
  // `ask(drawing, signal)` returns a promise of an answer; `show(answer)` and `fail(error)` are
  // called for the newest drawing only; `pause` is in milliseconds.
  constructor({ ask, show, fail, pause = PAUSE_MS }) {
    Object.assign(this, { ask, show, fail, pause });
    this.waiting = null;
    this.timer = null;
    this.flight = null;
    this.restsAt = 0; // when what is waiting counts as the last state, unless it changes before
    this.nextAt = -Infinity; // when the pause after the last request is over
  }

  update(drawing) {
    this.waiting = drawing;
    this.restsAt = performance.now() + REST_MS;
    this.#schedule();
  }

  // What is waiting is the last state: the pen was lifted.
  settle() {
    this.restsAt = 0;
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
    clearTimeout(this.timer);
    this.timer = null;
    if (this.flight || this.waiting === null) return;
    const now = performance.now();
    // A pen at rest takes the next request's place, but not the one's after that: on the average
    // there is one in each pause, also for a pen that stutters.
    const dueAt = Math.min(this.nextAt, Math.max(this.restsAt, this.nextAt - this.pause));
    if (dueAt <= now) return this.#send(now);
    this.timer = setTimeout(() => this.#schedule(), dueAt - now);
  }

  async #send(now) {
    const drawing = this.waiting;
    const flight = new AbortController();
    this.waiting = null;
    this.flight = flight;
    this.nextAt = Math.max(now, this.nextAt) + this.pause;
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
