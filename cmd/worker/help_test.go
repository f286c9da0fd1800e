package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spillway/internal/testenv"
)

func TestTheHelpIsGolden(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	var out bytes.Buffer
	cmd := newCommand()
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"--help"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	testenv.Golden(t, "testdata/help.golden", out.Bytes())
}

func TestABadFileIsOneClearLineForEachFault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flows.yaml")
	content := "lissten: :80\nflows:\n- subscription: projects/shop/subscriptions/offers\n  handler: discard\n  streams: many\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	p := testenv.Start(t, nil, "--config="+path)
	if code := p.Wait(t); code != 2 {
		t.Errorf("exit %d", code)
	}
	want := "worker: " + path + ":1 lissten: is not a key; did you mean listen?\n" +
		"worker: " + path + `:5 streams "many": is not a valid whole number; give one such as 10` + "\n"
	if p.Stderr() != want {
		t.Errorf("got %s, want %s", p.Stderr(), want)
	}
	p = testenv.Start(t, nil, "--config="+path+"2")
	if code := p.Wait(t); code != 2 || !strings.Contains(p.Stderr(), "cannot be read: no such file or directory; give the path of a YAML file") {
		t.Errorf("exit %d: %s", code, p.Stderr())
	}
}
