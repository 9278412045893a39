// The studio's page: wires the sheet, the live reading, the upload tab, the label and Submit.
// Started by the gr.HTML component of inference/studio/app.py.

import { call } from "./api.js";
import { openApiPage, tellFrame } from "./frame.js";
import { makeLabels } from "./labels.js";
import { LiveReading } from "./live.js";
import { Sheet } from "./pen.js";
import { Pieces } from "./pieces.js";
import { Reading } from "./reading.js";
import { Replay } from "./replay.js";
import { Upload } from "./upload.js";
import { Why } from "./why.js";

const STATUS_EVERY_MS = 4000;
const NOTICE_MS = 9000;
const NO_MODEL_FOR_VISITORS = "No model is at work here yet. Try again in a while.";

export function start({ element, props, trigger }) {
  const root = element.querySelector(".studio");
  const part = {};
  for (const node of root.querySelectorAll("[data-part]")) part[node.dataset.part] = node;
  const tool = (name) => root.querySelector(`[data-tool="${name}"]`);
  const tabs = { draw: root.querySelector("#tab-draw"), upload: root.querySelector("#tab-upload") };
  const reading = new Reading(part);
  const labels = makeLabels(part.labels);
  const isVisitor = location.pathname.startsWith("/s/"); // came by a share link, has no account
  const pieces = new Pieces(part);
  let mode = "draw";
  let answer = null;
  let isNewest = false; // the answer is about all that is on the sheet
  let isOne = false; // whoever draws says that it is one digit, however it looks
  let sending = false;
  let noticeTimer = null;
  let statusTimer = null;

  const live = new LiveReading({
    ask: ({ name, data }, signal) => call(name, data, { signal }),
    show: (found) => {
      answer = found;
      isNewest = live.waiting === null;
      showAnswer();
    },
    fail: (error) => explain(error),
  });
  const why = new Why(part, { fail: (error) => explain(error) });
  const replay = new Replay(part, {
    ask: () => call("replay", [sheet.strokes]),
    show: (step, isLast) => {
      sheet.show(isLast ? null : step.points);
      reading.show({ ...answer, ...step });
      why.follow(step.image);
    },
    fail: (error) => explain(error),
  });
  const sheet = new Sheet(root.querySelector(".studio__canvas"), sheetChanged);
  const upload = new Upload(part, {
    isOpen: () => mode === "upload",
    onPicture: (picture) => {
      notice("");
      isOne = false;
      live.update({ name: "predict_picture", data: [picture] });
      refresh();
    },
    onProblem: (sentence) => notice(sentence, "bad"),
  });

  function sheetChanged(hasOtherInk) {
    if (sheet.isEmpty) forgetAnswer();
    else if (hasOtherInk && root.dataset.state !== "ended") {
      isNewest = false;
      live.update({ name: "predict", data: [sheet.strokes] });
      if (sheet.current?.length === 1) notice("");
    }
    if (hasOtherInk) replay.reset(false);
    if (!sheet.current) {
      live.settle();
      props.value = sheet.strokes;
      trigger("change");
    }
    refresh();
  }

  function forgetAnswer() {
    live.reset();
    answer = null;
    isNewest = isOne = false;
    showAnswer();
  }

  function isSeveral() {
    return !isOne && (answer?.digits.length ?? 0) > 1;
  }

  function showAnswer() {
    const several = isSeveral();
    root.dataset.reading = several ? "several" : "one";
    if (answer) reading.show(answer);
    else reading.clear();
    pieces.show(several ? answer.digits : []);
    why.follow(several || !answer ? null : answer.image);
    sheet.frameDigits(several && mode === "draw" ? answer.digits.map((digit) => digit.box) : []);
    refresh();
  }

  function refresh() {
    const drawing = mode === "draw";
    const ink = drawing ? !sheet.isEmpty : upload.picture !== null;
    part.hint.hidden = !sheet.isEmpty;
    tool("undo").disabled = !drawing || !sheet.canUndo;
    tool("redo").disabled = !drawing || !sheet.canRedo;
    tool("clear").disabled = !ink;
    const ended = root.dataset.state === "ended";
    part.send.disabled = !ink || labels.value === null || sending || ended || isSeveral();
    part.replay.hidden = !drawing;
    const canReplay = isNewest && !sheet.current && !isSeveral();
    if (drawing && !replay.told && replay.isReady !== canReplay) replay.reset(canReplay);
  }

  function clear() {
    if (mode === "draw") return sheet.clear();
    upload.clear();
    forgetAnswer();
  }

  function open(name) {
    if (name === mode) return;
    mode = name;
    for (const [key, tab] of Object.entries(tabs)) {
      tab.setAttribute("aria-selected", String(key === name));
      tab.tabIndex = key === name ? 0 : -1;
      root.querySelector("#panel-" + key).hidden = key !== name;
    }
    forgetAnswer();
    labels.value = null;
    if (name === "draw" && !sheet.isEmpty) sheetChanged(true);
    if (name === "upload" && upload.picture) upload.onPicture(upload.picture);
    refresh();
  }

  async function submit() {
    if (part.send.disabled) return;
    sending = true;
    refresh();
    const drawn = mode === "draw" ? sheet.strokes : upload.picture;
    try {
      const device = mode === "draw" ? sheet.device : "upload";
      const name = mode === "draw" ? "submit" : "submit_picture";
      const saved = await call(name, [drawn, labels.value], { device });
      celebrate(saved);
      labels.value = null;
      if (mode === "draw") sheet.forget();
      else clear();
    } catch (error) {
      explain(error);
    } finally {
      sending = false;
      refresh();
    }
  }

  function celebrate(saved) {
    const more = saved.url
      ? Object.assign(document.createElement("a"), {
          href: saved.url, target: "_top", textContent: "See it",
        })
      : "Your lines, your label and the reading are kept. Draw another?";
    const agreed = saved.label === saved.predicted_label;
    const verdict = agreed
      ? `The model read it right: ${saved.label}. `
      : `You say ${saved.label}, the model read ${saved.predicted_label}: that is how it learns. `;
    notice([isVisitor ? "Thank you. " : "Saved. ", verdict, more], "good", NOTICE_MS);
    part.notice.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  function notice(content, kind = "", forMs = 0) {
    clearTimeout(noticeTimer);
    part.notice.replaceChildren(...[content].flat());
    part.notice.dataset.kind = kind;
    if (forMs) noticeTimer = setTimeout(() => notice(""), forMs);
  }

  function explain(error) {
    if (error.code === "no_model") return close(isVisitor ? NO_MODEL_FOR_VISITORS : error.message);
    if (error.code.startsWith("link_")) return end(error.message);
    if (error.code === "signed_out") {
      const link = Object.assign(document.createElement("a"), {
        href: "/draw/", target: "_top", textContent: "Sign in again",
      });
      return notice(["You are signed out. ", link], "bad");
    }
    notice(error.message, "bad");
  }

  // No model in production: say so, and open by itself when there is one.
  function close(sentence) {
    part["closed-text"].textContent = sentence;
    part.closed.hidden = false;
    sheet.enabled = false;
    root.dataset.state = "closed";
    statusTimer = setTimeout(askStatus, STATUS_EVERY_MS);
  }

  // The share link is over: nothing more can be read or handed in.
  function end(sentence) {
    root.dataset.state = "ended";
    live.reset();
    clearTimeout(statusTimer);
    part["closed-title"].textContent = "This link has ended";
    part["closed-text"].textContent = sentence;
    part["closed-again"].hidden = true;
    part.closed.hidden = false;
    sheet.enabled = false;
    sheet.forget();
    notice("");
  }

  async function askStatus() {
    try {
      const { model } = await call("status", []);
      part.model.textContent = `Model ${model}`;
      part.closed.hidden = true;
      sheet.enabled = true;
      root.dataset.state = "ready";
    } catch (error) {
      explain(error);
      if (error.code === "offline") statusTimer = setTimeout(askStatus, STATUS_EVERY_MS);
    }
  }

  function key(event) {
    if (event.target.matches?.("textarea, input:not([type=radio], [type=file], [type=range])")) return;
    const undoing = event.key.toLowerCase() === "z";
    if (undoing && mode === "draw") (event.shiftKey ? sheet.redo() : sheet.undo());
    else if (event.altKey || event.ctrlKey || event.metaKey) return;
    else if (/^[0-9]$/.test(event.key)) labels.value = Number(event.key);
    else if (event.key === "Escape") clear();
    else if (event.key.toLowerCase() === "r" && mode === "draw") replay.play();
    else if (event.key.toLowerCase() === "w") why.toggle();
    else if (event.key === "Enter" && !event.target.matches?.("button:not([role=tab]), a, label")) submit();
    else return;
    event.preventDefault();
    refresh();
  }

  tool("undo").addEventListener("click", () => sheet.undo());
  tool("redo").addEventListener("click", () => sheet.redo());
  tool("clear").addEventListener("click", clear);
  for (const [name, tab] of Object.entries(tabs)) {
    tab.addEventListener("click", () => open(name));
    tab.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      open(name === "draw" ? "upload" : "draw");
      tabs[mode].focus();
    });
  }
  part.answer.addEventListener("click", () => {
    labels.value = reading.label;
    refresh();
  });
  part.one.addEventListener("click", () => {
    isOne = true;
    showAnswer();
  });
  part.labels.addEventListener("change", refresh);
  part.form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  document.addEventListener("keydown", key);
  document.addEventListener("digitsite:theme", () => sheet.redraw());
  for (const link of root.querySelectorAll("[data-link]")) link.href = `/${link.dataset.link}/`;

  if (isVisitor) root.dataset.visitor = "";
  tellFrame(root);
  if (location.hash === "#api") openApiPage();
  refresh();
  askStatus();
}
