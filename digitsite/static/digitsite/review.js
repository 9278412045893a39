// The review queue by keyboard. Every key presses the button that carries it in data-key, so that
// keys, clicks and touch take the same road.

const stage = document.querySelector("[data-review]");
const announcement = document.getElementById("review-announcement");
const keys = document.getElementById("review-keys");
const HOLD_EVERY_MS = 45_000;

function keyOf(event) {
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  // The list of keys hides the item: a key closes it and judges nothing.
  if (keys.matches(":popover-open")) {
    if (["Tab", "Shift", "Escape"].includes(event.key)) return;
    if (event.key === "Enter" && event.target.closest("#review-keys button")) return;
    event.preventDefault();
    keys.hidePopover();
    return;
  }
  if (event.target.closest("input, select, textarea, [contenteditable], [popover]")) return;
  // Enter on a focused button or link means that button or link.
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  const button = document.querySelector(`[data-key="${CSS.escape(keyOf(event))}"]:not(:disabled)`);
  if (!button) return;
  event.preventDefault();
  button.click();
});

// A screen reader hears the verdict and the next item; the keyboard stays where it was useful.
stage.addEventListener("htmx:afterSwap", () => {
  const subject = stage.querySelector("[data-announce]");
  announcement.textContent = subject?.dataset.announce ?? "";
  if (document.activeElement === document.body) {
    stage.querySelector(".review__ink")?.focus({ preventScroll: true });
  }
});

stage.addEventListener("htmx:sendError", () => say("The server does not answer. Your verdict was not kept."));
stage.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  say(status === 403 || status === 401
    ? "You are signed out, or may not review. Load the page again."
    : `The verdict was not kept (error ${status}). Load the page again.`);
});

function say(sentence) {
  const line = stage.querySelector(".review-bar__said");
  line.textContent = sentence;
  line.classList.add("review-bar__said--refused");
  announcement.textContent = sentence;
}

// Who still looks keeps the item; a page in the background lets it go after two minutes.
setInterval(() => {
  if (document.hidden || !stage.querySelector(".review")) return;
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  fetch(stage.dataset.hold, { method: "POST", headers }).then(
    (answer) => {
      if (answer.status === 409) say("You were away for long, so others may be shown this too.");
    },
    () => {},
  );
}, HOLD_EVERY_MS);

// A chosen filter acts at once; the button is for browsers without scripts.
const filters = document.querySelector("[data-filters]");
if (filters) {
  filters.parentElement.classList.add("is-live");
  filters.addEventListener("change", () => {
    const chosen = [...new FormData(filters)].filter(([, value]) => value !== "");
    const query = new URLSearchParams(chosen).toString();
    location.assign(filters.action + (query ? `?${query}` : ""));
  });
}
