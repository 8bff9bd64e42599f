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
