// Wires the stream to what is shown.

import { Charts, text } from "./charts.js";
import { Controls } from "./controls.js";
import * as format from "./format.js";
import { Lanes } from "./lanes.js";
import { Ledger } from "./ledger.js";
import { Model } from "./model.js";
import { follow } from "./stream.js";

const model = new Model();
const charts = new Charts(model);
const controls = new Controls();
const lanes = new Lanes(model, (order) => controls.order(order));
const ledger = new Ledger(document.getElementById("ledger"));
const link = document.getElementById("link");

const words = { live: "live", away: "away: trying again", over: "the show is over" };

function say(id, value) {
  text(document.getElementById(id), value);
}

function counters(frame) {
  for (const name of ["published", "settled", "waiting", "lost", "duplicated", "redelivered", "podSeconds"]) {
    say(`count-${name}`, format.count(frame[name]));
  }
  const lost = document.getElementById("count-lost").parentElement;
  lost.classList.toggle("bad", frame.lost > 0);
  lost.classList.toggle("good", frame.lost === 0);
}

let asked = false;
let run;
let show;

// draw is called at most once for each picture that the screen shows.
function draw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const { frame } = model;
    if (!frame) return;
    charts.draw();
    lanes.draw({ ...charts.range(), looking: charts.looking, slots: frame.slots });
    ledger.draw(model.events);
    controls.draw(frame);
    counters(frame);
    for (const id of ["phase", "clock", "ending", "monitoring", "autoscaler", "explain", "slots"]) say(id, String(frame[id]));
  });
}

follow("/events", {
  history(update) {
    if (update.run !== run || update.show !== show) ledger.reset();
    ({ run, show } = update);
    document.getElementById("over").hidden = true;
    model.takeHistory(update);
    draw();
  },
  frame(update) {
    model.takeFrame(update);
    draw();
  },
  over({ summary }) {
    document.getElementById("over").hidden = false;
    say("summary", summary);
  },
  state(now) {
    link.dataset.state = now;
    text(link, words[now]);
  },
});

new ResizeObserver(draw).observe(document.body);
