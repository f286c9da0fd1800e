package compile

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Commit is where a source stands.
type Commit struct {
	Revision string
	Time     time.Time
	// Modified says that files differ from the commit.
	Modified bool
}

// CommitOf asks git. Its time is the one that everything built is given, so that two builds are the same.
func CommitOf(ctx context.Context, root string) (Commit, error) {
	shown, err := git(ctx, root, "show", "--no-patch", "--format=%H %ct", "HEAD")
	if err != nil {
		return Commit{}, err
	}
	revision, stamp, _ := strings.Cut(strings.TrimSpace(shown), " ")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return Commit{}, fmt.Errorf("reading the time of commit %s: %w", revision, err)
	}
	status, err := git(ctx, root, "status", "--porcelain")
	if err != nil {
		return Commit{}, err
	}
	return Commit{Revision: revision, Time: time.Unix(seconds, 0).UTC(), Modified: status != ""}, nil
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...) //nolint:gosec // Fixed arguments.
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("asking git for %s: %w (the version, the revision and the times come from a git clone)", args[0], err)
	}
	return string(out), nil
}
