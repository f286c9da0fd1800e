package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"spillway/browser/chrome"
)

// looker is a person at the page.
type looker struct {
	tab context.Context

	mu         sync.Mutex
	complaints []string
}

// look opens a page through a road.
func look(t *testing.T, url, road string) *looker {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	tab, end, err := chrome.Open(ctx, road)
	if errors.Is(err, chrome.ErrMissing) && os.Getenv("SPILLWAY_REQUIRE_BROWSER") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	l := &looker{tab: tab}
	console := chromedp.Console(tab)
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException || m.Type == chromedp.ConsoleWarning {
				l.mu.Lock()
				l.complaints = append(l.complaints, m.Text)
				l.mu.Unlock()
			}
		}
	}()
	if err := chrome.Look(tab, 1440, 1000, 1, false); err != nil {
		t.Fatal(err)
	}
	if err := chrome.Show(tab, url, live); err != nil {
		t.Fatal(err)
	}
	return l
}

// Conditions, in JavaScript.
const (
	live = `document.getElementById("link").dataset.state === "live"`
	away = `document.getElementById("link").dataset.state === "away"`
	over = `document.getElementById("link").dataset.state === "over"`
)

// said returns what the console complained of since the last time.
func (l *looker) said() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	said := l.complaints
	l.complaints = nil
	return said
}

// wait waits until a condition holds.
func (l *looker) wait(t *testing.T, condition string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(l.tab, patience)
	defer cancel()
	if err := chrome.Wait(ctx, fmt.Sprintf(condition, args...)); err != nil {
		t.Fatalf("%v; the ledger says:\n%s", err, l.text(t, "#ledger"))
	}
}

