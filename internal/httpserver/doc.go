// Package httpserver is the HTTP side of both daemons: listener, routes with request metrics, health, drain.
package httpserver
