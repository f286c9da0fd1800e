// Package scenes draws autoscalers and what they meet, at random from a seed: loads that dwell near the borders of every rule, pods that start,
// fail and go unmeasured, calls that fail, people who interfere.
package scenes
