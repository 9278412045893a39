// Draws every <div class="chart" data-chart="ID">: ID names a <script type="application/json"> with
// a plotly figure made on the server. Redraws in place when that script is swapped for a newer one
// and when the theme changes. A trace says which ink it wants with `meta: {ink: "accent"}`: the
// name of a custom property of site.css.

const drawn = new WeakMap(); // chart element -> the text of the figure it shows

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function axis(own) {
  return {
    gridcolor: ink("line"),
    linecolor: ink("line-2"),
    zeroline: false,
    automargin: true,
    fixedrange: true,
    ...own,
    title: { font: { size: 12 }, standoff: 8, ...own?.title },
  };
}

function layout(own) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  return {
    autosize: true,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: ink("ink-2") },
    margin: { l: 8, r: 12, t: 8, b: 8 },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    hovermode: "x unified",
    hoverlabel: { bgcolor: ink("surface"), bordercolor: ink("line-2"), font: { color: ink("ink") } },
    bargap: 0.25,
    transition: { duration: still ? 0 : 150 },
    ...own,
    xaxis: axis(own.xaxis),
    yaxis: axis(own.yaxis),
    ...(own.yaxis2 ? { yaxis2: axis(own.yaxis2) } : {}),
  };
}

function trace(own) {
  const colour = ink(own.meta?.ink ?? "accent");
  return {
    ...own,
    marker: { color: colour, ...own.marker },
    ...(own.type === "scatter" ? { line: { color: colour, ...own.line } } : {}),
    ...(own.mode === "text" ? { textfont: { color: colour, size: 14, weight: 700, ...own.textfont } } : {}),
  };
}

function draw(element, anew) {
  const text = document.getElementById(element.dataset.chart)?.textContent;
  if (!text || (!anew && drawn.get(element) === text)) return;
  drawn.set(element, text);
  const figure = JSON.parse(text);
  Plotly.react(element, figure.data.map(trace), layout(figure.layout ?? {}), {
    displayModeBar: false,
    responsive: true,
  });
  if (element.dataset.opens) followClicks(element);
}

// data-opens="/things/": a click on a point opens the page of what its customdata names first.
function followClicks(element) {
  element.removeAllListeners("plotly_click");
  element.on("plotly_click", ({ points }) => {
    location.assign(`${element.dataset.opens}${points[0].customdata[0]}/`);
  });
}

function drawAll(anew = false) {
  for (const element of document.querySelectorAll("[data-chart]")) draw(element, anew);
}

const carriesFigure = (node) =>
  node.nodeType === Node.ELEMENT_NODE &&
  (node.matches('script[type="application/json"]') ||
    node.querySelector('script[type="application/json"], [data-chart]'));

new MutationObserver((records) => {
  if (records.some((record) => [...record.addedNodes].some(carriesFigure))) drawAll();
}).observe(document.body, { childList: true, subtree: true });
document.addEventListener("digitsite:theme", () => drawAll(true));
drawAll();
