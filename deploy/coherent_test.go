package deploy_test

import (
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// coherent says what of the objects refers to something that is not there, or not in that way.
func coherent(all *rendered, err error) error {
	if err != nil {
		return err
	}
	return errors.Join(all.accountsExist(), all.autoscalersScaleSomething(), all.servicesLeadSomewhere(), all.selectorsFindPods(), all.rolesExist(), all.programsStart())
}

func (r *rendered) accountsExist() error {
	var errs []error
	for _, d := range r.deployments {
		if name := d.Spec.Template.Spec.ServiceAccountName; r.accounts[name] == nil {
			errs = append(errs, fmt.Errorf("%s runs as ServiceAccount %q, which is not shipped", d.Name, name))
		}
	}
	for _, b := range r.bindings() {
		for _, s := range b.subjects {
			if s.Namespace != "kube-system" && r.accounts[s.Name] == nil {
				errs = append(errs, fmt.Errorf("%s gives rights to ServiceAccount %q, which is not shipped", b.name, s.Name))
			}
		}
	}
	return errors.Join(errs...)
}

func (r *rendered) autoscalersScaleSomething() error {
	var errs []error
	scaled := map[string]int{}
	for _, a := range r.autoscalers {
		scaled[a.Spec.ScaleTargetRef.Name]++
	}
	for _, o := range r.scaledObjects {
		scaled[o.Spec.ScaleTargetRef.Name]++
	}
	for name, count := range scaled {
		if count != 1 || !slices.ContainsFunc(r.deployments, func(d *appsv1.Deployment) bool { return d.Name == name }) {
			errs = append(errs, fmt.Errorf("%d autoscalers for the Deployment %s, want one that is shipped", count, name))
		}
	}
	return errors.Join(errs...)
}

func (r *rendered) servicesLeadSomewhere() error {
	var errs []error
	for _, s := range r.services {
		pods := r.podsOf(s.Spec.Selector)
		for _, port := range s.Spec.Ports {
			if len(pods) != 1 || !hasPort(pods[0], port.TargetPort) {
				errs = append(errs, fmt.Errorf("port %s of the Service %s goes to %s of %d Deployments, want one that has it", port.Name, s.Name, port.TargetPort.String(), len(pods)))
			}
		}
	}
	for _, a := range r.apiServices {
		if !slices.ContainsFunc(r.services, func(s *corev1.Service) bool {
			return s.Name == a.Spec.Service.Name && s.Namespace == a.Spec.Service.Namespace && slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == a.Spec.Service.Port })
		}) {
			errs = append(errs, fmt.Errorf("the APIService %s goes to %+v, which is not shipped", a.Name, a.Spec.Service))
		}
	}
	return errors.Join(errs...)
}

// selectorsFindPods looks at disruption budgets, network policies and what scrapes.
func (r *rendered) selectorsFindPods() error {
	var errs []error
	find := func(kind, name string, selector *metav1.LabelSelector) {
		if len(selector.MatchLabels) == 0 || len(r.podsOf(selector.MatchLabels)) == 0 && (name != "backlog-exporter" || r.hasExporter()) {
			errs = append(errs, fmt.Errorf("the %s %s selects %v, which no pods have", kind, name, selector.MatchLabels))
		}
	}
	for _, b := range r.budgets {
		find("PodDisruptionBudget", b.Name, b.Spec.Selector)
	}
	for _, p := range r.policies {
		find("NetworkPolicy", p.Name, &p.Spec.PodSelector)
	}
	for _, m := range r.podMonitorings {
		find("PodMonitoring", m.Name, &m.Spec.Selector)
	}
	for _, m := range r.serviceMonitors {
		for _, e := range m.Spec.Endpoints {
			if !slices.ContainsFunc(r.services, func(s *corev1.Service) bool {
				return labels.SelectorFromSet(m.Spec.Selector.MatchLabels).Matches(labels.Set(s.Labels)) && slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == e.Port })
			}) {
				errs = append(errs, fmt.Errorf("the ServiceMonitor %s looks for the port %s, which no Service has", m.Name, e.Port))
			}
		}
	}
	return errors.Join(errs...)
}

// hasExporter reports whether the exporter has pods of its own.
func (r *rendered) hasExporter() bool {
	return slices.ContainsFunc(r.deployments, func(d *appsv1.Deployment) bool { return d.Name == "backlog-exporter" })
}

func (r *rendered) rolesExist() error {
	kubernetes := []string{"system:auth-delegator", "extension-apiserver-authentication-reader"}
	var shipped []string
	for _, c := range r.clusterRoles {
		shipped = append(shipped, "ClusterRole/"+c.Name)
	}
	for _, c := range r.roles {
		shipped = append(shipped, "Role/"+c.Name)
	}
	var errs []error
	for _, b := range r.bindings() {
		if !slices.Contains(shipped, b.role.Kind+"/"+b.role.Name) && !slices.Contains(kubernetes, b.role.Name) {
			errs = append(errs, fmt.Errorf("%s binds %s %s, which is not shipped", b.name, b.role.Kind, b.role.Name))
		}
	}
	return errors.Join(errs...)
}

// podsOf are the Deployments whose pods a selector chooses.
func (r *rendered) podsOf(selector map[string]string) []*appsv1.Deployment {
	var chosen []*appsv1.Deployment
	for _, d := range r.deployments {
		if labels.SelectorFromSet(selector).Matches(labels.Set(d.Spec.Template.Labels)) {
			chosen = append(chosen, d)
		}
	}
	return chosen
}

func hasPort(d *appsv1.Deployment, port intstr.IntOrString) bool {
	return slices.ContainsFunc(containers(d), func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == port.StrVal || p.ContainerPort == port.IntVal })
	})
}
