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
var errLine = errors.New("not a delivery: want ID and publish time in nanoseconds")

// appendLine appends a delivery as a line: ID and publish time in nanoseconds since 1970.
func appendLine(to []byte, d demo.Delivery) []byte {
	to = append(to, d.ID...)
	to = strconv.AppendInt(append(to, ' '), d.Published.UnixNano(), 10)
	return append(to, '\n')
}

// parseLine reads what appendLine wrote, without the line's end.
func parseLine(line string) (demo.Delivery, error) {
	id, published, _ := strings.Cut(line, " ")
	nanos, err := strconv.ParseInt(published, 10, 64)
	if err != nil || id == "" {
		return demo.Delivery{}, fmt.Errorf("%q is %w", line, errLine)
	}
	return demo.Delivery{ID: id, Published: time.Unix(0, nanos)}, nil
}
