package emulator

import (
	"encoding/base64"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxPage is the service's page size, and what 0 means.
const maxPage = 1000

// projectOf reads the name projects/P.
func projectOf(name string) (string, error) {
	project, ok := strings.CutPrefix(name, "projects/")
	if !ok || project == "" || strings.Contains(project, "/") {
		return "", status.Errorf(codes.InvalidArgument, "Invalid project: expected the form projects/{project} in field project.")
	}
	return project, nil
}

// paginate cuts one page out of a list that is sorted by name. The token of the next page names the last element of this one.
func paginate[T any](
	all []T, name func(T) string, req interface {
		GetPageSize() int32
		GetPageToken() string
	},
) (page []T, next string, err error) {
	if req.GetPageSize() < 0 {
		return nil, "", status.Errorf(codes.InvalidArgument, "Invalid page_size: %d. It must not be negative.", req.GetPageSize())
	}
	after, err := base64.RawURLEncoding.DecodeString(req.GetPageToken())
	if err != nil {
		return nil, "", status.Error(codes.InvalidArgument, "Invalid page_token.")
	}
	start, found := slices.BinarySearchFunc(all, string(after), func(v T, after string) int { return strings.Compare(name(v), after) })
	if found {
		start++
	}
	size := int(req.GetPageSize())
	if size == 0 || size > maxPage {
		size = maxPage
	}
	page = all[start:]
	if len(page) > size {
		page = page[:size]
		next = base64.RawURLEncoding.EncodeToString([]byte(name(page[size-1])))
	}
	return page, next, nil
}
