// The studio's page: wires the sheet, the live reading, the upload tab, the label and Submit.
// Started by the gr.HTML component of inference/studio/app.py.

import { call } from "./api.js";
import { LiveReading } from "./live.js";
import { Sheet } from "./pen.js";
import { Reading } from "./reading.js";
import { Upload } from "./upload.js";

const STATUS_EVERY_MS = 4000;
const NOTICE_MS = 9000;

export function start({ element, props, trigger }) {
  const root = element.querySelector(".studio");
  const part = {};
  for (const node of root.querySelectorAll("[data-part]")) part[node.dataset.part] = node;
  const tool = (name) => root.querySelector(`[data-tool="${name}"]`);
  const tabs = { draw: root.querySelector("#tab-draw"), upload: root.querySelector("#tab-upload") };
  const reading = new Reading(part);
  const labels = makeLabels(part.labels);
  let mode = "draw";
  let sending = false;
  let noticeTimer = null;

  const live = new LiveReading({
    ask: ({ name, data }, signal) => call(name, data, signal),
    show: (answer) => reading.show(answer),
    fail: (error) => explain(error),
  });
  const sheet = new Sheet(root.querySelector(".studio__canvas"), sheetChanged);
  const upload = new Upload(part, {
    isOpen: () => mode === "upload",
    onPicture: (picture) => {
      notice("");
      live.update({ name: "predict_picture", data: [picture] });
      refresh();
    },
    onProblem: (sentence) => notice(sentence, "bad"),
  });

  function sheetChanged() {
    if (sheet.isEmpty) {
      live.reset();
      reading.clear();
    } else {
      live.update({ name: "predict", data: [sheet.strokes] });
      if (sheet.current?.length === 1) notice("");
    }
    if (!sheet.current) {
      props.value = sheet.strokes;
      trigger("change");
    }
    refresh();
  }

  function refresh() {
    const drawing = mode === "draw";
    const ink = drawing ? !sheet.isEmpty : upload.picture !== null;
    part.hint.hidden = !sheet.isEmpty;
    tool("undo").disabled = !drawing || !sheet.canUndo;
    tool("redo").disabled = !drawing || !sheet.canRedo;
    tool("clear").disabled = !ink;
    part.send.disabled = !ink || labels.value === null || sending;
  }

  function clear() {
    if (mode === "draw") return sheet.clear();
    upload.clear();
    live.reset();
    reading.clear();
    refresh();
  }

  function open(name) {
    if (name === mode) return;
    mode = name;
    for (const [key, tab] of Object.entries(tabs)) {
      tab.setAttribute("aria-selected", String(key === name));
      tab.tabIndex = key === name ? 0 : -1;
      root.querySelector("#panel-" + key).hidden = key !== name;
    }
    live.reset();
    reading.clear();
    labels.value = null;
    if (name === "draw" && !sheet.isEmpty) sheetChanged();
    if (name === "upload" && upload.picture) upload.onPicture(upload.picture);
    refresh();
  }

  async function submit() {
    if (part.send.disabled) return;
    sending = true;
    refresh();
    const drawn = mode === "draw" ? sheet.strokes : upload.picture;
    try {
      const saved = await call(mode === "draw" ? "submit" : "submit_picture", [drawn, labels.value]);
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
    const link = Object.assign(document.createElement("a"), {
      href: saved.url, target: "_top", textContent: "See it",
    });
    const agreed = saved.label === saved.predicted_label;
    const verdict = agreed
      ? `The model read it right: ${saved.label}. `
      : `You say ${saved.label}, the model read ${saved.predicted_label}: that is how it learns. `;
    notice(["Saved. ", verdict, link], "good", NOTICE_MS);
    part.notice.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  function notice(content, kind = "", forMs = 0) {
    clearTimeout(noticeTimer);
    part.notice.replaceChildren(...[content].flat());
    part.notice.dataset.kind = kind;
    if (forMs) noticeTimer = setTimeout(() => notice(""), forMs);
  }

  function explain(error) {
    if (error.code === "no_model") return close(error.message);
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
    setTimeout(askStatus, STATUS_EVERY_MS);
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
      if (error.code === "offline") setTimeout(askStatus, STATUS_EVERY_MS);
    }
  }

  function key(event) {
    if (event.target.matches?.("textarea, input:not([type=radio], [type=file])")) return;
    const undoing = event.key.toLowerCase() === "z";
    if (undoing && mode === "draw") (event.shiftKey ? sheet.redo() : sheet.undo());
    else if (event.altKey || event.ctrlKey || event.metaKey) return;
    else if (/^[0-9]$/.test(event.key)) labels.value = Number(event.key);
    else if (event.key === "Escape") clear();
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
  part.labels.addEventListener("change", refresh);
  part.form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  document.addEventListener("keydown", key);
  document.addEventListener("digitsite:theme", () => sheet.redraw());
  for (const link of root.querySelectorAll("[data-link]")) link.href = `/${link.dataset.link}/`;

  tellFrame(root);
  if (location.hash === "#api") openApiPage();
  refresh();
  askStatus();
}

// Ten radio buttons, so that arrow keys and screen readers work as everywhere.
function makeLabels(box) {
  for (let digit = 0; digit < 10; digit += 1) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), {
      type: "radio", name: "label", value: String(digit),
    });
    label.append(input, Object.assign(document.createElement("span"), { textContent: digit }));
    box.append(label);
  }
  const inputs = [...box.querySelectorAll("input")];
  return {
    get value() {
      const chosen = inputs.find((input) => input.checked);
      return chosen ? Number(chosen.value) : null;
    },
    set value(digit) {
      for (const input of inputs) input.checked = Number(input.value) === digit;
      if (digit === null) for (const input of inputs) input.checked = false;
    },
  };
}

// Gradio's own page about its endpoints. It opens from a button in the footer, which is hidden here.
async function openApiPage() {
  for (let tries = 0; tries < 50; tries += 1) {
    const button = document.querySelector("footer button.show-api");
    if (button) return button.click();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// Tells the page around the frame how tall the studio is; it shows the frame from then on.
function tellFrame(root) {
  if (parent === window) return;
  document.documentElement.classList.add("is-framed");
  const tell = () => {
    const height = Math.ceil(root.getBoundingClientRect().height);
    parent.postMessage({ type: "digitsite:studio", height }, location.origin);
  };
  new ResizeObserver(tell).observe(root);
  tell();
}
