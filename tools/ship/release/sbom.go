package release

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
)

// Made is what a program was made of.
type Made struct {
	Program  string
	Version  string
	Revision string
	At       time.Time // The commit's.
}

// BillOfMaterials is a program's, as CycloneDX 1.6 in JSON: the modules that Go has recorded in the binary itself, Go among them.
// Its serial number is made of the binary's hash, so that it is the same each time.
func BillOfMaterials(made Made, binary []byte) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, fmt.Errorf("reading what %s was built of: %w", made.Program, err)
	}
	sum := sha256.Sum256(binary)
	bom := cyclonedx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + uuid(sum[:16])
	bom.Metadata = &cyclonedx.Metadata{
		Timestamp: made.At.UTC().Format(time.RFC3339),
		Component: &cyclonedx.Component{
			BOMRef: made.Program, Type: cyclonedx.ComponentTypeApplication, Name: made.Program, Version: made.Version,
			Hashes:     &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
			Licenses:   &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "Apache-2.0"}}},
			Properties: properties(info, made.Revision),
		},
	}
	components := []cyclonedx.Component{component("std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, m := range info.Deps {
		if m.Replace != nil && m.Replace.Version != "" { // A replacement without a version is a folder.
			m = m.Replace
		}
		components = append(components, component(m.Path, m.Version))
	}
	var refs []string
	for _, c := range components {
		refs = append(refs, c.BOMRef)
	}
	slices.Sort(refs)
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: made.Program, Dependencies: &refs}}
	var out bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&out, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cyclonedx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("writing the bill of materials of %s: %w", made.Program, err)
	}
	return out.Bytes(), nil
}

// component is a Go module, with the package URL of https://github.com/package-url/purl-spec.
func component(path, version string) cyclonedx.Component {
	purl := "pkg:golang/" + path + "@" + version
	return cyclonedx.Component{BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: purl}
}

// properties are those of the build that tell binaries apart.
func properties(info *buildinfo.BuildInfo, revision string) *[]cyclonedx.Property {
	all := []cyclonedx.Property{{Name: "vcs.revision", Value: revision}}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS", "GOARCH", "CGO_ENABLED":
			all = append(all, cyclonedx.Property{Name: "go:" + s.Key, Value: s.Value})
		}
	}
	return &all
}

// uuid writes 16 bytes as a UUID of version 8, which RFC 9562 gives for whatever one makes it of.
func uuid(b []byte) string {
	id := slices.Clone(b)
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	text := hex.EncodeToString(id)
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}
