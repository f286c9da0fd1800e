// Package chrome drives a headless Chromium of its own: a fresh profile, and no host but this machine.
package chrome

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// ErrMissing says that there is no Chromium on this machine.
var ErrMissing = errors.New("no chromium, chromium-browser or google-chrome is in PATH; on Debian: apt-get install chromium")

// Open starts a browser and returns the context of its only tab. proxy, unless it is empty, is the URL of a proxy for every
// request, those to this machine too. End ends the browser and removes its profile.
func Open(ctx context.Context, proxy string) (tab context.Context, end func(), err error) {
	path, err := find()
	if err != nil {
		return nil, nil, err
	}
	profile, err := os.MkdirTemp("", "spillway-browser-")
	if err != nil {
		return nil, nil, err
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.DisableGPU, chromedp.NoSandbox, // Root has no sandbox.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.Flag("hide-scrollbars", true),
	)
	if proxy != "" {
		opts = append(opts, chromedp.Flag("proxy-server", proxy), chromedp.Flag("proxy-bypass-list", "<-loopback>"))
	}
	allocator, endAllocator := chromedp.NewExecAllocator(ctx, opts...)
	tab, endTab := chromedp.NewContext(allocator)
	end = func() {
		_ = chromedp.Cancel(tab)
		endTab()
		endAllocator()
		_ = os.RemoveAll(profile)
	}
	if err := chromedp.Do(tab); err != nil {
		end()
		return nil, nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return tab, end, nil
}

func find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrMissing
}

// Look sets the size of the page in CSS pixels, how many of the screen's there are in one, and the color scheme.
func Look(tab context.Context, width, height int64, scale float64, dark bool) error {
	scheme := map[bool]string{false: "light", true: "dark"}[dark]
	_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		return err
	}
	return chromedp.Do(tab, chromedp.EmulateViewport(width, height, chromedp.EmulateScale(scale)))
}

// Show opens a URL and waits until its condition, a JavaScript expression, is true.
func Show(tab context.Context, url, condition string) error {
	if err := chromedp.Do(tab, chromedp.Navigate(url)); err != nil {
		return fmt.Errorf("opening %s: %w", url, err)
	}
	return Wait(tab, condition)
}

// Wait waits until a JavaScript expression is true, for at most as long as the tab's context lives.
func Wait(tab context.Context, condition string) error {
	safe := "(() => { try { return Boolean(" + condition + "); } catch { return false; } })()" // What is not there yet is no error.
	if _, err := chromedp.Run(tab, chromedp.Poll[bool](safe, chromedp.WithPollingTimeout(0))); err != nil {
		return fmt.Errorf("waiting for %s: %w", condition, err)
	}
	return nil
}
