(function () {
  "use strict";
  const report = JSON.parse(document.getElementById("report-data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  // Where nothing can hover, plotly would show its tools all the time, over the legend.
  const canHover = window.matchMedia("(hover: hover)");
  let printing = false;
  let hiddenBlocks = [];

  // Plots ---------------------------------------------------------------------------------------------------------
  const theme = () => report.themes[dark.matches && !printing ? "dark" : "light"];
  const places = Array.from(document.querySelectorAll(".plot"));
  const visible = (place) => place.offsetParent !== null;

  function drawPlot(place) {
    if (place.dataset.drawn) return;
    place.dataset.drawn = "yes";
    const spec = report.plots[place.id];
    const layout = Object.assign({}, spec.layout, {
      template: theme(), width: place.clientWidth, height: Number(place.dataset.height),
    });
    const config = {
      displaylogo: false, showTips: false,
      displayModeBar: place.dataset.tools === "yes" && canHover.matches ? "hover" : false,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    };
    Plotly.newPlot(place, spec.data, layout, config).then(function () {
      widths.observe(place);
      place.on("plotly_click", function (event) {
        const trial = event.points[0].customdata;
        if (trial) showTrial(trial);
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

  function drawSoon() {
    // One plot per turn of the event loop, from top to bottom: the page answers while the rest is drawn.
    const next = places.find((place) => !place.dataset.drawn && visible(place));
    if (!next) return;
    drawPlot(next);
    window.setTimeout(drawSoon, 0);
  }

  function retheme() {
    for (const place of places) {
      if (place.dataset.drawn) Plotly.relayout(place, { template: theme() });
    }
  }

  dark.addEventListener("change", retheme);
  window.addEventListener("beforeprint", function () {
    printing = true;
    document.querySelectorAll("details").forEach((block) => { block.open = true; });
    hiddenBlocks = Array.from(document.querySelectorAll(".alternative[hidden]"));
    hiddenBlocks.forEach((block) => { block.hidden = false; });
    places.filter(visible).forEach(drawPlot);
    retheme();
  });
  window.addEventListener("afterprint", function () {
    printing = false;
    hiddenBlocks.forEach((block) => { block.hidden = true; });
    retheme();
  });
  document.querySelectorAll("details").forEach((block) => block.addEventListener("toggle", drawSoon));

  document.querySelectorAll(".switch input").forEach(function (choice) {
    choice.addEventListener("change", function () {
      document.querySelectorAll("[data-alternative-of='" + choice.name + "']").forEach(function (block) {
        block.hidden = block.id !== choice.value;
      });
      drawSoon();
    });
  });

  // Trials --------------------------------------------------------------------------------------------------------
  const table = report.trials;
  const body = document.querySelector("#trials-table tbody");
  const headings = Array.from(document.querySelectorAll("#trials-table th"));
  const filterText = document.getElementById("filter-text");
  const filterSpace = document.getElementById("filter-space");
  const filterStop = document.getElementById("filter-stop");
  const count = document.getElementById("trials-count");
  const more = document.getElementById("trials-more");
  const column = (name) => table.columns.findIndex((entry) => entry.name === name);
  const at = { id: column("trial_id"), space: column("space"), stop: column("stop_reason") };
  let sorted = { index: column("best_miou"), descending: true };
  let shown = 50;

  function element(tag, text, attributes) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    for (const name in attributes || {}) made.setAttribute(name, attributes[name]);
    return made;
  }

  function formatted(value, entry) {
    if (value === null || value === "") return "\u2013";
    if (entry.decimals === null) return String(value);
    return Number(value).toLocaleString("en-US", {
      minimumFractionDigits: entry.decimals, maximumFractionDigits: entry.decimals,
    });
  }

  function order(left, right) {
    const first = table.rows[left][sorted.index], second = table.rows[right][sorted.index];
    const firstMissing = first === null || first === "", secondMissing = second === null || second === "";
    if (firstMissing || secondMissing) return firstMissing - secondMissing || left - right;
    const way = typeof first === "number" ? first - second : String(first).localeCompare(String(second));
    return (sorted.descending ? -way : way) || left - right;
  }

  function chosenRows() {
    const words = filterText.value.toLowerCase().split(/\s+/).filter(Boolean);
    return table.rows.map((_, index) => index).filter(function (index) {
      const row = table.rows[index];
      if (filterSpace.value && row[at.space] !== filterSpace.value) return false;
      if (filterStop.value && row[at.stop] !== filterStop.value) return false;
      if (!words.length) return true;
      const text = row.concat(configuration(index).map((pair) => pair.join("="))).join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    }).sort(order);
  }

  function configuration(index) {
    return table.parameters.map((name, place) => [name, table.configurations[place][index]])
      .filter((pair) => pair[1] !== null && pair[1] !== "");
  }

  function configurationRow(index) {
    const row = element("tr", undefined, { class: "configuration", id: "configuration-" + index });
    const cell = element("td", undefined, { colspan: String(table.columns.length) });
    if (table.errors[index]) cell.append(element("pre", table.errors[index]));
    const list = element("dl");
    for (const [name, value] of configuration(index)) {
      const pair = element("div");
      pair.append(element("dt", name), element("dd", String(value)));
      list.append(pair);
    }
    cell.append(list);
    row.append(cell);
    return row;
  }

  function trialRow(index) {
    const row = element("tr");
    table.columns.forEach(function (entry, place) {
      const text = formatted(table.rows[index][place], entry);
      const cell = element("td", undefined, entry.decimals === null ? {} : { class: "n" });
      if (place === at.id) {
        const button = element("button", text, { type: "button", "aria-expanded": "false" });
        button.addEventListener("click", () => toggle(row, button, index));
        cell.append(button);
      } else {
        cell.textContent = text;
      }
      row.append(cell);
    });
    return row;
  }

  function toggle(row, button, index) {
    const open = button.getAttribute("aria-expanded") === "true";
    if (open) row.nextElementSibling.remove();
    else row.after(configurationRow(index));
    button.setAttribute("aria-expanded", String(!open));
  }

  function fill() {
    const chosen = chosenRows();
    body.replaceChildren(...chosen.slice(0, shown).map(trialRow));
    count.textContent = chosen.length === table.rows.length
      ? table.rows.length + " trials" : chosen.length + " of " + table.rows.length + " trials";
    more.hidden = chosen.length <= shown;
    headings.forEach(function (heading, index) {
      if (index === sorted.index) heading.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    });
  }

  function showTrial(trial) {
    // Plots hold names escaped for plotly; the parser of a detached element gives the plain name back.
    const plain = new DOMParser().parseFromString(trial, "text/html").documentElement.textContent;
    filterText.value = plain;
    filterSpace.value = "";
    filterStop.value = "";
    fill();
    const button = body.querySelector("button");
    if (!button) return;
    if (button.getAttribute("aria-expanded") === "false") button.click();
    document.getElementById("trials").scrollIntoView({ block: "start" });
    button.focus({ preventScroll: true });
  }

  headings.forEach(function (heading, index) {
    heading.querySelector("button").addEventListener("click", function () {
      const numeric = table.columns[index].decimals !== null;
      sorted = { index, descending: sorted.index === index ? !sorted.descending : numeric };
      fill();
    });
  });
  [filterText, filterSpace, filterStop].forEach((field) => field.addEventListener("input", fill));
  more.addEventListener("click", function () { shown += 200; fill(); });

  fill();
  drawSoon();
})();
