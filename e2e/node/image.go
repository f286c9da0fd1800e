//go:build linux

package node

import "strings"

// Images says by an image's name which local program stands for it. A name without a tag and digest stands for every
// one of them; the full name goes before it.
type Images map[string]Image

// Image is what stands for a container image.
type Image struct {
	// Program is the path of the program on this machine. The container sees it as /NAME, the last part of the path, and
	// it is the image's entry point.
	Program string
	// Machine lets the container see the machine's /usr, /bin, /lib, /lib64, /etc and /opt, as a program that is linked
	// dynamically needs. Without it the container holds the program alone, as an image built from scratch does.
	Machine bool
}

// find returns what stands for a name.
func (i Images) find(name string) (Image, bool) {
	if image, ok := i[name]; ok {
		return image, true
	}
	name, _, _ = strings.Cut(name, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name = name[:colon]
	}
	image, ok := i[name]
	return image, ok
}
