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
