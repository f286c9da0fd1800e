package broker

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// DeletedTopic is what a subscription gives as its topic when that has been deleted.
const DeletedTopic = "_deleted-topic_"

// TopicName checks a name of the form projects/P/topics/T.
func TopicName(field, name string) error { return checkName(field, name, "topics") }

// SubscriptionName checks a name of the form projects/P/subscriptions/S.
func SubscriptionName(field, name string) error { return checkName(field, name, "subscriptions") }

// SplitName gives the project and the short ID of a full name that has been checked.
func SplitName(name string) (project, id string) {
	parts := strings.SplitN(name, "/", 4)
	if len(parts) < 4 {
		return "", name
	}
	return parts[1], parts[3]
}

func checkName(field, name, collection string) error {
	parts := strings.Split(name, "/")
	if len(parts) == 4 && parts[0] == "projects" && parts[1] != "" && parts[2] == collection && validID(parts[3]) {
		return nil
	}
	return status.Errorf(codes.InvalidArgument,
		"Invalid resource name given in field %s: %q. Expected projects/{project}/%s/{id}, with an id of 3 to 255 characters "+
			"that starts with a letter, not with \"goog\", and has only letters, digits, and -_.~+%%.", field, clip(name), collection)
}

func validID(id string) bool {
	if len(id) < 3 || len(id) > 255 || strings.HasPrefix(id, "goog") || !letter(id[0]) {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !letter(c) && (c < '0' || c > '9') && !strings.ContainsRune("-_.~+%", rune(c)) {
			return false
		}
	}
	return true
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// clip keeps hostile input from filling logs and answers.
func clip(s string) string {
	if len(s) > 300 {
		return s[:300] + "..."
	}
	return s
}

func notFound(name string) error {
	_, id := SplitName(name)
	return status.Errorf(codes.NotFound, "Resource not found (resource=%s).", clip(id))
}

func alreadyExists(name string) error {
	_, id := SplitName(name)
	return status.Errorf(codes.AlreadyExists, "Resource already exists in the project (resource=%s).", clip(id))
}

func invalid(format string, args ...any) error {
	return status.Errorf(codes.InvalidArgument, format, args...)
}
