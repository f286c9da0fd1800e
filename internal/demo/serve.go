package demo

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"time"

	"go.uber.org/zap"

	"spillway/internal/demo/page"
	"spillway/internal/httpserver"
)

// pageEnd bounds how long open pages may take to read how the show ended.
const pageEnd = 2 * time.Second

// errNoAct is why nothing can be turned before the stage stands and after it is struck.
var errNoAct = errors.New("the show is not running")

// Direct hands an order to what is on the stage.
func (a *App) Direct(ctx context.Context, o page.Order) error {
	act := a.act.Load()
	if act == nil {
		return errNoAct
	}
	return act.Direct(ctx, o)
}

// servePage serves the page while perform runs, and shows its summary there before it ends.
func (a *App) servePage(ctx context.Context, perform func(context.Context) (string, error)) error {
	ln, err := httpserver.Listen(ctx, "--page", a.opts.Page)
	if err != nil {
		return err
	}
	url := "http://" + ln.Addr().String() + "/"
	fmt.Fprintf(a.out, "the page is at %s\n", url)
	handler := page.Handler(a.board, a, page.Hosts(ln.Addr()))
	own, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	served := make(chan error, 1)
	go func() { served <- httpserver.Serve(own, ln, handler, pageEnd, zap.NewNop()) }()
	if a.opts.Open {
		if err := openBrowser(ctx, url); err != nil {
			fmt.Fprintf(a.out, "opening a browser: %v; open the page yourself\n", err)
		}
	}
	summary, err := perform(ctx)
	if summary == "" && err != nil {
		summary = err.Error()
	}
	a.board.End(summary)
	end()
	if closed := <-served; closed != nil && !errors.Is(closed, context.DeadlineExceeded) {
		err = errors.Join(err, closed)
	}
	return err
}

// openBrowser asks the desktop to open a URL. It does not wait for the browser.
func openBrowser(ctx context.Context, url string) error {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), name, args...) //nolint:gosec // The URL is the page's own.
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}
