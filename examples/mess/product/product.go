package product

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Kind is a part of a product. Each has a topic, a subscription and a worker of its own.
type Kind string

// The parts of a product.
const (
	Offer   Kind = "offer"
	Content Kind = "content"
	Image   Kind = "image"
)

// Kinds returns every kind.
func Kinds() []Kind { return []Kind{Offer, Content, Image} }

// Update is the body of a message: one part of one product, as it is from this version on.
type Update struct {
	Product string          `json:"product"`
	Version int64           `json:"version"`
	Data    json.RawMessage `json:"data"`
}

// maxID is the length of the longest product ID.
const maxID = 256

// ParseUpdate reads a message's body. An error means that the message will never be of use.
func ParseUpdate(body []byte) (Update, error) {
	var u Update
	if err := json.Unmarshal(body, &u); err != nil {
		return Update{}, fmt.Errorf("reading an update: %w", err)
	}
	switch {
	case u.Product == "" || len(u.Product) > maxID:
		return Update{}, fmt.Errorf("reading an update: product has %d characters, give 1 to %d", len(u.Product), maxID)
	case u.Version < 1:
		return Update{}, fmt.Errorf("reading an update: version is %d, give 1 or more", u.Version)
	case !bytes.HasPrefix(u.Data, []byte("{")):
		return Update{}, errors.New("reading an update: data is no object")
	}
	return u, nil
}

// Part is the newest that is known of one part of a product.
type Part struct {
	Version int64           `json:"version"`
	Data    json.RawMessage `json:"data"`
}

// Product is what is known of a product so far.
type Product struct {
	ID string `json:"id"`
	// Revision counts the changes.
	Revision uint64        `json:"revision"`
	Parts    map[Kind]Part `json:"parts"`
}

// Take takes an update in, and reports whether it changed anything: an update that is late or comes again does not.
func (p *Product) Take(kind Kind, u Update) bool {
	if u.Version <= p.Parts[kind].Version {
		return false
	}
	if p.Parts == nil {
		p.Parts = map[Kind]Part{}
	}
	p.Parts[kind] = Part{Version: u.Version, Data: u.Data}
	p.Revision++
	return true
}

// Complete reports whether every part is known. Only complete products are sent on.
func (p *Product) Complete() bool {
	for _, kind := range Kinds() {
		if p.Parts[kind].Version == 0 {
			return false
		}
	}
	return true
}
