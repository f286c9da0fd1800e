package main

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
)

// cluster is an API server as far as delegated authentication and authorization see one: the token "hpa" may read.
type cluster struct {
	*httptest.Server
	dir     string
	reviews atomic.Int64
}

type object = map[string]any

// newCluster starts the API server and writes what the exporter is given: a kubeconfig, a certificate and its key.
func newCluster() (*cluster, error) {
	dir, err := os.MkdirTemp("", "externalmetrics")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	c := &cluster{dir: dir}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/kube-system/configmaps/{name}", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, c.trust()) })
	mux.HandleFunc("GET /api/v1/namespaces/kube-system/configmaps", c.list)
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/tokenreviews", c.review(func(spec object) object {
		return object{"authenticated": spec["token"] == "hpa", "user": object{"username": "hpa"}}
	}))
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", c.review(func(spec object) object {
		return object{"allowed": spec["user"] == "hpa"}
	}))
	c.Server = httptest.NewTLSServer(mux)
	return c, c.files()
}

func (c *cluster) files() error {
	key, err := x509.MarshalPKCS8PrivateKey(c.TLS.Certificates[0].PrivateKey)
	if err != nil {
		return fmt.Errorf("encoding the key: %w", err)
	}
	config, err := json.Marshal(object{
		"apiVersion": "v1", "kind": "Config", "current-context": "x",
		"clusters": []object{{"name": "c", "cluster": object{"server": c.URL, "certificate-authority-data": base64.StdEncoding.EncodeToString(c.authority())}}},
		"contexts": []object{{"name": "x", "context": object{"cluster": "c", "user": "u"}}},
		"users":    []object{{"name": "u", "user": object{"token": "exporter"}}},
	})
	if err != nil {
		return fmt.Errorf("encoding the kubeconfig: %w", err)
	}
	return errors.Join(
		os.WriteFile(c.path("kubeconfig"), config, 0o600),
		os.WriteFile(c.path("tls.crt"), c.authority(), 0o600),
		os.WriteFile(c.path("tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600),
	)
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

// authority is the server's own certificate, which signs itself.
func (c *cluster) authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})
}

func (c *cluster) trust() object {
	return object{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "extension-apiserver-authentication", "namespace": "kube-system", "resourceVersion": "1"},
		"data": object{"requestheader-client-ca-file": string(c.authority()), "requestheader-username-headers": `["X-Remote-User"]`},
	}
}

func (c *cluster) list(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Query().Get("sendInitialEvents") == "true":
		write(w, http.StatusUnprocessableEntity, object{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Invalid", "code": 422})
	case r.URL.Query().Has("watch"):
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	default:
		write(w, http.StatusOK, object{"apiVersion": "v1", "kind": "ConfigMapList", "metadata": object{"resourceVersion": "1"}, "items": []object{c.trust()}})
	}
}

func (c *cluster) review(decide func(spec object) object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.reviews.Add(1)
		var review object
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		spec, _ := review["spec"].(object)
		review["status"] = decide(spec)
		write(w, http.StatusCreated, review)
	}
}

func write(w http.ResponseWriter, code int, o object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(o)
}

func (c *cluster) close() error {
	c.CloseClientConnections()
	c.Close()
	return os.RemoveAll(c.dir)
}
