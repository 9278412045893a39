// The launch form: one click is one run, and errors are where the eye and the keyboard are.

const form = document.querySelector("[data-launch]");
const button = form.querySelector("button:not([type=button])");

document.querySelector("[data-focus]")?.focus();

form.addEventListener("submit", () => {
  button.disabled = true;
});
addEventListener("pageshow", () => {
  button.disabled = false; // came back with the browser's Back
});

// A link in the summary of errors opens the folded group of its field.
form.addEventListener("click", (event) => {
  const target = event.target.closest('a[href^="#"]')?.getAttribute("href");
  if (!target) return;
  const field = document.getElementById(target.slice(1));
  field?.closest("details")?.setAttribute("open", "");
  field?.focus();
});
