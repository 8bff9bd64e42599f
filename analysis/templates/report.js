(function () {
  "use strict";
  const report = JSON.parse(document.getElementById("report-data").textContent);

  function element(tag, text, attributes) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    for (const name in attributes || {}) made.setAttribute(name, attributes[name]);
    return made;
  }

  // Light and dark ------------------------------------------------------------------------------------------------
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const themeButton = document.getElementById("theme");
  const choices = [["", "auto"], ["dark", "dark"], ["light", "light"]];
  let printing = false;
  const isDark = () => !printing && (document.documentElement.dataset.theme || (systemDark.matches ? "dark" : "")) === "dark";
  const template = () => report.themes[isDark() ? "dark" : "light"];
  themeButton.hidden = false;
  themeButton.addEventListener("click", function () {
    const now = choices.findIndex((choice) => choice[0] === (document.documentElement.dataset.theme || ""));
    const [name, label] = choices[(now + 1) % choices.length];
    if (name) document.documentElement.dataset.theme = name;
    else delete document.documentElement.dataset.theme;
    themeButton.querySelector("span").textContent = label;
    retheme();
  });
  systemDark.addEventListener("change", retheme);

  function retheme() {
    for (const place of places) {
      if (place.dataset.drawn) Plotly.relayout(place, { template: template() });
    }
  }

  // Trials --------------------------------------------------------------------------------------------------------
  const table = report.trials;
  const column = (name) => table.columns.findIndex((entry) => entry.name === name);
  const at = { id: column("trial_id"), space: column("space"), stop: column("stop_reason") };
  const indexOf = new Map(table.rows.map((row, index) => [row[at.id], index]));
  const dialog = document.getElementById("trial");
  let opened = -1;

  function formatted(value, entry) {
    if (value === null || value === "") return "\u2013";
    if (entry.decimals === null) return String(value);
    return Number(value).toLocaleString("en-US", {
      minimumFractionDigits: entry.decimals, maximumFractionDigits: entry.decimals,
    });
  }

  function configuration(index) {
    return table.parameters.map((name, place) => [name, table.configurations[place][index]])
      .filter((pair) => pair[1] !== null && pair[1] !== "");
  }

  function facts(pairs) {
    const list = element("dl");
    for (const [name, value] of pairs) {
      const pair = element("div");
      pair.append(element("dt", name), element("dd", String(value)));
      list.append(pair);
    }
    return list;
  }

  function curvePicture(index) {
    const scores = table.curves.scores[index], steps = table.curves.steps[table.curves.at[index]];
    if (!scores.length) return element("p", "It was not evaluated.", { class: "quiet small" });
    const values = scores.map((score) => score / table.curves.units);
    const top = Math.max(...values), last = steps[steps.length - 1] || 1;
    const spots = values.map((value, place) => (600 * steps[place] / last).toFixed(1) + "," + (96 - 92 * value / (top || 1)).toFixed(1));
    const space = "http://www.w3.org/2000/svg";
    const picture = document.createElementNS(space, "svg"), line = document.createElementNS(space, "polyline");
    picture.setAttribute("viewBox", "-4 0 608 100");
    picture.setAttribute("preserveAspectRatio", "none");
    picture.setAttribute("aria-hidden", "true");
    line.setAttribute("points", spots.length > 1 ? spots.join(" ") : "0," + spots[0].split(",")[1] + " " + spots[0]);
    picture.append(line);
    const figure = element("figure", undefined, { class: "curve" });
    figure.append(picture, element("figcaption", "mIoU on the validation part from " + values[0].toFixed(4) + " at step "
      + steps[0].toLocaleString("en-US") + " to " + values[values.length - 1].toFixed(4) + " at step "
      + last.toLocaleString("en-US") + ", highest " + top.toFixed(4), { class: "quiet small" }));
    return figure;
  }

  function openTrial(name) {
    const index = indexOf.get(name);
    if (index === undefined) return;
    opened = index;
    document.getElementById("trial-title").textContent = name;
    const parts = [facts(table.columns.map((entry, place) => [entry.label, formatted(table.rows[index][place], entry)]).slice(1))];
    if (table.errors[index]) parts.push(element("h3", "Error"), element("pre", table.errors[index]));
    parts.push(element("h3", "Learning curve"), curvePicture(index), element("h3", "Configuration"), facts(configuration(index)));
    document.getElementById("trial-content").replaceChildren(...parts);
    // A dialog gives the focus back to where it was.
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }

  document.getElementById("trial-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", function (event) { if (event.target === dialog) dialog.close(); });
  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-trial]");
    if (button) openTrial(button.dataset.trial);
  });

  // Table of trials -----------------------------------------------------------------------------------------------
  const PAGE = 100;
  const body = document.querySelector("#trials-table tbody");
  const headings = Array.from(document.querySelectorAll("#trials-table th"));
  const filterText = document.getElementById("filter-text");
  const filters = [["filter-space", at.space], ["filter-stop", at.stop]]
    .map(([id, place]) => ({ field: document.getElementById(id), place }));
  const pager = document.querySelector(".pager");
  const back = document.getElementById("page-back"), on = document.getElementById("page-on");
  let sorted = { index: column("best_miou"), descending: true };
  let page = 0;
  let texts = null;

  function order(left, right) {
    const first = table.rows[left][sorted.index], second = table.rows[right][sorted.index];
    const firstMissing = first === null || first === "", secondMissing = second === null || second === "";
    if (firstMissing || secondMissing) return firstMissing - secondMissing || left - right;
    const way = typeof first === "number" ? first - second : first < second ? -1 : first > second ? 1 : 0;
    return (sorted.descending ? -way : way) || left - right;
  }

  function searched(index) {
    // Made when somebody first types: many trials have much text.
    texts = texts || table.rows.map((row, place) =>
      row.concat(configuration(place).map((pair) => pair.join("=")), table.errors[place]).join(" ").toLowerCase());
    return texts[index];
  }

  function chosenRows() {
    const words = filterText.value.toLowerCase().split(/\s+/).filter(Boolean);
    return table.rows.map((_, index) => index).filter(function (index) {
      const row = table.rows[index];
      if (filters.some(({ field, place }) => field.value && row[place] !== field.value)) return false;
      return !words.length || words.every((word) => searched(index).includes(word));
    }).sort(order);
  }

  function trialRow(index) {
    const row = element("tr");
    table.columns.forEach(function (entry, place) {
      const text = formatted(table.rows[index][place], entry);
      const cell = element(place === at.id ? "th" : "td", undefined, entry.decimals === null ? {} : { class: "n" });
      if (place === at.id) {
        cell.setAttribute("scope", "row");
        cell.append(element("button", text, { type: "button", class: "trial", "data-trial": text }));
      } else {
        cell.textContent = text;
      }
      row.append(cell);
    });
    return row;
  }

  function fill() {
    const chosen = chosenRows();
    const pages = Math.max(1, Math.ceil(chosen.length / PAGE));
    page = Math.min(page, pages - 1);
    const first = page * PAGE, end = Math.min(first + PAGE, chosen.length);
    body.replaceChildren(...chosen.slice(first, end).map(trialRow));
    document.getElementById("trials-count").textContent = chosen.length === table.rows.length
      ? table.rows.length.toLocaleString("en-US") + " trials"
      : chosen.length.toLocaleString("en-US") + " of " + table.rows.length.toLocaleString("en-US") + " trials";
    document.getElementById("page-shown").textContent = (first + 1).toLocaleString("en-US") + " to "
      + end.toLocaleString("en-US") + " of " + chosen.length.toLocaleString("en-US");
    pager.hidden = pages < 2;
    back.disabled = page === 0;
    on.disabled = page === pages - 1;
    headings.forEach(function (heading, index) {
      if (index === sorted.index) heading.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    });
  }

  function turn(to) {
    page = to;
    fill();
  }

  headings.forEach(function (heading, index) {
    heading.querySelector("button").addEventListener("click", function () {
      const numeric = table.columns[index].decimals !== null;
      sorted = { index, descending: sorted.index === index ? !sorted.descending : numeric };
      turn(0);
    });
  });
  [filterText, ...filters.map(({ field }) => field)].forEach((field) => field.addEventListener("input", () => turn(0)));
  back.addEventListener("click", () => turn(page - 1));
  on.addEventListener("click", () => turn(page + 1));
  document.getElementById("trial-in-table").addEventListener("click", function () {
    dialog.close();
    filterText.value = "";
    filters.forEach(({ field }) => { field.value = ""; });
    turn(Math.floor(chosenRows().indexOf(opened) / PAGE));
    const button = Array.from(body.querySelectorAll("[data-trial]")).find((one) => one.dataset.trial === table.rows[opened][at.id]);
    button.scrollIntoView({ block: "center" });
    button.focus({ preventScroll: true });
  });
  fill();

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
})();
