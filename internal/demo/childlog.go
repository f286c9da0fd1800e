package demo

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
)

// maxLine bounds what is kept of a child's line.
const maxLine = 64 << 10

// childLog reads a child's JSON log line by line: it reports the address of the entry "serving" and keeps the last
// complaint. It is safe for concurrent use.
type childLog struct {
	serving func(address string)

	mu        sync.Mutex
	rest      []byte // The beginning of a line.
	complaint string
}

// Write takes any piece of the log.
func (l *childLog) Write(piece []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, piece...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			break
		}
		l.take(line)
		l.rest = rest
	}
	if len(l.rest) > maxLine {
		l.rest = nil
	}
	return len(piece), nil
}

// take reads one line. Whatever is not JSON is a complaint: usage errors are plain text.
func (l *childLog) take(line []byte) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return
	}
	var entry struct {
		Severity string `json:"severity"`
		Message  string `json:"message"`
		Address  string `json:"address"`
		Error    string `json:"error"`
	}
	if json.Unmarshal(line, &entry) != nil {
		if !crash(l.complaint) { // The stack that follows says less.
			l.complaint = string(line)
		}
		return
	}
	switch entry.Severity {
	case "WARNING", "ERROR", "CRITICAL":
		l.complaint = entry.Message
		if entry.Error != "" {
			l.complaint += ": " + entry.Error
		}
	}
	if entry.Message == "serving" && entry.Address != "" {
		l.serving(entry.Address)
	}
}

// crash says whether a complaint is the first line of what the Go runtime prints as it ends a program.
func crash(complaint string) bool {
	return strings.HasPrefix(complaint, "panic: ") || strings.HasPrefix(complaint, "fatal error: ")
}

// last returns the last complaint.
func (l *childLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if rest := bytes.TrimSpace(l.rest); len(rest) > 0 {
		return string(rest)
	}
	return l.complaint
}
