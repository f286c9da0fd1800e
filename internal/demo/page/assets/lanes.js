// One lane for each worker process, on the charts' axis of time.

import { path, set, svg } from "./chart.js";
import { text } from "./charts.js";
import * as format from "./format.js";

export class Lanes {
  constructor(model, order) {
    this.model = model;
    this.order = order;
    this.list = document.getElementById("lanes");
    this.rows = new Map();
  }

  // draw shows the lanes from time `from` to `to`; looking is the moment that is looked at, null for now.
  draw({ from, to, looking, slots }) {
    for (const [name, row] of this.rows) {
      if (!this.model.lanes.has(name)) {
        row.item.remove();
        this.rows.delete(name);
      }
    }
    const lanes = [...this.model.lanes.entries()];
    const most = Math.max(1, ...lanes.map(([, lane]) => greatest(lane.rate)));
    for (const [name, lane] of lanes) {
      if (!this.rows.has(name)) this.rows.set(name, this.row(name));
      this.show(this.rows.get(name), lane, { from, to, most, looking, slots });
    }
  }

  row(name) {
    const item = document.createElement("li");
    item.dataset.worker = name;
    const title = element("span", "name");
    const figures = element("span", "figures");
    const fill = svg("path", { class: "fill" });
    const line = svg("path", { class: "line" });
    const mark = svg("line", { class: "cursor" });
    const strip = svg("svg", { class: "strip", role: "img" }, fill, line, mark);
    const track = element("span", "track");
    track.append(strip);
    const kill = button("kill -9", `kill -9 ${name}`, () => this.order({ do: "kill", worker: name }));
    const cut = button("cut", `cut the network of ${name}`, () => this.order({ do: "cut", worker: name, on: !row.cutNow }));
    const acts = element("span", "acts");
    acts.append(kill, cut);
    item.append(title, figures, track, acts);
    this.list.append(item);
    const row = { item, title, figures, strip, fill, line, mark, kill, cut, cutNow: false, page: undefined };
    return row;
  }

  show(row, lane, view) {
    const { worker } = lane;
    row.item.dataset.state = worker.state;
    if (row.page !== worker.page) {
      row.page = worker.page;
      row.title.replaceChildren(worker.page ? link(worker.page, worker.name) : worker.name);
    }
    row.cutNow = worker.cut;
    const alive = worker.state === "serving";
    const words = alive ? `${format.count(worker.inFlight)} in flight, ${format.rate(worker.rate)}` : worker.state;
    text(row.figures, worker.cut ? `network cut, ${words}` : words);
    row.figures.dataset.cut = worker.cut;
    row.kill.disabled = !alive;
    row.cut.disabled = !alive;
    row.cut.setAttribute("aria-pressed", worker.cut);
    text(row.cut, worker.cut ? "mend" : "cut");
    this.strip(row, lane, view);
  }

  strip(row, lane, { from, to, most, looking, slots }) {
    const { model } = this;
    const box = row.strip.getBoundingClientRect();
    const width = Math.max(60, box.width);
    const height = Math.max(20, box.height);
    set(row.strip, { viewBox: `0 0 ${width} ${height}`, "aria-label": `${lane.worker.name}: ${row.figures.textContent}` });
    const first = Math.floor((from - model.origin) / model.step);
    const last = model.length - 1;
    const x = (i) => ((model.timeOf(i) - from) / (to - from)) * width;
    set(row.fill, { d: area(lane.rate, first, last, x, (v) => height - (v / most) * (height - 2), height) });
    set(row.line, { d: path(lane.inFlight, first, last, x, (v) => height - 1 - (Math.min(v, slots) / slots) * (height - 3)) });
    const at = ((looking - from) / (to - from)) * width;
    set(row.mark, { x1: at, x2: at, y1: 0, y2: height, visibility: looking === null ? "hidden" : "visible" });
  }
}

// area is the path of what lies under the values, in a piece for each stretch that is known.
function area(values, from, to, x, y, floor) {
  let d = "";
  let open = false;
  let end = 0;
  for (let i = Math.max(0, from); i <= to && i < values.length; i++) {
    const value = values[i];
    if (value === null || value === undefined) {
      if (open) d += `L${end} ${floor}Z`;
      open = false;
      continue;
    }
    end = x(i).toFixed(1);
    d += open ? `L${end} ${y(value).toFixed(1)}` : `M${end} ${floor}L${end} ${y(value).toFixed(1)}`;
    open = true;
  }
  return open ? `${d}L${end} ${floor}Z` : d;
}

function greatest(values) {
  return values.reduce((most, value) => Math.max(most, value ?? 0), 0);
}

function element(name, className) {
  const made = document.createElement(name);
  made.className = className;
  return made;
}

function button(words, label, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = words;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

function link(href, words) {
  const made = document.createElement("a");
  made.href = href;
  made.target = "_blank";
  made.rel = "noreferrer";
  made.textContent = words;
  return made;
}
