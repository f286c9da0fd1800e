package tune

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// errNoAnswer says that the terminal was closed while a question was open.
var errNoAnswer = errors.New("the questions were not answered; see spillway tune --help for the flags")

// Ask asks on a terminal for what is missing. It changes nothing that was given.
func (o *Options) Ask(in io.Reader, out io.Writer) error {
	q := questions{lines: bufio.NewScanner(in), out: out}
	if o.Worker == "" && o.Capacity == 0 {
		q.ask("Messages a second that one busy pod settles, or the URL of a running worker to measure it of", func(answer string) error {
			if v, err := strconv.ParseFloat(answer, 64); err == nil {
				o.Capacity = v
				if v < 1e-3 || v > 1e7 {
					return errors.New("give 0.001 to 10000000")
				}
				return nil
			}
			_, err := metricsURL(answer)
			if err != nil || !strings.ContainsAny(answer, ".:") {
				return errors.New("give a number such as 200, or a URL such as http://127.0.0.1:8080")
			}
			o.Capacity, o.Worker = 0, answer
			return nil
		})
	}
	if o.StartUp < 0 && o.Name == "" {
		q.ask("Seconds until a new pod takes messages [30]", func(answer string) error {
			if answer == "" {
				answer = "30"
			}
			v, err := strconv.ParseFloat(strings.TrimSuffix(answer, "s"), 64)
			if err != nil || !(v >= 0 && v <= 3600) {
				return errors.New("give 0 to 3600")
			}
			o.StartUp = time.Duration(v * float64(time.Second))
			return nil
		})
	}
	if o.Trace == "" && o.Synthetic == "" && o.Prometheus == "" {
		names := syntheticNames()
		q.ask("Arrivals: a CSV file of seconds and messages a second, or one of "+strings.Join(names, ", ")+" ["+names[0]+"]", func(answer string) error {
			switch {
			case answer == "":
				o.Synthetic = names[0]
			case slices.Contains(names, answer):
				o.Synthetic = answer
			default:
				o.Trace = answer
			}
			return nil
		})
	}
	return q.err
}

// questions are asked one after the other, each again until its answer will do.
type questions struct {
	lines *bufio.Scanner
	out   io.Writer
	err   error
}

func (q *questions) ask(question string, take func(answer string) error) {
	for q.err == nil {
		fmt.Fprintf(q.out, "%s: ", question)
		if !q.lines.Scan() {
			fmt.Fprintln(q.out)
			q.err = errNoAnswer
			return
		}
		err := take(strings.TrimSpace(q.lines.Text()))
		if err == nil {
			return
		}
		fmt.Fprintln(q.out, err)
	}
}
