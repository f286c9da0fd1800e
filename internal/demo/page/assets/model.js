// What has been sent, as columns over one axis of time. The server bounds the history and sends it again whenever it made
// it coarser, so nothing here grows beyond what one history holds and what comes until the next.

export class Model {
  constructor() {
    this.step = 0.5;
    this.origin = 0;
    this.columns = new Map();
    this.length = 0;
    this.lanes = new Map();
    this.events = [];
    this.frame = null;
  }

  // takeHistory replaces everything.
  takeHistory(update) {
    this.step = update.step;
    this.origin = update.origin ?? 0;
    this.columns = new Map(update.columns.map((name) => [name, []]));
    this.length = 0;
    this.lanes = new Map();
    this.events = [];
    this.takeFrame(update);
  }

  // takeFrame appends what is new; the first point may replace the newest one.
  takeFrame(update) {
    this.frame = update.frame;
    const names = [...this.columns.keys()];
    update.points.forEach((values, i) => {
      names.forEach((name, column) => {
        put(this.columns.get(name), update.at + i, values ? values[column] : null);
      });
    });
    this.length = update.at + update.points.length;
    this.takeLanes(update.lanes ?? []);
    this.events.push(...update.events);
    this.events.splice(0, this.events.length - 200);
  }

  takeLanes(updates) {
    const named = new Set(updates.map((lane) => lane.name));
    for (const name of this.lanes.keys()) {
      if (!named.has(name)) this.lanes.delete(name);
    }
    for (const update of updates) {
      const lane = this.lanes.get(update.name) ?? { inFlight: [], rate: [] };
      lane.worker = update;
      update.points.forEach((values, i) => {
        put(lane.inFlight, update.at + i, values ? values[0] : null);
        put(lane.rate, update.at + i, values ? values[1] : null);
      });
      this.lanes.set(update.name, lane);
    }
  }

  // now is the end of the axis, in seconds since the show began.
  now() {
    return this.timeOf(Math.max(0, this.length - 1));
  }

  timeOf(index) {
    return this.origin + index * this.step;
  }

  indexAt(time) {
    return Math.round((time - this.origin) / this.step);
  }

  // newest is a column's last value, null when it is unknown.
  newest(name) {
    return this.at(name, this.length - 1);
  }

  at(name, index) {
    return this.columns.get(name)?.[index] ?? null;
  }
}

// put writes into an array that may be shorter than the index; what lies between is unknown.
function put(array, index, value) {
  while (array.length < index) array.push(null);
  array[index] = value;
}
