// The form of a sweep: beside each hyperparameter stands what may be written for it.

const hints = JSON.parse(document.getElementById("sweep-hints").textContent);

for (const hint of document.querySelectorAll("[data-hint-of]")) {
  const select = document.getElementById(hint.dataset.hintOf);
  const show = () => {
    hint.textContent = hints[select.value] ?? "";
    hint.hidden = !hint.textContent;
  };
  select.addEventListener("change", show);
  addEventListener("pageshow", show);
  show();
}
