package monitoring

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"google.golang.org/protobuf/proto"
)

// maxPageSize is the default and the maximum of ListTimeSeries, in points (FULL) or series (HEADERS).
const maxPageSize = 100_000

// pageToken continues a listing as of the time of its first page, so that samples that arrive between two pages shift nothing.
type pageToken struct {
	Now     int64  `json:"now"`     // Unix nanoseconds
	Offset  int    `json:"offset"`  // results already given
	Request uint64 `json:"request"` // fingerprint of the request that it belongs to
}

var errPageToken = errors.New("page_token does not belong to this request")

func (t pageToken) String() string {
	text, err := json.Marshal(t)
	if err != nil {
		return "" // Three numbers always marshal.
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parsePageToken starts a new listing at now when the token is empty.
func parsePageToken(token string, request uint64, now time.Time) (pageToken, error) {
	if token == "" {
		return pageToken{Now: now.UnixNano(), Request: request}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return pageToken{}, errPageToken
	}
	var t pageToken
	if err := json.Unmarshal(text, &t); err != nil || t.Offset < 0 || t.Request != request || t.Now > now.UnixNano() {
		return pageToken{}, errPageToken
	}
	return t, nil
}

// fingerprint tells requests apart that differ in anything but their page.
func fingerprint(req proto.Message) uint64 {
	h := fnv.New64a()
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err == nil {
		_, _ = h.Write(text)
	}
	return h.Sum64()
}

// pageSize checks the wished size and applies the default and the maximum.
func pageSize(wished int32, most int) (int, error) {
	if wished < 0 {
		return 0, fmt.Errorf("page_size %d must not be negative", wished)
	}
	if wished == 0 {
		return most, nil
	}
	return min(int(wished), most), nil
}
