// Command stackdriver serves stackdriver_exporter over a local Cloud Monitoring.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"spillway/bench/exporter/stackdriver"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9255", "address to serve /metrics at")
	endpoint := flag.String("endpoint", "127.0.0.1:8085", "host:port of the local Cloud Monitoring")
	project := flag.String("project", "demo", "project to read")
	prefixes := flag.String("prefixes", "", "prefixes of metric types, separated by commas")
	flag.Parse()
	handler, err := stackdriver.Handler(context.Background(), *endpoint, *project, strings.Split(*prefixes, ","))
	if err == nil {
		mux := http.NewServeMux()
		mux.Handle("/metrics", handler)
		err = (&http.Server{Addr: *listen, Handler: mux, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe()
	}
	fmt.Fprintln(os.Stderr, "stackdriver:", err)
	os.Exit(1)
}
