package deliver

import (
	"encoding/base64"
	"io"
)

// payload is the body of a request, in three parts. The middle one is encoded as it is sent: a message of 10 MB costs no
// second buffer. It is read by one goroutine at a time, and may be read after the request has ended.
type payload struct {
	head, data, tail []byte
	encode           bool // data goes out in base64

	quad [4]byte // encoded, and only a part of it read
	left int     // how much of quad is still to be read
}

// size is the body's length in bytes.
func (p *payload) size() int64 {
	n := len(p.data)
	if p.encode {
		n = base64.StdEncoding.EncodedLen(n)
	}
	return int64(len(p.head) + n + len(p.tail))
}

// inMemory says that data is all there is.
func (p *payload) inMemory() bool { return !p.encode && len(p.head) == 0 && len(p.tail) == 0 }

// Read implements io.Reader.
func (p *payload) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	n = copy(b, p.head)
	p.head = p.head[n:]
	for n < len(b) && (p.left > 0 || len(p.data) > 0) {
		n += p.middle(b[n:])
	}
	if p.left > 0 || len(p.data) > 0 {
		return n, nil
	}
	k := copy(b[n:], p.tail)
	p.tail = p.tail[k:]
	if n += k; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// middle reads of data, at least one byte; b is not empty and there is something to read.
func (p *payload) middle(b []byte) int {
	if !p.encode {
		n := copy(b, p.data)
		p.data = p.data[n:]
		return n
	}
	if p.left == 0 {
		if whole := min(len(b)/4*3, len(p.data)/3*3); whole > 0 {
			base64.StdEncoding.Encode(b, p.data[:whole])
			p.data = p.data[whole:]
			return whole / 3 * 4
		}
		k := min(3, len(p.data))
		base64.StdEncoding.Encode(p.quad[:], p.data[:k])
		p.data, p.left = p.data[k:], len(p.quad)
	}
	n := copy(b, p.quad[len(p.quad)-p.left:])
	p.left -= n
	return n
}

// Close implements io.Closer.
func (p *payload) Close() error { return nil }
