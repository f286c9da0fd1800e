package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path"
	"slices"

	"spillway/internal/webstyle"
)

// assets are the page's own files; the look that all pages share is webstyle's.
//
//go:embed assets
var assets embed.FS

// policy lets the page load its own files and nothing else, from nowhere else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

type server struct {
	board    *Board
	director Director
	streams  chan struct{}
}

// Handler serves the page that shows board and sends its orders to director. It answers requests that name one of hosts
// alone, so that a foreign name that was made to point here (DNS rebinding) reaches nothing; orders are taken only from
// the page itself or from a program that is no browser.
func Handler(board *Board, director Director, hosts []string) http.Handler {
	s := &server{board: board, director: director, streams: make(chan struct{}, maxStreams)}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", file("index.html", asset("index.html")))
	mux.Handle("GET /base.css", file("base.css", []byte(webstyle.CSS)))
	for _, name := range assetNames() {
		mux.Handle("GET /"+name, file(name, asset(name)))
	}
	mux.HandleFunc("GET /events", s.stream)
	mux.HandleFunc("POST /controls", s.control)
	return guard(http.NewCrossOriginProtection().Handler(mux), hosts)
}

// Hosts are the names under which a listener on a loopback address is reached.
func Hosts(addr net.Addr) []string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return nil
	}
	return []string{net.JoinHostPort(host, port), net.JoinHostPort("localhost", port)}
}

// guard answers for the hosts alone and sets the headers of every answer.
func guard(next http.Handler, hosts []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !slices.Contains(hosts, r.Host) {
			http.Error(w, fmt.Sprintf("this page is at %v only", hosts), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func assetNames() []string {
	entries, err := fs.ReadDir(assets, "assets")
	if err != nil {
		panic(err) // The folder is part of the program.
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func asset(name string) []byte {
	content, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // The file is part of the program.
	}
	return content
}

// kinds are the media types of the files, by extension; the machine's own table may say otherwise.
func kinds() map[string]string {
	return map[string]string{
		".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
		".svg": "image/svg+xml",
	}
}

// file serves one file; a browser asks each time whether it is still the same.
func file(name string, content []byte) http.Handler {
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	kind := kinds()[path.Ext(name)]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(content)
	})
}
