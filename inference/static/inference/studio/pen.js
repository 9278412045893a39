// The sheet: pointer events in, strokes out. A stroke is a list of [x, y, milliseconds], x and y in
// 0..1 of the sheet with y down, the time since the drawing began; a pen adds its pressure, 0..1.

const CLOSE = 0.0025; // of the sheet: nearer points than this say nothing new
const PALM_MS = 1000; // after a pen was near, fingers are palms for this long
const WIDTH = 0.05; // of the sheet; for the eye only, the model has a pen of its own
const FAINT = 0.16;
const DEVICES = ["mouse", "touch", "pen"];

export class Sheet {
  // `onChange(hasOtherInk)` is called for each change; false when only the pen was lifted.
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.strokes = [];
    this.undone = [];
    this.current = null;
    this.pointer = null;
    this.penSeenAt = -Infinity;
    this.startedAt = 0;
    this.enabled = true;
    this.frame = null;
    this.history = [];
    this.shown = null; // in a replay: how many points are inked, the others are faint
    this.boxes = []; // around the digits found, [left, top, right, bottom] in 0..1
    this.devices = new WeakMap(); // stroke -> "mouse", "touch" or "pen"
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(name, (event) => this.#up(event));
    }
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    // Safari scrolls on touch in spite of `touch-action` when the page is already moving.
    canvas.addEventListener("touchmove", (event) => event.preventDefault(), { passive: false });
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#resize();
  }

  get isEmpty() {
    return this.strokes.length === 0;
  }

  get canUndo() {
    return this.history.length > 0;
  }

  get canRedo() {
    return this.undone.length > 0;
  }

  // What the whole drawing was made with; "unknown" if strokes differ or the browser does not say.
  get device() {
    const used = new Set(this.strokes.map((stroke) => this.devices.get(stroke)));
    const [device] = used;
    return used.size === 1 && DEVICES.includes(device) ? device : "unknown";
  }

  undo() {
    if (this.current || !this.canUndo) return;
    this.undone.push(this.strokes);
    this.strokes = this.history.pop();
    this.#changed();
  }

  redo() {
    if (this.current || !this.canRedo) return;
    this.history.push(this.strokes);
    this.strokes = this.undone.pop();
    this.#changed();
  }

  // Clearing can be undone; `forget` makes a fresh sheet.
  clear() {
    this.current = null;
    this.pointer = null;
    if (this.isEmpty) return;
    this.history.push(this.strokes);
    this.undone = [];
    this.strokes = [];
    this.#changed();
  }

  forget() {
    Object.assign(this, { strokes: [], undone: [], history: [], current: null, pointer: null });
    this.#changed();
  }

  // Ink the first `points` points only; null for all.
  show(points) {
    this.shown = points;
    this.redraw();
  }

  frameDigits(boxes) {
    this.boxes = boxes;
    this.redraw();
  }

  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.#paint();
    });
  }

  #down(event) {
    if (event.pointerType === "pen") this.penSeenAt = event.timeStamp;
    const palm = event.pointerType === "touch" && event.timeStamp - this.penSeenAt < PALM_MS;
    if (!this.enabled || this.pointer !== null || event.button !== 0 || palm) return;
    event.preventDefault();
    window.focus(); // so that the keys work when the sheet is in a frame
    try {
      this.canvas.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is gone already; its first point still counts.
    }
    if (this.isEmpty) this.startedAt = event.timeStamp;
    this.pointer = event.pointerId;
    this.box = this.canvas.getBoundingClientRect();
    this.history.push(this.strokes);
    this.undone = [];
    this.current = [this.#point(event)];
    this.devices.set(this.current, event.pointerType);
    this.strokes = [...this.strokes, this.current];
    this.#changed();
  }

  #move(event) {
    if (event.pointerType === "pen") this.penSeenAt = event.timeStamp;
    if (event.pointerId !== this.pointer) return;
    const seen = event.getCoalescedEvents?.() ?? [];
    const before = this.current.length;
    for (const one of seen.length ? seen : [event]) {
      const point = this.#point(one);
      const last = this.current[this.current.length - 1];
      if (Math.hypot(point[0] - last[0], point[1] - last[1]) >= CLOSE) this.current.push(point);
    }
    if (this.current.length > before) this.#changed();
  }

  #up(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.current = null;
    this.onChange(false);
  }

  #point(event) {
    const x = (event.clientX - this.box.left) / this.box.width;
    const y = (event.clientY - this.box.top) / this.box.height;
    const inside = (value) => Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
    const point = [inside(x), inside(y), Math.max(0, Math.round(event.timeStamp - this.startedAt))];
    if (event.pointerType === "pen") point.push(Math.round(event.pressure * 1e3) / 1e3);
    return point;
  }

  #changed() {
    this.shown = null;
    this.boxes = [];
    this.redraw();
    this.onChange(true);
  }

  #resize() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (side && side !== this.canvas.width) {
      this.canvas.width = side;
      this.canvas.height = side;
    }
    this.#paint();
  }

  #paint() {
    const side = this.canvas.width;
    const context = this.canvas.getContext("2d");
    const ink = getComputedStyle(this.canvas).color;
    context.clearRect(0, 0, side, side);
    Object.assign(context, {
      lineWidth: side * WIDTH, lineCap: "round", lineJoin: "round", strokeStyle: ink, fillStyle: ink,
    });
    if (this.shown !== null) context.globalAlpha = FAINT;
    for (const stroke of this.strokes) paintStroke(context, stroke, side);
    context.globalAlpha = 1;
    if (this.shown !== null) {
      for (const stroke of firstPoints(this.strokes, this.shown)) paintStroke(context, stroke, side);
    }
    for (const box of this.boxes) paintBox(context, box, side);
  }
}

function firstPoints(strokes, points) {
  const kept = [];
  for (const stroke of strokes) {
    if (points <= 0) break;
    kept.push(stroke.slice(0, points));
    points -= stroke.length;
  }
  return kept;
}

function paintBox(context, [left, top, right, bottom], side) {
  const around = WIDTH * 0.65;
  context.save();
  Object.assign(context, { lineWidth: Math.max(1, side / 400), globalAlpha: 0.55 });
  context.setLineDash([side / 70, side / 90]);
  context.beginPath();
  context.roundRect(
    (left - around) * side, (top - around) * side,
    (right - left + 2 * around) * side, (bottom - top + 2 * around) * side, side / 60,
  );
  context.stroke();
  context.restore();
}

// A smooth curve through the middles of neighbouring points. For looks only: the points stay.
function paintStroke(context, stroke, side) {
  const at = (index) => [stroke[index][0] * side, stroke[index][1] * side];
  context.beginPath();
  context.moveTo(...at(0));
  for (let index = 1; index < stroke.length - 1; index += 1) {
    const [x, y] = at(index);
    const [nextX, nextY] = at(index + 1);
    context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  context.lineTo(...at(stroke.length - 1));
  context.stroke();
}
