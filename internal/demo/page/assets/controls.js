// The controls: each sends one order and shows how the show stands, which is what the server says and not what was pressed.

import { text } from "./charts.js";
import { rate } from "./format.js";

export class Controls {
  constructor() {
    this.answer = document.getElementById("answer");
    this.slider = document.getElementById("rate");
    this.written = document.getElementById("rate-value");
    this.sliding = 0; // Until when the slider is the person's, in milliseconds.
    const form = document.getElementById("orders");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("click", (event) => this.press(event.target.closest("button[data-do]")));
    for (const radio of form.querySelectorAll("input[name=policy]")) {
      radio.addEventListener("change", () => this.order({ do: "policy", policy: radio.value }));
    }
    this.slider.addEventListener("input", () => {
      this.sliding = Date.now() + 2000;
      text(this.written, rate(Number(this.slider.value)));
    });
    this.slider.addEventListener("change", () => this.order({ do: "rate", value: Number(this.slider.value) }));
  }

  press(button) {
    if (!button) return;
    const order = { do: button.dataset.do };
    if (button.hasAttribute("aria-pressed")) order.on = button.getAttribute("aria-pressed") !== "true";
    if (button.dataset.on) order.on = true;
    this.order(order);
  }

  // order sends an order and says what became of it.
  async order(order) {
    try {
      const response = await fetch("/controls", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(order),
        signal: AbortSignal.timeout(10000),
      });
      const problem = response.ok ? "" : ((await response.json().catch(() => null))?.error ?? response.statusText);
      this.say(problem || `${order.do}: done`, Boolean(problem));
    } catch (error) {
      this.say(`${order.do}: the show does not answer (${error.message})`, true);
    }
  }

  say(words, bad) {
    text(this.answer, words);
    this.answer.classList.toggle("bad", bad);
  }

  draw({ controls }) {
    for (const name of ["slow", "gap", "region"]) {
      document.getElementById(name).setAttribute("aria-pressed", controls[name]);
    }
    document.getElementById("spike").disabled = controls.spike;
    for (const radio of document.querySelectorAll("input[name=policy]")) {
      radio.checked = radio.value === controls.policy;
    }
    if (Date.now() < this.sliding) return;
    this.slider.value = controls.rate;
    text(this.written, rate(controls.rate));
  }
}
