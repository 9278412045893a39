// The list of runs: says how many are ticked, and lets go only what a comparison can show.

const form = document.getElementById("compare");

function count() {
  const picked = document.querySelectorAll('input[form="compare"]:checked').length;
  const most = Number(form.dataset.most);
  form.querySelector("button").disabled = picked < 2 || picked > most;
  form.querySelector("[data-picks]").textContent =
    picked < 2
      ? "Tick two or more runs to see them side by side."
      : picked > most
        ? `${picked} ticked; at most ${most} fit side by side.`
        : `${picked} ticked.`;
}

if (form) {
  document.addEventListener("change", (event) => {
    if (event.target.matches?.('input[form="compare"]')) count();
  });
  document.addEventListener("htmx:afterSettle", count);
  addEventListener("pageshow", count); // the browser's Back brings the ticks back
  count();
}
