// Package contentapi is a stub of the API that complete products are sent to. It checks what it gets, and it fails as
// such APIs do: it is too busy, asks to be left alone for a while, and cuts connections after it has taken what came.
package contentapi
