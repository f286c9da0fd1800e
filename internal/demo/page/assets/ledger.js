// The ledger: what happened, newest first. Only what is new is added, so a screen reader says each line once.

import { clock } from "./format.js";

const most = 200;

export class Ledger {
  constructor(list) {
    this.list = list;
    this.last = 0;
  }

  // reset forgets everything, for another show.
  reset() {
    this.list.replaceChildren();
    this.last = 0;
  }

  draw(events) {
    for (const event of events) {
      if (event.id <= this.last) continue;
      this.last = event.id;
      this.list.prepend(line(event));
    }
    while (this.list.childElementCount > most) this.list.lastElementChild.remove();
  }
}

function line(event) {
  const item = document.createElement("li");
  item.className = event.kind;
  const time = document.createElement("time");
  time.textContent = clock(event.at);
  const words = document.createElement("p");
  words.textContent = event.text;
  item.append(time, words);
  return item;
}
