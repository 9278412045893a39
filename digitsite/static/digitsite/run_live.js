// Keeps the page of a run fresh. htmx swaps what the event stream sends; when the stream fails or
// falls silent, this module asks for all regions every two seconds until it is back.

const POLL_MS = 2000;
const SILENCE_MS = 25000; // the server says something at least every ten seconds

const root = document.getElementById("run-live");
const notice = document.getElementById("run-connection");
const applied = new Map(); // region id -> the HTML it shows
let over = root.dataset.over === "true";
let streaming = false;
let heard = Date.now();
let asking = false;

function hear() {
  heard = Date.now();
  notice.hidden = true;
}

root.addEventListener("htmx:sseOpen", (event) => {
  streaming = true;
  applied.clear();
  hear();
  event.detail.source.addEventListener("beat", hear);
});
root.addEventListener("htmx:sseMessage", hear);
root.addEventListener("htmx:sseError", () => {
  streaming = false;
});
root.addEventListener("htmx:sseClose", (event) => {
  if (event.detail.type === "message") over = true;
});

function apply(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const template of page.querySelectorAll("template[data-region]")) {
    const id = template.dataset.region;
    if (applied.get(id) === template.innerHTML) continue;
    applied.set(id, template.innerHTML);
    document.getElementById(id).replaceChildren(document.importNode(template.content, true));
  }
  over = page.querySelector("template[data-over]") !== null;
}

async function ask() {
  asking = true;
  try {
    const answer = await fetch(root.dataset.poll, {
      redirect: "manual",
      signal: AbortSignal.timeout(10000),
    });
    if (answer.type === "opaqueredirect" || answer.status === 403 || answer.status === 404) {
      location.reload(); // signed out, or the run is gone: let the page itself say so
      over = true;
    } else if (answer.ok) {
      apply(await answer.text());
      notice.hidden = true;
    } else {
      notice.hidden = false;
    }
  } catch {
    notice.hidden = false; // the server is away; the next turn asks again
  } finally {
    asking = false;
  }
}

setInterval(() => {
  const silent = Date.now() - heard > SILENCE_MS;
  if (!over && !asking && !document.hidden && (!streaming || silent)) ask();
}, POLL_MS);

// The log follows its last line, unless the reader has scrolled up.
const log = document.querySelector("[data-log]");
let following = true;
const toTheEnd = () => {
  if (following) log.scrollTop = log.scrollHeight;
};
log.addEventListener("scroll", () => {
  following = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
});
new MutationObserver(toTheEnd).observe(log, { childList: true, subtree: true });
toTheEnd();
