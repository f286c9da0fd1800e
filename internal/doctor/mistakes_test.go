package doctor

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAllIsWell(t *testing.T) {
	r := newWorld(t).examine()
	if r.Verdict != OK || r.Target != "hpa shop/offers" {
		t.Errorf("%s is %s", r.Target, r.Verdict)
	}
	for _, f := range r.Links {
		if f.Verdict != OK || f.Cure != "" {
			t.Errorf("%+v", f)
		}
	}
}

func (w *world) matchLabels(pairs ...string) {
	chosen := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		chosen[pairs[i]] = pairs[i+1]
	}
	w.external().Selector = &metav1.LabelSelector{MatchLabels: chosen}
}

// TestPlantedMistakes plants one mistake after the other in a chain in which all is well. Each must be found by name, with
// the cure.
func TestPlantedMistakes(t *testing.T) {
	tests := []struct {
		name   string
		faults []string
		plant  func(*world)
		link   string
		about  string
		says   string
		cure   string
	}{
		{
			name: "wrong project", plant: func(w *world) {
				w.matchLabels("resource.labels.subscription_id", "offers", "resource.labels.project_id", "shopp")
			},
			link: linkProject, about: "shopp", says: "project shop has one", cure: "set project_id (or resource.labels.project_id) to shop",
		},
		{
			name: "mistyped subscription", plant: func(w *world) { w.matchLabels("resource.labels.subscription_id", "offer") },
			link: linkSubscription, about: "offer", says: "projects/shop/subscriptions/offer does not exist", cure: "did you mean offers?",
		},
		{
			name: "missing subscriber role", plant: func(w *world) {
				w.emulator = gate(w.t, w.emulator, map[string]codes.Code{testIamPermissions: codes.OK})
			},
			link: linkPermission, about: "pubsub.subscriptions.consume", says: "workers need it",
			cure: "gcloud pubsub subscriptions add-iam-policy-binding offers --project=shop --role=roles/pubsub.subscriber",
		},
		{
			name: "missing subscriber role of the workers alone", plant: func(w *world) { w.workerPage = workerText("offers", 7, 0) },
			link: linkPermission, about: "pubsub.subscriptions.consume of the workers", says: "worker-1 has been refused 7 times", cure: "--role=roles/pubsub.subscriber",
		},
		{
			name: "missing monitoring role", plant: func(w *world) {
				w.emulator = gate(w.t, w.emulator, map[string]codes.Code{listTimeSeries: codes.PermissionDenied})
			},
			link: linkPermission, about: "monitoring.timeSeries.list", says: "the exporter needs it",
			cure: "gcloud projects add-iam-policy-binding shop --role=roles/monitoring.viewer",
		},
		{
			name: "missing monitoring role of the exporter alone", plant: func(w *world) { w.exporter = exporterText("shop", "offers", "absent", "permission_denied") },
			link: linkExporter, about: "offers", says: "may not read Cloud Monitoring", cure: "--role=roles/monitoring.viewer",
		},
		{
			name: "APIService owned by another adapter", plant: func(w *world) {
				w.apiService, w.foreign = apiService("keda", "keda-operator-metrics-apiserver", "True", "Passed", ""), true
			},
			link: linkAPIService, says: "belongs to KEDA (keda/keda-operator-metrics-apiserver)", cure: "--delegate",
		},
		{
			name: "APIService unavailable", plant: func(w *world) {
				w.apiService = apiService("spillway", "backlog-exporter", "False", "MissingEndpoints", "endpoints for service/backlog-exporter have no addresses")
				w.refuse["/apis/external.metrics.k8s.io/"] = http.StatusServiceUnavailable
			},
			link: linkAPIService, says: "unavailable (MissingEndpoints)", cure: "no pod behind the Service is ready",
		},
		{
			name: "selector label misspelt", plant: func(w *world) { w.matchLabels("resource.labels.subscripton_id", "offers") },
			link: linkSelector, about: adapterName, says: `"resource.labels.subscripton_id"`, cure: "did you mean resource.labels.subscription_id?",
		},
		{
			name: "HPA on an unknown metric", plant: func(w *world) { w.external().Name = "pubsub.googleapis.com|subscription|num_undeliverd_messages" },
			link: linkMetric, about: "pubsub.googleapis.com|subscription|num_undeliverd_messages", says: `Did you mean "` + adapterName + `"?`, cure: "correct the metric's name",
		},
		{
			name: "worker's metrics port wrong", plant: func(w *world) { w.pod.Annotations[portAnnotation] = "9999" },
			link: linkWorkers, about: "worker-1", says: "no worker's metrics at port 9999 (annotation prometheus.io/port); port 8080 answers",
			cure: "set the annotation prometheus.io/port to 8080",
		},
		{
			name: "Monitoring without points", faults: []string{"gap"},
			link: linkSamples, about: "num_undelivered_messages of offers", says: "no point of it within 1h", cure: "publish a message and look again after three minutes",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.faults...)
			if tt.plant != nil {
				tt.plant(w)
			}
			r := w.examine()
			if r.Verdict != Failed {
				t.Errorf("the verdict is %s", r.Verdict)
			}
			if !slices.ContainsFunc(r.Links, func(f Finding) bool {
				return f.Link == tt.link && f.About == tt.about && f.Verdict == Failed && strings.Contains(f.Message, tt.says) && strings.Contains(f.Cure, tt.cure)
			}) {
				t.Errorf("no link %s of %q failed with %q and %q", tt.link, tt.about, tt.says, tt.cure)
			}
		})
	}
}

