// Package idtoken checks the OpenID Connect tokens that Google signs for the pushes of a service account.
package idtoken
