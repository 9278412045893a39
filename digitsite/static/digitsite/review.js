// The review queue by keyboard. Every key presses the button that carries it in data-key, so that
// keys, clicks and touch take the same road.

const stage = document.querySelector("[data-review]");
const announcement = document.getElementById("review-announcement");

function keyOf(event) {
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable], [popover]")) return;
  // Enter on a focused button or link means that button or link.
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  const button = stage.querySelector(`[data-key="${CSS.escape(keyOf(event))}"]:not(:disabled)`);
  if (!button) return;
  event.preventDefault();
  button.click();
});

// A screen reader hears the verdict and the next drawing; the keyboard stays where it was useful.
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
