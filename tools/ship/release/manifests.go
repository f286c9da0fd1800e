package release

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
)

// imageLine is where a manifest names an image of ours, without a tag.
var imageLine = regexp.MustCompile(`(?m)^(\s*(?:- )?image: )spillway/([a-z-]+)$`)

// Manifests are the files of the folder deploy that people apply or run, with the images of a version. image gives the whole
// name of a program's.
func Manifests(deploy fs.FS, image func(program string) string) ([]File, error) {
	var files []File
	named := 0
	err := fs.WalkDir(deploy, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir() || !slices.Contains([]string{".yaml", ".json", ".md", ".sh"}, path.Ext(name)):
			return nil
		}
		content, err := fs.ReadFile(deploy, name)
		if err != nil {
			return err
		}
		if path.Ext(name) == ".yaml" {
			content = imageLine.ReplaceAllFunc(content, func(line []byte) []byte {
				named++
				match := imageLine.FindSubmatch(line)
				return append(slices.Clone(match[1]), image(string(match[2]))...)
			})
		}
		mode := fs.FileMode(0o644)
		if path.Ext(name) == ".sh" {
			mode = 0o755
		}
		files = append(files, File{Name: name, Content: content, Mode: mode})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the manifests: %w", err)
	}
	if named < 2 {
		return nil, errors.New("reading the manifests: they name no images of the worker and the exporter; release/manifests.go looks for lines `image: spillway/NAME`")
	}
	return files, nil
}
