// The charts that the page has, the moment that is looked at, and the table that says the same in words.

import { Chart } from "./chart.js";
import * as format from "./format.js";

const specs = [
  {
    title: "Messages", unit: "per second", format: format.rate, tick: format.count, time: format.clock, least: 100,
    series: [
      { name: "arriving", label: "arriving", color: "blue" },
      { name: "settled", label: "settled", color: "green" },
    ],
  },
  {
    title: "Backlog", unit: "messages", format: format.count, tick: format.count, time: format.clock, least: 100,
    series: [
      { name: "backlog", label: "true", color: "ink" },
      { name: "monitoring", label: "Monitoring shows", color: "orange", held: "held", step: true },
      { name: "estimate", label: "Spillway estimates", color: "violet" },
    ],
  },
  {
    title: "Replicas", unit: "pods", format: format.replicas, tick: format.count, time: format.clock, least: 4, even: true,
    series: [
      { name: "wanted", label: "desired", color: "blue", step: true, weight: "bold" },
      { name: "serving", label: "current", color: "green", step: true },
      { name: "asked", label: "Spillway’s law asks", color: "violet", weight: "faint", loose: true },
    ],
  },
  {
    title: "Age", unit: "until settled", format: format.age, tick: format.age, time: format.clock, log: true,
    series: [
      { name: "p50", label: "p50", color: "green" },
      { name: "p99", label: "p99", color: "red" },
    ],
  },
];

export class Charts {
  constructor(model) {
    this.model = model;
    this.charts = specs.map((spec) => new Chart(spec));
    this.looking = null; // The moment that is looked at, in seconds; null is now.
    this.span = document.getElementById("window");
    this.cursor = document.getElementById("cursor");
    document.getElementById("charts").append(...this.charts.map((chart) => chart.element));
    this.span.addEventListener("change", () => this.draw());
    this.cursor.addEventListener("input", () => this.look(this.cursor.value / 1000));
    for (const { plot } of this.charts) {
      plot.addEventListener("pointermove", (event) => this.point(event, plot));
      plot.addEventListener("pointerleave", () => this.look(1));
    }
    this.rows = table(document.querySelector("#values tbody"));
  }

  // range is the part of the axis that is shown.
  range() {
    const now = Math.max(this.model.now(), 10);
    const span = Number(this.span.value);
    return { from: span ? Math.max(this.model.origin, now - span) : this.model.origin, to: now };
  }

  point(event, plot) {
    const box = plot.getBoundingClientRect();
    this.look((event.clientX - box.left - 52) / Math.max(1, box.width - 60));
  }

  // look moves to a share of the range that is shown; the right end is now.
  look(share) {
    const { from, to } = this.range();
    this.looking = share >= 1 ? null : from + Math.max(0, share) * (to - from);
    if (share >= 1) this.cursor.value = 1000;
    this.draw();
  }

  draw() {
    const { model } = this;
    const range = this.range();
    const newest = model.length - 1;
    const at = this.looking === null ? newest : Math.min(newest, Math.max(0, model.indexAt(this.looking)));
    for (const chart of this.charts) chart.draw(model, { ...range, at, cursor: this.looking !== null });
    const words = this.charts.map((chart) => chart.words(model, at)).join(", ");
    const when = this.looking === null ? "now" : format.clock(model.timeOf(at));
    this.cursor.setAttribute("aria-valuetext", `${when}: ${words}`);
    this.rows(model);
  }
}

// table makes a row for each series and returns what writes the newest values into them.
function table(body) {
  const cells = [];
  for (const spec of specs) {
    for (const series of spec.series) {
      const row = body.insertRow();
      const name = document.createElement("th");
      name.scope = "row";
      name.textContent = `${spec.title}: ${series.label}`;
      row.append(name);
      const value = row.insertCell();
      row.insertCell().textContent = spec.unit;
      cells.push([series.name, spec.format, value]);
    }
  }
  return (model) => {
    for (const [name, write, cell] of cells) text(cell, write(model.newest(name)));
  };
}

// text changes an element only if what it says changes.
export function text(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
