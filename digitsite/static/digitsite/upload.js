// Uploading: a file that is too large is told before it is sent, and how much has been sent.

const form = () => document.querySelector("[data-upload]");
const part = (name) => form().querySelector(`[data-${name}]`);

function problem(sentence) {
  part("problem").textContent = sentence;
  part("problem").hidden = !sentence;
}

function sending(is) {
  part("sending").hidden = !is;
  form().querySelector("button").disabled = is;
}

document.body.addEventListener("htmx:configRequest", (event) => {
  if (event.target !== form()) return;
  problem("");
  const input = form().querySelector("input[type=file]");
  const most = Number(input.dataset.maxBytes);
  const total = [...input.files].reduce((sum, file) => sum + file.size, 0);
  if (total > most) {
    event.preventDefault();
    problem(`An upload has at most ${most.toLocaleString("en")} bytes, these are ${total.toLocaleString("en")}.`);
    return;
  }
  sending(true);
});

document.body.addEventListener("htmx:xhr:progress", (event) => {
  const { loaded, total, lengthComputable } = event.detail;
  if (!lengthComputable || !total || event.target !== form()) return;
  form().querySelector("progress").value = loaded / total;
  part("sent").textContent = loaded < total ? `${Math.floor((100 * loaded) / total)} %` : "done, being kept …";
});

// A refusal is the form again, with its sentences, or a short answer of the site itself.
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target !== form()) return;
  if (event.detail.xhr.getResponseHeader("content-type")?.startsWith("text/html")) {
    event.detail.shouldSwap = [200, 422, 429].includes(event.detail.xhr.status);
    event.detail.isError = false;
  }
});

document.body.addEventListener("htmx:afterSettle", () => document.querySelector("[data-focus]")?.focus());

for (const kind of ["htmx:responseError", "htmx:sendError"]) {
  document.body.addEventListener(kind, (event) => {
    if (!form()) return;
    sending(false);
    let sentence = "The connection broke off. Try again.";
    try {
      sentence = JSON.parse(event.detail.xhr.responseText).error.message;
    } catch {
      // not an answer of the site
    }
    problem(sentence);
  });
}
