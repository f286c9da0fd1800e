// Package autoscaling reads HorizontalPodAutoscaler objects from files and clusters, says what package hpa makes of them, and writes them.
package autoscaling
