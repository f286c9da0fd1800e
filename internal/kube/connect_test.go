package kube

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// TestConnect reads a selector over HTTP, from what an API server says about itself and a Deployment.
func TestConnect(t *testing.T) {
	answers := map[string]any{
		"/api": &metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}},
		"/apis": &metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: []metav1.APIGroup{{
			Name: "apps", Versions: []metav1.GroupVersionForDiscovery{{GroupVersion: "apps/v1", Version: "v1"}},
			PreferredVersion: metav1.GroupVersionForDiscovery{GroupVersion: "apps/v1", Version: "v1"},
		}}},
		"/api/v1": &metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "v1"},
		"/apis/apps/v1": &metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "apps/v1", APIResources: []metav1.APIResource{
			{Name: "deployments", SingularName: "deployment", Namespaced: true, Kind: "Deployment"},
			{Name: "deployments/scale", Namespaced: true, Group: "autoscaling", Version: "v1", Kind: "Scale"},
		}},
		"/apis/apps/v1/namespaces/web/deployments/offers/scale": &autoscalingv1.Scale{
			TypeMeta: metav1.TypeMeta{Kind: "Scale", APIVersion: "autoscaling/v1"}, Status: autoscalingv1.ScaleStatus{Selector: "app=offers"},
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(found)
	}))
	t.Cleanup(server.Close)
	_, scales, err := Connect(kubeconfig(t, server.URL))
	if err != nil {
		t.Fatal(err)
	}
	selector, err := scales.Selector(t.Context(), "web", Scaled{"apps/v1", "Deployment", "offers"})
	if err != nil || selector.String() != "app=offers" {
		t.Fatalf("%v, %v", selector, err)
	}
	if _, err := scales.Selector(t.Context(), "web", Scaled{"apps/v1", "Castle", "offers"}); err == nil {
		t.Error("a kind that nobody knows has a selector")
	}
	server.CloseClientConnections()
}

func TestConnectToNowhere(t *testing.T) {
	if _, _, err := Connect(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing kubeconfig is taken")
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if _, _, err := Connect(""); err == nil || !strings.Contains(err.Error(), "finding the cluster") {
		t.Errorf("outside a cluster: %v", err)
	}
}

func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: server}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c"}
	config.CurrentContext = "x"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}
