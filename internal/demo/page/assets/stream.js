// The stream of events. A browser comes back by itself when a stream breaks; this adds the two cases in which it does not:
// an answer that is no stream, and a stream that says nothing any more.

const silence = 5000;
const pause = 1500;

export function follow(url, { history, frame, over, state }) {
  let source;
  let watchdog;
  let ended = false;

  const open = () => {
    source = new EventSource(url);
    const on = (name, take) =>
      source.addEventListener(name, (event) => {
        heard();
        take(JSON.parse(event.data));
      });
    on("history", (data) => {
      ended = false;
      history(data);
    });
    on("frame", frame);
    on("over", (data) => {
      ended = true;
      state("over");
      over(data);
    });
    source.addEventListener("error", () => {
      if (!ended) state("away");
      if (source.readyState === EventSource.CLOSED || ended) again();
    });
    heard(false);
  };
  const again = () => {
    source.close();
    clearTimeout(watchdog);
    watchdog = setTimeout(open, pause);
  };
  const heard = (live = true) => {
    if (live && !ended) state("live");
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      if (!ended) state("away");
      again();
    }, silence);
  };
  open();
}
