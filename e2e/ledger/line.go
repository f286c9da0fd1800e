package ledger

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"spillway/internal/demo"
)

// errLine says that a line is not a delivery.
var errLine = errors.New("not a delivery: want ID, publish time in nanoseconds and attempt")

// appendLine appends a delivery as a line: ID, publish time in nanoseconds since 1970 and attempt.
func appendLine(to []byte, d demo.Delivery) []byte {
	to = append(to, d.ID...)
	to = strconv.AppendInt(append(to, ' '), d.Published.UnixNano(), 10)
	to = strconv.AppendInt(append(to, ' '), int64(d.Attempt), 10)
	return append(to, '\n')
}

// parseLine reads what appendLine wrote, without the line's end.
func parseLine(line string) (demo.Delivery, error) {
	fields := strings.Split(line, " ")
	if len(fields) != 3 || fields[0] == "" {
		return demo.Delivery{}, fmt.Errorf("%q is %w", line, errLine)
	}
	nanos, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return demo.Delivery{}, fmt.Errorf("%q is %w", line, errLine)
	}
	attempt, err := strconv.Atoi(fields[2])
	if err != nil || attempt < 0 {
		return demo.Delivery{}, fmt.Errorf("%q is %w", line, errLine)
	}
	return demo.Delivery{ID: fields[0], Published: time.Unix(0, nanos), Attempt: attempt}, nil
}
