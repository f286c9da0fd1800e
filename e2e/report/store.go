package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// PageName is the file of the page in its folder.
const PageName = "report.html"

// Save writes the section into the folder, which it makes, and the page of all sections that are there: the one of this
// name anew, the others as they are.
func Save(folder string, s *Section) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("saving the report: %w", err)
	}
	content, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("saving the report: %w", err)
	}
	if err := write(filepath.Join(folder, s.Name+".json"), content); err != nil {
		return fmt.Errorf("saving the report: %w", err)
	}
	sections, err := load(folder)
	if err != nil {
		return fmt.Errorf("saving the report: %w", err)
	}
	page, err := Page(sections)
	if err != nil {
		return err
	}
	if err := write(filepath.Join(folder, PageName), []byte(page)); err != nil {
		return fmt.Errorf("saving the report: %w", err)
	}
	return nil
}

// write replaces a file whole, because scenarios that run side by side read each other's sections.
func write(name string, content []byte) error {
	part, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = part.Write(content)
	if err := errors.Join(err, part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), name)
}

// load reads the sections of a folder in their order.
func load(folder string) ([]*Section, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	var sections []*Section
	for _, name := range names {
		content, err := os.ReadFile(name) //nolint:gosec // The files are our own.
		if err != nil {
			return nil, err
		}
		s := &Section{}
		if err := json.Unmarshal(content, s); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		sections = append(sections, s)
	}
	slices.SortFunc(sections, func(a, b *Section) int { return cmp.Or(cmp.Compare(a.Order, b.Order), strings.Compare(a.Name, b.Name)) })
	return sections, nil
}
