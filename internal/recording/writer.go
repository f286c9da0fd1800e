package recording

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"spillway/internal/nowcast"
)

// Writer writes a recording into a file. When that has reached its bound it is renamed to FILE.1, in place of the one before, and
// begun anew: at most twice the bound is on the disk. It is not safe for concurrent use.
type Writer struct {
	path  string
	bound int64

	file    *os.File
	out     *bufio.Writer
	written int64
	flows   map[Flow]introduced
	failed  error
}

// introduced is a flow that the file knows.
type introduced struct {
	number int
	law    nowcast.Law
}

// Replaceable returns nil when a recording may be begun at path: nothing is there, or an empty file, or a recording. Whatever else is
// there was not meant.
func Replaceable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("cannot be looked at: %w", err)
	case !info.Mode().IsRegular():
		return errors.New("is no file")
	case info.Size() == 0:
		return nil
	}
	file, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return fmt.Errorf("cannot be looked at: %w", err)
	}
	defer func() { _ = file.Close() }()
	begin := make([]byte, len(marker))
	if n, _ := io.ReadFull(file, begin); string(begin[:n]) != marker {
		return errors.New("holds something that is no recording, and would be replaced")
	}
	return nil
}

// marker is how every recording begins, of whatever version.
const marker = `{"spillway_recording":`

// Create begins a recording at path, in place of what is there, with at most bound bytes a file. What is not Replaceable is an error.
func Create(path string, bound int64) (*Writer, error) {
	if err := Replaceable(path); err != nil {
		return nil, fmt.Errorf("beginning a recording: %s %w", path, err)
	}
	w := &Writer{path: path, bound: bound}
	if err := w.begin(); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *Writer) begin() error {
	file, err := os.OpenFile(w.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("beginning a recording: %w", err)
	}
	w.file, w.out, w.written, w.flows = file, bufio.NewWriterSize(file, 64<<10), 0, map[Flow]introduced{}
	version := Version
	return w.line(&line{Version: &version})
}

// Write adds a tick. After an error every further call returns the same one and writes nothing.
func (w *Writer) Write(t *Tick) error {
	if w.failed == nil {
		w.failed = w.tick(t)
	}
	return w.failed
}

func (w *Writer) tick(t *Tick) error {
	if w.written >= w.bound {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	known, introducedBefore := w.flows[t.Flow]
	if !introducedBefore || known.law != t.Law {
		if !introducedBefore {
			known.number = len(w.flows)
		}
		known.law = t.Law
		w.flows[t.Flow] = known
		if err := w.line(&line{Flow: &known.number, Subscription: t.Subscription.String(), Autoscaler: t.Autoscaler, Law: lawOf(t.Law)}); err != nil {
			return err
		}
	}
	l := lineOf(known.number, t)
	return w.line(&l)
}

func (w *Writer) rotate() error {
	if err := errors.Join(w.out.Flush(), w.file.Close()); err != nil {
		return fmt.Errorf("ending a recording: %w", err)
	}
	if err := os.Rename(w.path, w.path+".1"); err != nil {
		return fmt.Errorf("keeping a recording: %w", err)
	}
	return w.begin()
}

func (w *Writer) line(l *line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	n, err := w.out.Write(append(text, '\n'))
	if w.written += int64(n); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	return nil
}

// Flush has everything so far in the file.
func (w *Writer) Flush() error {
	if w.failed == nil {
		if err := w.out.Flush(); err != nil {
			w.failed = fmt.Errorf("recording: %w", err)
		}
	}
	return w.failed
}

// Close ends the recording. What failed before is said again.
func (w *Writer) Close() error { return errors.Join(w.Flush(), w.file.Close()) }
