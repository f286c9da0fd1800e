// Line charts in SVG over one axis of time, by hand: a path for each series, a few grid lines, a cursor.

const space = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(space, name);
  set(element, attributes);
  element.append(...children);
  return element;
}

export function set(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
}

// path draws values at the pixels that x and y give. Unknown values are gaps; step holds a value until the next.
export function path(values, from, to, x, y, step = false) {
  let d = "";
  let open = false;
  let last = 0;
  for (let i = Math.max(0, from); i <= to && i < values.length; i++) {
    const value = values[i];
    if (value === null || value === undefined) {
      open = false;
      continue;
    }
    const px = x(i).toFixed(1);
    const py = y(value).toFixed(1);
    if (!open) d += `M${px} ${py}h0`;
    else d += step && py !== last ? `H${px}V${py}` : `L${px} ${py}`;
    open = true;
    last = py;
  }
  return d;
}

// niceTop is the least of 1, 2, 5, 10, ... that value does not exceed by more than a thousandth; even: of 4, 6, 10, 16, 24, 40, whose halves are whole.
export function niceTop(value, even = false) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  const steps = even ? [1, 1.6, 2.4, 4, 6, 10] : [1, 2, 5, 10];
  return steps.map((n) => n * power).find((top) => top >= value * 0.999);
}

const left = 52;
const right = 8;
const top = 8;
const bottom = 18;

export class Chart {
  // spec: title, format, least (the least top of the axis), log, even (whole numbers), series: [{name, label, color, step, weight, held, loose}]; the scale is
  // not made for a loose series, which ends at its top.
  constructor(spec) {
    this.spec = spec;
    this.plot = svg("svg", { class: "plot", role: "img" });
    this.frame = svg("g");
    this.lines = svg("g");
    this.mark = svg("line", { class: "cursor", visibility: "hidden" });
    this.plot.append(this.frame, this.lines, this.mark);
    this.keys = new Map();
    const caption = document.createElement("figcaption");
    const title = document.createElement("b");
    title.textContent = spec.title;
    caption.append(title);
    for (const series of spec.series) caption.append(this.key(series));
    this.element = document.createElement("figure");
    this.element.className = "chart";
    this.element.append(caption, this.plot);
  }

  key(series) {
    const sample = svg("svg", { viewBox: "0 0 22 10", "aria-hidden": "true" }, svg("path", { class: classOf(series), d: "M1 5H21" }));
    const value = document.createElement("span");
    this.keys.set(series.name, value);
    const key = document.createElement("span");
    key.className = "key";
    key.append(sample, `${series.label} `, value);
    return key;
  }

  // draw shows the model from time `from` to `to`; at is the index that the figures speak of, cursor whether to mark it.
  draw(model, { from, to, at, cursor }) {
    const box = this.plot.getBoundingClientRect();
    const width = Math.max(120, box.width);
    const height = Math.max(60, box.height);
    set(this.plot, { viewBox: `0 0 ${width} ${height}` });
    const first = Math.floor((from - model.origin) / model.step);
    const last = Math.ceil((to - model.origin) / model.step);
    const x = (i) => left + ((model.timeOf(i) - from) / (to - from)) * (width - left - right);
    const scale = this.scale(model, first, last, height);
    this.frame.replaceChildren(...this.axes(scale, width, height, from, to), ...events(model, from, to, x, height));
    const lines = [];
    for (const series of this.spec.series) {
      const values = model.columns.get(series.name) ?? [];
      for (const [kind, part] of split(series, values, model)) {
        lines.push(svg("path", { class: classOf(series, kind), d: path(part, first, last, x, scale.y, series.step) }));
      }
      this.keys.get(series.name).textContent = this.spec.format(model.at(series.name, at));
    }
    this.lines.replaceChildren(...lines);
    set(this.mark, { x1: x(at), x2: x(at), y1: top, y2: height - bottom, visibility: cursor ? "visible" : "hidden" });
    set(this.plot, { "aria-label": `${this.spec.title}: ${this.words(model, at)}` });
  }

  words(model, at) {
    return this.spec.series.map((s) => `${s.label} ${this.spec.format(model.at(s.name, at))}`).join(", ");
  }

  // scale is the vertical axis: its ticks, and the pixel of a value.
  scale(model, first, last, height) {
    let most = 0;
    for (const series of this.spec.series.filter((s) => !s.loose)) {
      const values = model.columns.get(series.name) ?? [];
      for (let i = Math.max(0, first); i <= last && i < values.length; i++) most = Math.max(most, values[i] ?? 0);
    }
    const floor = height - bottom;
    const room = floor - top;
    if (this.spec.log) {
      const ticks = [0.01, 0.1, 1, 10, 100, 1000];
      const high = Math.max(1, ticks.findIndex((tick) => tick >= Math.max(most, 1)));
      const decades = Math.log10(ticks[high] / ticks[0]);
      const y = (value) => floor - (Math.log10(Math.max(value, ticks[0]) / ticks[0]) / decades) * room;
      return { y, ticks: ticks.slice(0, high + 1) };
    }
    const high = niceTop(Math.max(most, this.spec.least), this.spec.even);
    return { y: (value) => floor - (Math.min(value, high) / high) * room, ticks: [0, high / 2, high] };
  }

  axes({ y, ticks }, width, height, from, to) {
    const parts = [];
    for (const tick of ticks) {
      parts.push(svg("line", { class: tick === ticks[0] ? "base" : "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }));
      parts.push(svg("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, this.spec.tick(tick)));
    }
    for (const time of times(from, to, width)) {
      const px = left + ((time - from) / (to - from)) * (width - left - right);
      parts.push(svg("text", { x: px, y: height - 3, "text-anchor": time === from ? "start" : "middle" }, this.spec.time(time)));
    }
    return parts;
  }
}

function classOf(series, kind = "") {
  return ["series", series.color, series.weight, kind].filter(Boolean).join(" ");
}

// split gives the parts of a series that are drawn apart: what is held is dashed, where the series has a column for it.
function split(series, values, model) {
  if (!series.held) return [["", values]];
  const held = model.columns.get(series.held) ?? [];
  const near = (i) => held[i] || held[i + 1]; // The step into a held stretch belongs to it.
  return [
    ["", values.map((value, i) => (held[i] ? null : value))],
    ["held", values.map((value, i) => (near(i) || held[i - 1] ? value : null))],
  ];
}

// times are round moments, as many as there is room for.
function times(from, to, width) {
  const room = Math.max(2, Math.floor(width / 110));
  const step = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find((s) => (to - from) / s <= room) ?? 7200;
  const list = [];
  for (let time = Math.ceil(from / step) * step; time <= to - step * 0.35; time += step) list.push(time);
  return list;
}

// events marks what was done and what the story does, the newest 40.
function events(model, from, to, x, height) {
  const marked = model.events.filter((e) => e.at >= from && e.at <= to && e.kind !== "up" && e.kind !== "down").slice(-40);
  return marked.map((e) => {
    const px = x((e.at - model.origin) / model.step);
    const title = svg("title");
    title.textContent = e.text;
    return svg("line", { class: "event", x1: px, x2: px, y1: top, y2: height - bottom }, title);
  });
}
