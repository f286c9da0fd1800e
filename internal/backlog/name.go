package backlog

import (
	"fmt"
	"regexp"
	"strings"
)

// The service's rules: https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names. A project may be
// scoped by a domain ("example.com:shop"), which the resource manager allows.
var (
	resourceID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._~+%-]{2,254}$`)
	projectID  = regexp.MustCompile(`^([a-z0-9.-]{1,100}:)?[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$`)
)

// parseName reads "projects/P/<collection>/ID", or a short ID that belongs to fallback. Errors wrap bad.
func parseName(collection, name, fallback string, bad error) (project, id string, err error) {
	project, id = fallback, name
	if strings.Contains(name, "/") {
		parts := strings.Split(name, "/")
		if len(parts) != 4 || parts[0] != "projects" || parts[2] != collection {
			return "", "", fmt.Errorf("%w: want projects/P/%s/%s or a short ID", bad, collection, strings.ToUpper(collection[:1]))
		}
		project, id = parts[1], parts[3]
	}
	switch {
	case id == "":
		return "", "", fmt.Errorf("%w: the name is empty", bad)
	case !resourceID.MatchString(id) || strings.HasPrefix(strings.ToLower(id), "goog"):
		return "", "", fmt.Errorf("%w: the ID %q must be 3 to 255 letters, digits or -._~+%%, start with a letter and not with goog", bad, id)
	case project == "":
		return "", "", fmt.Errorf("%w: the short ID %q needs a project", bad, id)
	case !projectID.MatchString(project):
		return "", "", fmt.Errorf("%w: the project %q must be lower-case letters, digits and hyphens", bad, project)
	}
	return project, id, nil
}
