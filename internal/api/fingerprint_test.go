package api_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const models = "../../../shared/models"

// TestFingerprint holds the committed code to the committed fingerprint, so
// that nobody edits it by hand.
func TestFingerprint(t *testing.T) {
	f, err := os.Open("fingerprint.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	listed := map[string]bool{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		sum, name, ok := strings.Cut(sc.Text(), "  ")
		if !ok || strings.HasPrefix(name, "model ") {
			continue
		}
		listed[name] = true
		data, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != sum {
			t.Errorf("%s differs from the fingerprint: run `make generate` instead of editing it", name)
		}
	}
	files, _ := filepath.Glob("*/*.go")
	for _, name := range files {
		if !listed[name] {
			t.Errorf("%s was not written by the generator", name)
		}
	}
	if len(listed) == 0 {
		t.Error("the fingerprint lists nothing")
	}
}

// TestRegeneration runs the generator on the models and expects what is
// committed. The models are kept beside the project, not in it; where they are
// not, there is nothing to compare and TestFingerprint speaks alone.
func TestRegeneration(t *testing.T) {
	if _, err := os.Stat(models); err != nil {
		t.Logf("no models at %s: the fingerprint alone was checked", models)
		return
	}
	out := t.TempDir()
	cmd := exec.Command("go", "run", "gatehouse/internal/apigen", "-models", models, "-out", out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("apigen: %v\n%s", err, text)
	}
	want, err := os.ReadFile("fingerprint.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(out, "fingerprint.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("regenerating gives other files than the committed ones: run `make generate` and commit")
	}
}