// value evaluates an expression.
func value[V any](t *testing.T, l *looker, expression string, opts ...chromedp.EvaluateOption) V {
	t.Helper()
	v, err := chromedp.Run(l.tab, chromedp.Evaluate[V](expression, opts...))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (l *looker) text(t *testing.T, selector string) string {
	t.Helper()
	return value[string](t, l, fmt.Sprintf(`document.querySelector(%q).innerText`, selector))
}

// press presses a control by the keyboard.
func (l *looker) press(t *testing.T, selector string) {
	t.Helper()
	if err := chromedp.Do(l.tab, chromedp.Focus(chromedp.CSS(selector)), chromedp.KeyEvent(kb.Enter)); err != nil {
		t.Fatalf("pressing %s: %v", selector, err)
	}
}

// count is a counter's value, in JavaScript.
func count(name string) string {
	return fmt.Sprintf(`Number(document.getElementById("count-%s").textContent.replaceAll(",", ""))`, name)
}

// key is the figure beside a series' name in its chart, in JavaScript; a series is found by its color there.
func key(chart int, color string) string {
	return fmt.Sprintf(`document.querySelectorAll(".chart")[%d].querySelector(".key:has(.%s) > span").textContent`, chart, color)
}

// lane counts the lanes whose worker is in a state, in JavaScript.
func lanes(state string) string {
	return fmt.Sprintf(`document.querySelectorAll('#lanes li[data-state=%q]').length`, state)
}

const (
	messages = 0
	backlog  = 1
	replicas = 2
)

func TestTheShowInABrowser(t *testing.T) {
	d := startDemo(t, "--fast", "--stay")
	road := newRoad(t, d.url)
	l := look(t, d.url, road.URL)

	t.Run("charts move", func(t *testing.T) {
		line := `document.querySelector(".chart .series.blue:not(.key *)").getAttribute("d")`
		l.wait(t, `%s.length > 20 && %s > 0`, line, count("settled"))
		before := value[string](t, l, line)
		settled := value[float64](t, l, count("settled"))
		l.wait(t, `%s !== %q && %s > %g`, line, before, count("settled"), settled)
		l.wait(t, `%s >= 2`, lanes("serving"))
		for _, lane := range []string{"worker-1", "worker-2"} {
			l.wait(t, `document.querySelector('#lanes li[data-worker=%q] .line').getAttribute("d").length > 20`, lane)
		}
	})

	t.Run("nothing overflows, on a phone and on a projector, light and dark", l.expectRoom)

	t.Run("nothing is fetched from outside", func(t *testing.T) {
		outside := value[[]string](t, l, `performance.getEntriesByType("resource").map((e) => e.name).filter((name) => !name.startsWith(location.origin))`)
		if len(outside) > 0 || value[float64](t, l, `performance.getEntriesByType("resource").length`) < 10 {
			t.Errorf("it fetched %v", outside)
		}
	})

	t.Run("everything has a name, and the charts have words", func(t *testing.T) {
		if nameless := value[[]string](t, l, nameless); len(nameless) > 0 {
			t.Errorf("no name: %v", nameless)
		}
		l.wait(t, `[...document.querySelectorAll("svg.plot")].every((p) => /: \S+ .*, /.test(p.getAttribute("aria-label")))`)
		table := l.text(t, "#values")
		for _, want := range []string{"Backlog: true", "Backlog: Monitoring shows", "Replicas: desired", "Age: p99"} {
			if !strings.Contains(table, want) {
				t.Errorf("the table of values has no %q", want)
			}
		}
	})

	t.Run("what is unknown is a gap and a word, never 0", func(t *testing.T) {
		if wrong := value[[]string](t, l, unknowns, chromedp.EvalAwaitPromise); len(wrong) > 0 {
			t.Errorf("wrong: %v", wrong)
		}
	})

	t.Run("arrow keys look at a moment", func(t *testing.T) {
		if err := chromedp.Do(l.tab, chromedp.Focus(chromedp.CSS("#cursor")), chromedp.KeyEvent(kb.ArrowLeft)); err != nil {
			t.Fatal(err)
		}
		l.wait(t, `document.querySelector("line.cursor").getAttribute("visibility") === "visible"`)
		l.wait(t, `/^\d+m\d\ds: arriving /.test(document.getElementById("cursor").getAttribute("aria-valuetext"))`)
		l.wait(t, `document.querySelector("#lanes line.cursor").getAttribute("visibility") === "visible"`)
		if err := chromedp.Do(l.tab, chromedp.KeyEvent(kb.End)); err != nil {
			t.Fatal(err)
		}
		l.wait(t, `document.getElementById("cursor").getAttribute("aria-valuetext").startsWith("now: ")`)
	})

	t.Run("a spike leads to more workers", func(t *testing.T) {
		l.press(t, "#spike")
		l.wait(t, `document.getElementById("spike").disabled`)
		l.wait(t, `%s > 2`, lanes("serving"))
		l.wait(t, `/scaled \d+ to \d+ because Monitoring shows/.test(document.getElementById("ledger").innerText)`)
		l.wait(t, `Number(%s) > 2`, key(replicas, "green"))
	})

	t.Run("kill -9 shows a redelivery, and nothing is lost", func(t *testing.T) {
		l.press(t, "#kill")
		l.wait(t, `document.getElementById("ledger").innerText.includes("kill -9 worker-")`)
		l.wait(t, `%s > 0`, count("redelivered"))
		l.wait(t, `/messages were delivered again/.test(document.getElementById("ledger").innerText)`)
		if lost := value[float64](t, l, count("lost")); lost != 0 {
			t.Errorf("%g messages are lost", lost)
		}
	})

	t.Run("a gap is shown as held and then as unknown, never as zero", func(t *testing.T) {
		l.wait(t, `%s !== "unknown"`, key(backlog, "orange"))
		l.press(t, "#gap")
		l.wait(t, `document.getElementById("gap").getAttribute("aria-pressed") === "true"`)
		l.wait(t, `document.getElementById("monitoring").textContent.includes("is held")`)
		held := value[string](t, l, key(backlog, "orange"))
		if held == "unknown" {
			t.Errorf("while it is held, Monitoring shows %s", held)
		}
		l.wait(t, `document.querySelector(".chart .series.orange.held").getAttribute("d").length > 5`)
		l.wait(t, `document.getElementById("monitoring").textContent.includes("which is not 0")`)
		l.wait(t, `%s === "unknown"`, key(backlog, "orange"))
		l.press(t, "#gap")
		l.wait(t, `%s !== "unknown"`, key(backlog, "orange"))
	})

	t.Run("nothing overflows with many workers either", l.expectRoom)

	t.Run("a worker is cut off and mended", func(t *testing.T) {
		cut := `#lanes li[data-worker="worker-1"] .acts button:last-child`
		l.press(t, cut)
		l.wait(t, `document.querySelector('#lanes li[data-worker="worker-1"] .figures').textContent.startsWith("network cut")`)
		l.press(t, cut)
		l.wait(t, `!document.querySelector('#lanes li[data-worker="worker-1"] .figures').textContent.startsWith("network cut")`)
	})

	t.Run("the policy can be changed, and the autoscaler then reads desired replicas", func(t *testing.T) {
		if err := chromedp.Do(l.tab, chromedp.Focus(chromedp.CSS(`input[value="backlog"]`)), chromedp.KeyEvent(kb.ArrowRight)); err != nil {
			t.Fatal(err)
		}
		l.wait(t, `document.querySelector('input[value="desired"]').checked`)
		l.wait(t, `/scales on desired replicas: [0-9.]+ pods are needed/.test(document.getElementById("autoscaler").textContent)`)
		l.wait(t, `/Desired replicas: [0-9.]+/.test(document.getElementById("explain").textContent)`)
		l.wait(t, `Number(%s) > 0 && %s !== "unknown"`, key(replicas, "violet"), key(backlog, "violet"))
	})

	t.Run("an order that cannot be done says why", func(t *testing.T) {
		refused := value[float64](t, l, `(() => { const r = new XMLHttpRequest(); r.open("POST", "/controls", false); `+
			`r.setRequestHeader("Content-Type", "application/json"); r.send('{"do":"kill","worker":"worker-99"}'); return r.status; })()`)
		if refused != 409 {
			t.Errorf("answered %g", refused)
		}
	})

	if said := l.said(); len(said) > 1 { // The refused order is one.
		t.Errorf("the console complains: %v", said)
	}

	t.Run("it comes back by itself after the stream was cut, with the history", func(t *testing.T) {
		points := `document.querySelector(".chart .series.blue:not(.key *)").getAttribute("d").split(/[LHM]/).length`
		before, events := value[float64](t, l, points), value[float64](t, l, `document.getElementById("ledger").childElementCount`)
		road.set(true)
		l.wait(t, away)
		settled := value[float64](t, l, count("settled"))
		road.set(false)
		l.wait(t, live)
		l.wait(t, `%s > %g`, count("settled"), settled)
		if after := value[float64](t, l, points); after < before {
			t.Errorf("%g points before, %g after", before, after)
		}
		if after := value[float64](t, l, `document.getElementById("ledger").childElementCount`); after < events || after > events+20 {
			t.Errorf("%g events before, %g after", events, after)
		}
	})

	t.Run("the page says how the show ended", func(t *testing.T) {
		code, said := d.end(t)
		l.wait(t, over)
		summary := l.text(t, "#summary")
		if code != 0 || !strings.Contains(said, "lost            0\n") || !strings.Contains(summary, "lost            0") {
			t.Errorf("exit code %d\n%s\nthe page: %s", code, said, summary)
		}
	})
}

// expectRoom looks at every size of screen in both color schemes.
func (l *looker) expectRoom(t *testing.T) {
	for _, dark := range []bool{false, true} {
		for _, width := range []int64{320, 390, 768, 1024, 1440, 1920} {
			if err := chrome.Look(l.tab, width, 900, 1, dark); err != nil {
				t.Fatal(err)
			}
			l.wait(t, `innerWidth === %d && matchMedia("(prefers-color-scheme: dark)").matches === %t`, width, dark)
			if wide := value[[]string](t, l, tooWide); len(wide) > 0 {
				t.Errorf("%d wide, dark %t: %v", width, dark, wide)
			}
			if faint := value[[]string](t, l, tooFaint); len(faint) > 0 {
				t.Errorf("%d wide, dark %t: contrast below 4.5: %v", width, dark, faint)
			}
		}
	}
	if err := chrome.Look(l.tab, 1440, 1000, 1, false); err != nil {
		t.Fatal(err)
	}
}

// tooWide lists what is wider than the screen, but for what scrolls by itself.
const tooWide = `(() => {
  const list = [...document.querySelectorAll("body *")].filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width > 1 && (box.right > innerWidth + 1 || box.left < -1) && !e.closest(".wide, pre, svg, .skip");
  });
  const wide = list.map((e) => e.tagName + "#" + e.id + "." + e.className);
  if (document.documentElement.scrollWidth > innerWidth) wide.push("the page scrolls sideways");
  return wide.slice(0, 5);
})()`

// tooFaint lists texts whose contrast with what is behind them is less than 4.5 to 1.
const tooFaint = `(() => {
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] === 1) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const e of document.querySelectorAll("h1, h2, p, dt, dd, td, th, label, legend, button:not(:disabled), .key, .figures, time, a, pre, .badge")) {
    if (!e.textContent.trim() || e.closest("[hidden], noscript, .skip, [data-state=gone]") || getComputedStyle(e).visibility === "hidden") continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(e.tagName + "." + e.className + " " + ratio.toFixed(2));
  }
  return [...new Set(faint)].slice(0, 5);
})()`

// nameless lists what can be operated and has no name for a screen reader.
const nameless = `[...document.querySelectorAll("a, button, input, select, [tabindex='0'], svg[role=img]")].filter((e) => {
  const labels = e.labels ? [...e.labels].map((l) => l.textContent).join("") : "";
  const by = (e.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("");
  return !(labels + by + (e.getAttribute("aria-label") ?? "") + e.textContent).trim();
}).map((e) => e.outerHTML.slice(0, 80))`

// unknowns holds the page's own modules against what they must make of values that are not known. It lists what is wrong.
const unknowns = `(async () => {
  const [chart, format, { Model }] = await Promise.all([import("/chart.js"), import("/format.js"), import("/model.js")]);
  const wrong = [];
  const expect = (what, got, want) => JSON.stringify(got) === JSON.stringify(want) || wrong.push(what + ": " + JSON.stringify(got));
  const same = (v) => v;
  expect("a gap in a line", chart.path([1, null, 3, 4], 0, 3, same, same), "M0.0 1.0h0M2.0 3.0h0L3.0 4.0");
  expect("a gap in steps", chart.path([1, null, 3, 4], 0, 3, same, same, true), "M0.0 1.0h0M2.0 3.0h0H3.0V4.0");
  expect("nothing", chart.path([null, undefined], 0, 5, same, same), "");
  for (const [name, write] of Object.entries(format)) {
    if (typeof write === "function" && name !== "clock") expect(name, [write(null), write(undefined)], ["unknown", "unknown"]);
  }
  expect("zero", [format.count(0), format.rate(0), format.age(0)], ["0", "0/s", "0 ms"]);
  const frame = {}, history = { step: 0.5, columns: ["a", "b"], at: 2, points: [[1, null], null], lanes: [], events: [], frame };
  const model = new Model();
  model.takeHistory(history);
  expect("what was never sent", [model.at("a", 0), model.at("a", 2), model.at("b", 2), model.newest("a"), model.at("c", 2)], [null, 1, null, null, null]);
  model.takeFrame({ at: 3, points: [[5, 6]], lanes: [{ name: "worker-1", at: 3, points: [[10, 200]] }], events: [], frame });
  expect("a step that is sent again", [model.length, model.newest("a"), model.lanes.get("worker-1").rate], [4, 5, [null, null, null, 200]]);
  for (let i = 0; i < 1000; i++) model.takeFrame({ at: 3, points: [[i, i]], lanes: [], events: [{ id: i }], frame });
  expect("a thousand frames", [model.length, model.columns.get("a").length, model.events.length, model.lanes.size], [4, 4, 200, 0]);
  expect("round tops", [0.3, 7, 1000, 1002].map((v) => chart.niceTop(v)), [0.5, 10, 1000, 2000]);
  expect("even tops", [4, 5, 17, 20].map((v) => chart.niceTop(v, true)), [4, 6, 24, 24]);
  return wrong;
})()`
