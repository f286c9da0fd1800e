package autoscaling

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// maxFile bounds what is read of a file, in bytes.
const maxFile = 4 << 20

// Parse reads the one HorizontalPodAutoscaler in a file of YAML documents, or of JSON. A field that autoscaling/v2 does not have is an error.
func Parse(r io.Reader) (*Autoscaler, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxFile))
	if err != nil {
		return nil, fmt.Errorf("reading the autoscaler: %w", err)
	}
	var found [][]byte
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("splitting the file into documents: %w", err)
		}
		var kind struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return nil, fmt.Errorf("reading the file as YAML: %s", plain(err))
		}
		if kind.Kind != "HorizontalPodAutoscaler" {
			continue
		}
		if want := autoscalingv2.SchemeGroupVersion.String(); kind.APIVersion != want {
			return nil, fmt.Errorf("the autoscaler is %q; write it as %s", kind.APIVersion, want)
		}
		found = append(found, document)
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("the file has %d objects of the kind HorizontalPodAutoscaler; give one with one", len(found))
	}
	var object autoscalingv2.HorizontalPodAutoscaler
	if err := yaml.UnmarshalStrict(found[0], &object); err != nil {
		return nil, fmt.Errorf("reading the autoscaler: %s", plain(err))
	}
	return of(&object)
}

// goPlace is where a value was to go, as Go calls it.
var goPlace = regexp.MustCompile(`into Go (?:value|struct field \w+\.(\S+)) of type (struct \{.*\}|\S+)`)

// plain is the decoder's error in the words of the file.
func plain(err error) string {
	text := strings.NewReplacer("error unmarshaling JSON: while decoding JSON: ", "", "error converting YAML to JSON: ", "", "yaml: ", "", "json: ", "").Replace(err.Error())
	return goPlace.ReplaceAllStringFunc(text, func(place string) string {
		if field := goPlace.FindStringSubmatch(place)[1]; field != "" {
			return "into " + field
		}
		return "into an object"
	})
}
