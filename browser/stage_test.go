package browser

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// bin is where the programs are.
var bin string

func TestMain(m *testing.M) {
	os.Exit(build(m))
}

// build builds the programs, from the sources beside this module, and runs the tests.
func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "spillway-browser-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", dir+string(filepath.Separator), "./cmd/...")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the programs: %v\n%s", err, out)
		return 1
	}
	bin = dir
	return m.Run()
}

// demo is a show that runs.
type demo struct {
	cmd  *exec.Cmd
	url  string
	rest chan string // What it said from the page's address on, once it has ended.
}

// startDemo starts a show and waits for the address of its page.
func startDemo(t *testing.T, args ...string) *demo {
	t.Helper()
	d := &demo{cmd: exec.Command(filepath.Join(bin, "spillway"), append([]string{"demo"}, args...)...), rest: make(chan string, 1)} //nolint:noctx // The test's own program; the cleanup ends it.
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.cmd.Stderr = os.Stderr
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	var said string
	for d.url == "" {
		line, err := lines.ReadString('\n')
		said += line
		if err != nil {
			_ = d.cmd.Wait()
			t.Fatalf("the demo ended: %v\n%s", err, said)
		}
		if found := regexp.MustCompile(`the page is at (http://\S+)`).FindStringSubmatch(line); found != nil {
			d.url = found[1]
		}
	}
	go func() {
		all, _ := io.ReadAll(lines)
		d.rest <- string(all)
	}()
	t.Cleanup(func() {
		if d.cmd.ProcessState == nil {
			_ = d.cmd.Process.Signal(syscall.SIGINT)
			<-d.rest
			_ = d.cmd.Wait()
		}
	})
	return d
}

// end ends the show by Ctrl-C and returns its exit code and what it said last.
func (d *demo) end(t *testing.T) (code int, said string) {
	t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	said = <-d.rest
	_ = d.cmd.Wait() // The code says it.
	return d.cmd.ProcessState.ExitCode(), said
}

// road is the browser's only way to anything: a proxy that leads to one page alone and can be closed.
type road struct {
	*httptest.Server
	closed atomic.Bool
}

func newRoad(t *testing.T, page string) *road {
	t.Helper()
	r := &road{}
	forward := &httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}, FlushInterval: -1, ErrorHandler: broken}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.closed.Load() || !strings.Contains(page, "//"+req.Host+"/") { // A browser's own requests to its maker end here.
			http.Error(w, "there is no road", http.StatusBadGateway)
			return
		}
		forward.ServeHTTP(w, req)
	}))
	t.Cleanup(func() { r.CloseClientConnections(); r.Close() })
	return r
}

// broken answers for a page that is not there.
func broken(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, err.Error(), http.StatusBadGateway)
}

// set closes the road, which breaks what is under way, or opens it.
func (r *road) set(closed bool) {
	r.closed.Store(closed)
	if closed {
		r.CloseClientConnections()
	}
}

// patience bounds every waiting; a busy machine takes long.
const patience = 2 * time.Minute
