// Plots ---------------------------------------------------------------------------------------------------------
// Where nothing can hover, plotly would show its tools all the time, over the legend.
const canHover = window.matchMedia("(hover: hover)");
const places = Array.from(document.querySelectorAll(".plot"));
const visible = (place) => place.checkVisibility();
const waiting = [];

function plainName(written) {
  // Plots hold names escaped for plotly; the parser of a detached document gives the plain name back.
  if (typeof written !== "string") return null;
  const plain = new DOMParser().parseFromString(written, "text/html").documentElement.textContent;
  if (indexOf.has(plain)) return plain;
  // Very long names are cut off there.
  const cut = plain.endsWith("\u2026") ? plain.slice(0, -1) : null;
  return (cut && Array.from(indexOf.keys()).find((name) => name.startsWith(cut))) || null;
}

function drawPlot(place) {
  if (place.dataset.drawn) return;
  place.dataset.drawn = "yes";
  const spec = report.plots[place.id];
  const layout = Object.assign({}, spec.layout, {
    template: template(), width: place.clientWidth, height: Number(place.dataset.height),
  });
  const config = {
    displaylogo: false, showTips: false,
    displayModeBar: place.dataset.tools === "yes" && canHover.matches ? "hover" : false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toImage"],
  };
  Plotly.newPlot(place, spec.data, layout, config).then(function () {
    widths.observe(place);
    place.on("plotly_click", function (event) {
      const name = plainName(event.points[0].customdata);
      if (name !== null) openTrial(name);
    });
  });
}

// Plotly's own responsiveness watches the window only; a plot also changes with its column, or when it is shown.
const widths = new ResizeObserver(function (entries) {
  for (const entry of entries) {
    const place = entry.target;
    if (visible(place) && place.layout && Math.abs(place.layout.width - entry.contentRect.width) > 1) {
      window.requestAnimationFrame(() => Plotly.relayout(place, { width: entry.contentRect.width }));
    }
  }
});

function drawNext() {
  // One plot per turn of the event loop: the page answers while the rest is drawn.
  const place = waiting.shift();
  if (place && visible(place)) drawPlot(place);
  else if (place) near.observe(place);
  if (waiting.length) window.setTimeout(drawNext, 0);
}

// A plot is drawn when the reader comes near it; one in a closed block, when that is opened.
const near = new IntersectionObserver(function (entries) {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    near.unobserve(entry.target);
    waiting.push(entry.target);
    if (waiting.length === 1) window.setTimeout(drawNext, 0);
  }
}, { rootMargin: "600px 0px" });

// Plotly's own code comes after this script, so that the table need not wait for it.
document.addEventListener("DOMContentLoaded", () => places.forEach((place) => near.observe(place)));

// Arrow keys go from trial to trial in a plot, Enter opens the one that is named.
function trialPoints(place) {
  const found = new Map();
  place.data.forEach(function (trace, curveNumber) {
    if (!Array.isArray(trace.customdata)) return;
    trace.customdata.forEach(function (written, pointNumber) {
      const x = trace.x[pointNumber], y = trace.y[pointNumber];
      if (typeof written === "string" && x !== null && y !== null) found.set(written, { curveNumber, pointNumber, y, written });
    });
  });
  return Array.from(found.values()).sort((left, right) => right.y - left.y);
}

function say(place, point, number, count) {
  const name = plainName(point.written);
  const row = table.rows[indexOf.get(name)] || [];
  const shown = ["space", "stop_reason", "best_miou"].map((wanted) => column(wanted))
    .map((index) => table.columns[index].label + " " + formatted(row[index] === undefined ? null : row[index], table.columns[index]));
  document.getElementById("spoken").textContent = name + ", " + shown.join(", ") + ", " + number + " of " + count;
}

places.forEach(function (place) {
  place.addEventListener("keydown", function (event) {
    const ways = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (!place.data || !(event.key in ways || event.key === "Enter")) return;
    place.trialPoints = place.trialPoints || trialPoints(place);
    const points = place.trialPoints;
    if (!points.length) return;
    event.preventDefault();
    if (event.key === "Enter") {
      if (place.current !== undefined) openTrial(plainName(points[place.current].written));
      return;
    }
    const start = place.current === undefined ? (ways[event.key] > 0 ? -1 : 0) : place.current;
    place.current = (start + ways[event.key] + points.length) % points.length;
    const point = points[place.current];
    const flat = place.layout.xaxis && !place.layout.scene;
    if (flat) Plotly.Fx.hover(place, [{ curveNumber: point.curveNumber, pointNumber: point.pointNumber }]);
    say(place, point, place.current + 1, points.length);
  });
});

document.querySelectorAll(".switch input").forEach(function (choice) {
  choice.addEventListener("change", function () {
    document.querySelectorAll("[data-alternative-of='" + choice.name + "']").forEach(function (block) {
      block.hidden = block.id !== choice.value;
    });
  });
});

// Pictures to keep, always on white.
document.querySelectorAll("[data-save]").forEach(function (button) {
  button.addEventListener("click", function () {
    const select = button.parentElement.querySelector("select");
    const id = select ? select.value : button.dataset.plot;
    const place = document.getElementById(id), spec = report.plots[id];
    const layout = Object.assign({}, spec.layout, {
      template: report.themes.light, paper_bgcolor: "#ffffff",
      title: { text: element("p", place.getAttribute("aria-label")).innerHTML, x: 0.01, font: { size: 14 } },
      margin: Object.assign({}, spec.layout.margin, { t: 80 }),
    });
    const size = { width: 900, height: Number(place.dataset.height) + 80, scale: 2 };
    Plotly.downloadImage({ data: spec.data, layout },
      Object.assign({ format: button.dataset.save, filename: id.replace("plot-", "") }, size));
  });
});

// Paper ---------------------------------------------------------------------------------------------------------
let hiddenBlocks = [];
let closedBlocks = [];
window.addEventListener("beforeprint", function () {
  printing = true;
  closedBlocks = Array.from(document.querySelectorAll("details:not([open]):not(.demand)"));
  closedBlocks.forEach((block) => { block.open = true; });
  hiddenBlocks = Array.from(document.querySelectorAll(".alternative[hidden]"));
  hiddenBlocks.forEach((block) => { block.hidden = false; });
  places.filter(visible).forEach(drawPlot);
  retheme();
});
window.addEventListener("afterprint", function () {
  printing = false;
  hiddenBlocks.forEach((block) => { block.hidden = true; });
  closedBlocks.forEach((block) => { block.open = false; });
  retheme();
});
