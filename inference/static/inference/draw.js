// The Draw page: fits the frame to the studio and lends it the keyboard.

const PATIENCE_MS = 20000;
const frame = document.querySelector("[data-studio-frame]");
const studio = frame.querySelector("iframe");

const patience = setTimeout(() => {
  frame.dataset.state = "failed";
}, PATIENCE_MS);

addEventListener("message", (event) => {
  if (event.origin !== location.origin || event.data?.type !== "digitsite:studio") return;
  clearTimeout(patience);
  studio.style.height = event.data.height + "px";
  frame.dataset.state = "ready";
});

// Keys that no control of this page waits for are meant for the studio.
document.addEventListener("keydown", (event) => {
  if (document.activeElement?.closest("a, button, input, select, textarea, summary")) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (!/^([0-9]|[rwz]|Enter|Escape)$/i.test(event.key)) return;
  const { key, shiftKey } = event;
  studio.contentDocument?.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true }));
});
