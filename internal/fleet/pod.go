package fleet

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Place is where a pod may be scraped, as the cluster says it.
type Place struct {
	// Address is the pod's IP, Ports are its containers' named ports.
	Address string
	Ports   map[string]int32
	// Port (a number or a name), Path and Scheme are what the pod's annotations prometheus.io/port, /path and /scheme say; empty without.
	Port, Path, Scheme string
}

// URL returns the pod's page of metrics: at the port of its annotation, or else at the first of the named ones that it has.
func (p *Place) URL(names ...string) (string, error) {
	port, err := p.port(names)
	if err != nil {
		return "", err
	}
	at := url.URL{Scheme: "http", Host: net.JoinHostPort(p.Address, strconv.Itoa(int(port))), Path: metricsPath}
	if p.Path != "" {
		at.Path = "/" + strings.TrimPrefix(p.Path, "/")
	}
	if p.Scheme != "" && p.Scheme != "http" {
		return "", fmt.Errorf("the annotation prometheus.io/scheme says %q, and pods are scraped by http alone", p.Scheme)
	}
	return at.String(), nil
}

func (p *Place) port(names []string) (int32, error) {
	if p.Port != "" {
		if named, there := p.Ports[p.Port]; there {
			return named, nil
		}
		number, err := strconv.ParseUint(p.Port, 10, 16)
		if err != nil || number == 0 {
			return 0, fmt.Errorf("the annotation prometheus.io/port says %q, which is neither a port nor the name of one", p.Port)
		}
		return int32(number), nil
	}
	for _, name := range names {
		if port, there := p.Ports[name]; there {
			return port, nil
		}
	}
	return 0, errors.New("it has no port named " + strings.Join(names, " or ") + "; name one, or annotate the pod with prometheus.io/port")
}
