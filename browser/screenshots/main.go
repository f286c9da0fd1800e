// Command screenshots makes the pictures of the documents from real shows. It takes about four minutes.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"

	"spillway/browser/chrome"
)

func main() {
	program := flag.String("program", "../bin/spillway", "the program whose demo is shown")
	out := flag.String("out", "../docs/images", "folder that the pictures are written to")
	flag.Parse()
	if err := run(*program, *out); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

// shot is one picture.
type shot struct {
	name          string
	width, height int64
	dark          bool
}

// scene is a show with what is done and what is photographed once that is to be seen.
type scene struct {
	args []string
	acts []act
}

// act waits for a condition, presses controls and takes pictures.
type act struct {
	until string // JavaScript.
	press []string
	shots []shot
}

func scenes() []scene {
	const ledger = `document.getElementById("ledger").innerText`
	return []scene{
		{
			args: []string{"--policy=backlog"},
			acts: []act{{
				until: `/^quiet/.test(document.getElementById("phase").textContent) && document.querySelectorAll("#lanes li[data-state=serving]").length > 14`,
				shots: []shot{
					{name: "demo-backlog-light", width: 1360, height: 1190},
					{name: "demo-backlog-dark", width: 1360, height: 1190, dark: true},
				},
			}},
		},
		{
			args: []string{"--policy=desired"},
			acts: []act{{
				until: `/^quiet/.test(document.getElementById("phase").textContent)`,
				shots: []shot{
					{name: "demo-desired-light", width: 1360, height: 1190},
					{name: "demo-desired-dark", width: 1360, height: 1190, dark: true},
				},
			}},
		},
		{
			args: []string{"--policy=desired", "--stay"},
			acts: []act{
				{
					until: `document.querySelectorAll("#lanes li[data-state=serving]").length > 14`,
					press: []string{"#kill", "#gap"},
				},
				{
					until: `/is held/.test(document.getElementById("monitoring").textContent) && /delivered again/.test(` + ledger + `)`,
					shots: []shot{{name: "demo-trouble", width: 1360, height: 1700}, {name: "demo-phone", width: 390, height: 1500}},
				},
			},
		},
	}
}

// sceneLimit bounds a scene.
const sceneLimit = 4 * time.Minute

func run(program, out string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // A folder of the repository.
		return err
	}
	tab, end, err := chrome.Open(ctx, "")
	if err != nil {
		return err
	}
	defer end()
	for _, s := range scenes() {
		if err := play(ctx, tab, program, out, s); err != nil {
			return err
		}
	}
	return nil
}

// play gives a show and photographs it.
func play(ctx, tab context.Context, program, out string, s scene) (err error) {
	ctx, cancel := context.WithTimeout(ctx, sceneLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"demo"}, s.args...)...) //nolint:gosec // The user names it.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		cancel()
		_, _ = io.Copy(io.Discard, stdout)
		exit := cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); err == nil && code != 0 && code != 130 {
			err = fmt.Errorf("%s demo %s: %w", program, strings.Join(s.args, " "), exit)
		}
	}()
	lines := bufio.NewReader(stdout)
	url, err := address(lines)
	if err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	tab, leave := context.WithTimeout(tab, sceneLimit)
	defer leave()
	for i, a := range s.acts {
		if i == 0 {
			err = chrome.Show(tab, url, a.until)
		} else {
			err = chrome.Wait(tab, a.until)
		}
		if err != nil {
			return err
		}
		if err := perform(tab, out, a); err != nil {
			return err
		}
	}
	return nil
}

// address reads lines up to the one with the page's address.
func address(lines *bufio.Reader) (string, error) {
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return "", errors.New("the demo ended before it served its page")
		}
		if found := regexp.MustCompile(`the page is at (http://\S+)`).FindStringSubmatch(line); found != nil {
			return found[1], nil
		}
	}
}

func perform(tab context.Context, out string, a act) error {
	for _, control := range a.press {
		if err := chromedp.Do(tab, chromedp.Click(chromedp.CSS(control))); err != nil {
			return fmt.Errorf("pressing %s: %w", control, err)
		}
	}
	for _, s := range a.shots {
		if err := take(tab, filepath.Join(out, s.name+".png"), s); err != nil {
			return fmt.Errorf("taking %s: %w", s.name, err)
		}
	}
	return nil
}

func take(tab context.Context, path string, s shot) error {
	if err := chrome.Look(tab, s.width, s.height, 1, s.dark); err != nil {
		return err
	}
	if err := chromedp.Do(tab, chromedp.Sleep(time.Second)); err != nil { // The next frame is drawn at the new size.
		return err
	}
	picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	small, err := shrink(picture)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d kB\n", path, len(small)>>10) //nolint:forbidigo // It is what the command says.
	return os.WriteFile(path, small, 0o644)         //nolint:gosec // A file of the repository.
}
