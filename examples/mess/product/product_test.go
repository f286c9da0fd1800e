package product_test

import (
	"strings"
	"testing"

	"spillway/examples/mess/product"
)

func update(version int64) product.Update {
	return product.Update{Product: "p-1", Version: version, Data: []byte(`{}`)}
}

func TestTake(t *testing.T) {
	var p product.Product
	for _, step := range []struct {
		kind     product.Kind
		version  int64
		changes  bool
		complete bool
	}{
		{product.Offer, 3, true, false},
		{product.Offer, 3, false, false}, // comes again
		{product.Offer, 2, false, false}, // is late
		{product.Content, 1, true, false},
		{product.Image, 7, true, true},
		{product.Offer, 4, true, true},
	} {
		if changed := p.Take(step.kind, update(step.version)); changed != step.changes || p.Complete() != step.complete {
			t.Errorf("%s %d: changed %t, complete %t", step.kind, step.version, changed, p.Complete())
		}
	}
	if p.Revision != 4 || p.Parts[product.Offer].Version != 4 {
		t.Errorf("got %+v", p)
	}
}

func TestParseUpdate(t *testing.T) {
	u, err := product.ParseUpdate([]byte(`{"product":"p-1","version":2,"data":{"price":999}}`))
	if err != nil || u.Product != "p-1" || u.Version != 2 || string(u.Data) != `{"price":999}` {
		t.Errorf("got %+v, %v", u, err)
	}
	for body, want := range map[string]string{
		``:                                        "unexpected end",
		`{"version":1,"data":{}}`:                 "product has 0 characters",
		`{"product":"p","data":{}}`:               "version is 0",
		`{"product":"p","version":-1,"data":{}}`:  "version is -1",
		`{"product":"p","version":1}`:             "data is no object",
		`{"product":"p","version":1,"data":"x"}`:  "data is no object",
		`{"product":"p","version":1.5,"data":{}}`: "cannot unmarshal",
		`{"product":"` + strings.Repeat("p", 257) + `","version":1,"data":{}}`: "product has 257 characters",
	} {
		if _, err := product.ParseUpdate([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %q", body, err, want)
		}
	}
}
