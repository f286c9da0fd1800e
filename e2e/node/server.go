//go:build linux

package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// serve serves what a kubelet serves on the node's address until the returned function is called: /healthz,
// /metrics/resource for metrics-server, and the logs for kubectl. It asks nobody who he is: nothing but the cluster
// reaches it.
func (n *Node) serve(ctx context.Context) (closeServer func(), err error) {
	address := net.JoinHostPort(n.address().String(), strconv.Itoa(kubeletPort))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	mux.HandleFunc("GET /metrics/resource", n.serveResources)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.serveLog)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: askWithin, BaseContext: func(net.Listener) context.Context { return ctx }, ErrorLog: zap.NewStdLog(n.log)}
	n.tasks.Go(func() {
		if err := server.ServeTLS(listener, n.opts.Certificate, n.opts.Key); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("the node's server has ended", zap.Error(err))
		}
	})
	return func() { _ = server.Close() }, nil
}

// followEvery is how often a followed log is looked at.
const followEvery = 200 * time.Millisecond

// serveLog writes a container's log. It knows the parameters follow and tailLines.
func (n *Node) serveLog(w http.ResponseWriter, r *http.Request) {
	path := LogPath(n.opts.Dir, r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"))
	file, err := os.OpenInRoot(filepath.Dir(path), filepath.Base(path))
	if err != nil {
		http.Error(w, "the container has written nothing", http.StatusNotFound)
		return
	}
	defer func() { _ = file.Close() }()
	if tail := r.URL.Query().Get("tailLines"); tail != "" {
		count, err := strconv.Atoi(tail)
		if err != nil {
			http.Error(w, "tailLines is not a number", http.StatusBadRequest)
			return
		}
		if err := seekTail(file, count); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		if _, err := io.Copy(w, file); err != nil || r.URL.Query().Get("follow") != "true" {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-ticker.C:
		}
	}
}

// seekTail moves to the beginning of the last lines.
func seekTail(file *os.File, lines int) error {
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	start := len(bytes.TrimSuffix(content, []byte("\n")))
	for range lines {
		if start = bytes.LastIndexByte(content[:start], '\n'); start < 0 {
			break
		}
	}
	if lines == 0 {
		start = len(content) - 1
	}
	_, err = file.Seek(int64(start+1), io.SeekStart)
	return err
}
