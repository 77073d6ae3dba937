// Progressive enhancement: every page is complete without this script.
"use strict";

// The theme: light, dark, or that of the system.
const root = document.documentElement;
// What addresses of this site begin with, where it is served under a path.
const base = root.dataset.base ?? "";
const themes = ["system", "light", "dark"];
const stored = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
const setTheme = (theme) => {
  if (theme === "system") root.removeAttribute("data-theme"); else root.setAttribute("data-theme", theme);
  try { localStorage.setItem("theme", theme); } catch { /* storage is disabled */ }
};
let theme = themes.includes(stored) ? stored : "system";
if (theme !== "system") setTheme(theme);
for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  const show = () => { button.textContent = `Theme: ${theme}`; };
  button.hidden = false;
  show();
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    setTheme(theme);
    show();
  });
}

// Filters apply on change.
for (const form of document.querySelectorAll("[data-filters]")) {
  const button = form.querySelector("[data-apply]");
  if (button) button.hidden = true;
  form.addEventListener("change", (event) => {
    // Another range has no end but today.
    const end = form.querySelector("[data-range-end]");
    if (end && event.target.name === "since" && !event.target.selectedOptions[0].hasAttribute("data-shown")) end.disabled = true;
    // Empty filters are left out, so that addresses stay short.
    for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
    form.requestSubmit();
  });
}

// Say where a table is wider than its place, and fade the edge behind which there is more.
for (const place of document.querySelectorAll(".scroll")) {
  const said = place.previousElementSibling?.hasAttribute("data-scrolls") ? place.previousElementSibling : null;
  const look = () => {
    const rest = place.scrollWidth - place.clientWidth - place.scrollLeft;
    place.classList.toggle("more-right", rest > 1);
    place.classList.toggle("more-left", place.scrollLeft > 1);
    if (said) said.hidden = place.scrollWidth <= place.clientWidth + 1;
  };
  place.addEventListener("scroll", look, { passive: true });
  new ResizeObserver(look).observe(place);
  look();
}

// Sort a table by clicking a column header.
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const isNumber = head.classList.contains("number");
      const before = head.getAttribute("aria-sort");
      const direction = before === "descending" || (before === null && !isNumber) ? "ascending" : "descending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", direction);
      const key = (row) => {
        const cell = row.cells[index];
        if (!isNumber) return cell.textContent.trim();
        return cell.dataset.sort === "" || cell.dataset.sort === undefined ? NaN : Number(cell.dataset.sort);
      };
      const sign = direction === "ascending" ? 1 : -1;
      const rows = [...body.rows].map((row) => [key(row), row]);
      rows.sort(([left], [right]) => {
        if (!isNumber) return sign * left.localeCompare(right);
        // Missing values come last in either direction.
        if (Number.isNaN(left)) return Number.isNaN(right) ? 0 : 1;
        return Number.isNaN(right) ? -1 : sign * (left - right);
      });
      body.append(...rows.map(([, row]) => row));
    });
  });
}

// Show the values under the pointer, or step with the arrow keys.
for (const figure of document.querySelectorAll(".figure")) {
  const columns = [...figure.querySelectorAll(".column")];
  if (columns.length === 0) continue;
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-live", "polite");
  figure.append(tip);
  const texts = columns.map((column) => {
    const title = column.querySelector("title");
    const text = title ? title.textContent : "";
    if (title) title.remove();
    return text;
  });
  let current = -1;
  const show = (index) => {
    if (current >= 0) columns[current].classList.remove("current");
    current = index;
    tip.hidden = index < 0;
    if (index < 0) return;
    columns[index].classList.add("current");
    tip.textContent = texts[index];
    const frame = figure.getBoundingClientRect();
    const box = columns[index].getBoundingClientRect();
    const middle = box.left + box.width / 2 - frame.left;
    const left = middle > frame.width / 2 ? middle - tip.offsetWidth - 14 : middle + 14;
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = "8px";
  };
  columns.forEach((column, index) => column.addEventListener("pointerenter", () => show(index)));
  figure.addEventListener("pointerleave", () => show(-1));
  const chart = figure.querySelector("svg");
  chart.setAttribute("tabindex", "0");
  chart.addEventListener("blur", () => show(-1));
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") show(-1);
    if (!step) return;
    event.preventDefault();
    show(Math.min(columns.length - 1, Math.max(0, current + step)));
  });
}

// The SQL editor: run with a shortcut, insert a column name with a click.
for (const form of document.querySelectorAll("[data-sql]")) {
  const editor = form.querySelector("textarea");
  const hint = form.querySelector("[data-shortcut]");
  if (hint) hint.hidden = false;
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  editor.addEventListener("input", () => {
    const link = form.querySelector("[data-share]");
    if (link) link.href = `${base}/sql?query=${encodeURIComponent(editor.value)}`;
  });
  for (const name of document.querySelectorAll("[data-insert]")) {
    name.setAttribute("role", "button");
    name.tabIndex = 0;
    const insert = () => {
      editor.setRangeText(name.dataset.insert, editor.selectionStart, editor.selectionEnd, "end");
      editor.focus();
    };
    name.addEventListener("click", insert);
    name.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); insert(); }
    });
  }
}

// The page of an empty collector reloads when the first span has arrived.
for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin + base;
if (document.querySelector("[data-waiting]")) {
  const poll = async () => {
    try {
      const response = await fetch(`${base}/api/v1/tables`, { headers: { accept: "application/json" } });
      if (response.ok && (await response.json()).some((table) => table.rows > 0)) { location.reload(); return; }
    } catch { /* the collector may be restarting */ }
    setTimeout(poll, 2000);
  };
  setTimeout(poll, 2000);
}

// Reload when stale answers have been recomputed.
if (document.querySelector("[data-old]")) setTimeout(() => location.reload(), 5000);
