"use strict";
// A click on a heading sorts by its column, the largest first; another one turns it around.
const UNITS = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, PiB: 2 ** 50 };
const DIGITS = /^(?:± )?(-?[\d,]+(?:\.\d+)?) ?([KMGTP]iB)?/;
function valueOf(cell) {
  const found = DIGITS.exec(cell.textContent);
  return found ? Number(found[1].replaceAll(",", "")) * (UNITS[found[2]] || 1) : -Infinity;
}
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    const number = head.classList.contains("number");
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== (number ? "descending" : "ascending")
        ? number : !number;
      const order = (a, b) => number ? valueOf(a.cells[column]) - valueOf(b.cells[column])
        : a.cells[column].textContent.localeCompare(b.cells[column].textContent);
      const rows = [...table.tBodies[0].rows].sort((a, b) => down ? order(b, a) : order(a, b));
      table.tBodies[0].append(...rows);
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
    });
  });
}

// Pointing at the map tells which pages a cell stands for, and what they are.
function bytesOf(text) {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
function numbersOf(text) {
  const view = new DataView(bytesOf(text).buffer);
  return Array.from({ length: view.byteLength / 4 }, (_, i) => view.getUint32(4 * i, true));
}
function told(data, line, column) {
  const part = data.parts.find((each) => line >= each.line && line < each.line + each.lines);
  const cell = line * data.columns + column;
  const first = part && ((line - part.line) * data.columns + column) * data.pages;
  if (!part || first >= part.pages) return "";
  const last = Math.min(first + data.pages, part.pages) - 1;
  const range = first === last ? `page ${first.toLocaleString("en")}`
    : `pages ${first.toLocaleString("en")} to ${last.toLocaleString("en")}`;
  const lines = [part.name, range];
  const look = data.looks[data.look[cell]], mapping = data.mappings[data.mapping[cell]];
  lines.push((mapping ? `${mapping}, ` : "") + (first === last ? look : `mostly ${look}`));
  if (data.size[cell] > 0) {
    const mean = first === last ? "" : " on average";
    lines.push(`${data.size[cell].toLocaleString("en")} bytes${mean}, `
      + `in the size class of ${data.class[cell].toLocaleString("en")}`);
  }
  return lines.join("\n");
}
for (const script of document.querySelectorAll("script.cells")) {
  const data = JSON.parse(script.textContent);
  for (const name of ["look", "mapping"]) data[name] = bytesOf(data[name]);
  for (const name of ["size", "class"]) data[name] = numbersOf(data[name]);
  const lines = data.look.length / data.columns;
  const figure = script.closest("figure"), image = figure.querySelector("image");
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  figure.addEventListener("pointerleave", () => { tip.hidden = true; });
  figure.addEventListener("pointermove", (event) => {
    const box = image.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / box.width * data.columns);
    const line = Math.floor((event.clientY - box.top) / box.height * lines);
    const inside = column >= 0 && column < data.columns && line >= 0 && line < lines;
    tip.textContent = inside ? told(data, line, column) : "";
    tip.hidden = tip.textContent === "";
    if (tip.hidden) return;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, room))}px`;
    const above = event.clientY + 18 + tip.offsetHeight > window.innerHeight;
    tip.style.top = `${event.clientY + (above ? -tip.offsetHeight - 12 : 18)}px`;
  });
}
