// Applies the theme that was chosen by hand before the first paint (so it is loaded in <head>
// without `defer`), and wires the toggle. Charts and the studio listen to `digitsite:theme`.

const root = document.documentElement;
const night = matchMedia("(prefers-color-scheme: dark)");

function stored() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null; // storage refused: follow the system
  }
}

function current() {
  return root.dataset.theme || (night.matches ? "dark" : "light");
}

function announce() {
  const theme = current();
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.setAttribute("aria-pressed", String(theme === "dark"));
  }
  document.dispatchEvent(new CustomEvent("digitsite:theme", { detail: theme }));
}

function choose(theme) {
  root.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Storage refused: the choice lasts for this page.
  }
  announce();
}

// The Django admin keeps its choice under the same key; its "auto" is our following the system.
function adopt(theme) {
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  else delete root.dataset.theme;
}

adopt(stored());

night.addEventListener("change", announce);
addEventListener("storage", (event) => {
  if (event.key === "theme") {
    adopt(event.newValue);
    announce();
  }
});
document.addEventListener("DOMContentLoaded", () => {
  announce();
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) {
      choose(current() === "dark" ? "light" : "dark");
    }
  });
});