func TestWhatMayNotBeSeenIsSkippedWithTheRightThatIsMissing(t *testing.T) {
	tests := []struct{ path, link, cure string }{
		{"/apis/apiregistration.k8s.io", linkAPIService, `a ClusterRole with: {apiGroups: ["apiregistration.k8s.io"], resources: ["apiservices"], verbs: ["get"]}`},
		{"/apis/external.metrics.k8s.io", linkReading, `a Role in namespace shop with: {apiGroups: ["external.metrics.k8s.io"], resources: ["*"], verbs: ["list"]}`},
		{"/apis/apps/v1", linkPods, `{apiGroups: ["apps"], resources: ["deployments/scale"], verbs: ["get"]}`},
		{"/api/v1/namespaces/shop/pods/worker-1", linkWorkers, `a Role in namespace shop with: {apiGroups: [""], resources: ["pods/proxy"], verbs: ["get"]}`},
		{"/api/v1/namespaces/spillway/services", linkExporter, `a Role in namespace spillway with: {apiGroups: [""], resources: ["services/proxy"], verbs: ["get"]}`},
		{"/apis/autoscaling", linkAutoscaler, `{apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: ["get"]}`},
	}
	for _, tt := range tests {
		t.Run(tt.link, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.refuse[tt.path] = http.StatusForbidden
			r := w.examine()
			if !slices.ContainsFunc(r.Links, func(f Finding) bool {
				return f.Link == tt.link && f.Verdict == Skipped && strings.Contains(f.Cure, tt.cure)
			}) {
				t.Errorf("no link %s is skipped with %s", tt.link, tt.cure)
			}
			if r.Verdict != OK {
				t.Errorf("what cannot be seen makes the verdict %s", r.Verdict)
			}
		})
	}
}

func TestWhichAutoscalerIsMeant(t *testing.T) {
	w := newWorld(t)
	if r := w.examine(func(o *Options) { o.Target = "" }); r.Verdict != OK || r.Target != "hpa shop/offers" {
		t.Errorf("the only one: %s is %s", r.Target, r.Verdict)
	}
	r := w.examine(func(o *Options) { o.Target = "hpa/ofers" })
	if f := r.Links[len(r.Links)-1]; f.Link != linkAutoscaler || f.Verdict != Failed || f.Cure != "did you mean hpa/offers?" {
		t.Errorf("a mistyped one: %+v", f)
	}
}

func TestManySubscriptionsAreLookedAtInPart(t *testing.T) {
	w := newWorld(t)
	names := []string{"offers"}
	for i := range maxSubjects + 2 {
		names = append(names, fmt.Sprintf("offers%d", i))
	}
	w.external().Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key: "resource.labels.subscription_id", Operator: metav1.LabelSelectorOpIn, Values: names,
	}}}
	r := w.examine()
	looked := 0
	for _, f := range r.Links {
		switch {
		case f.Link == linkSubscription && f.About != "":
			looked++
		case f.Link == linkSubscription:
			expect(t, f, Skipped, "3 more of the selector's subscriptions", "")
		}
	}
	if looked != maxSubjects {
		t.Errorf("%d are looked at", looked)
	}
}

func TestWithoutACluster(t *testing.T) {
	w := newWorld(t)
	r := w.examine(func(o *Options) { o.Kubeconfig = "/nonexistent/kubeconfig" })
	if f := r.Links[len(r.Links)-1]; f.Link != linkCluster || f.Verdict != Failed || r.Verdict != Failed || r.Target != "hpa shop/offers" {
		t.Errorf("an autoscaler: %+v", f)
	}
	r = w.examine(func(o *Options) { o.Target, o.Namespace, o.Kubeconfig = "", "", "/nonexistent/kubeconfig" })
	if r.Target != "hpa" {
		t.Errorf("an autoscaler that nobody named is called %q", r.Target)
	}
	r = w.examine(func(o *Options) { o.Target, o.Kubeconfig = "offers", "" })
	var links []string
	for _, f := range r.Links {
		links = append(links, f.Link+" "+string(f.Verdict))
	}
	want := []string{
		"credentials ok", "project ok", "subscription ok", "permission ok", "permission ok", "permission ok", "permission ok", "samples ok", "exporter skipped",
	}
	if !slices.Equal(links, want) || r.Target != "projects/shop/subscriptions/offers" || r.Verdict != OK {
		t.Errorf("a subscription: %s %s %v", r.Target, r.Verdict, links)
	}
}

func TestNothingSecretIsTold(t *testing.T) {
	w := newWorld(t)
	w.refuse["/api/v1/services"] = http.StatusUnauthorized
	for _, f := range w.examine(func(o *Options) { o.Exporter = "http://me:s3cret-password@127.0.0.1:1" }).Links {
		if strings.Contains(f.Message+f.Cure+f.About, "s3cret") {
			t.Errorf("%+v", f)
		}
	}
}

func TestNoTargetInTheCluster(t *testing.T) {
	w := newWorld(t)
	w.hpa.Spec.ScaleTargetRef.Name = "workr"
	w.pod.Status.Conditions[0].Status = corev1.ConditionFalse
	if f := find(w.examine(), linkPods); f.Verdict != Failed || f.Message != "the scale target does not exist" {
		t.Errorf("%+v", f)
	}
}

func find(r Report, link string) Finding {
	for _, f := range r.Links {
		if f.Link == link {
			return f
		}
	}
	return Finding{}
}
