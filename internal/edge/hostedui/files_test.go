package hostedui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder writes files by their names.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func ownFile(t *testing.T, name string) string {
	t.Helper()
	b, err := ownFiles.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReadFiles(t *testing.T) {
	german := strings.Replace(ownFile(t, "texts/de.json"), `"Anmelden"`, `"Hereinspaziert"`, 1)
	f, err := readFiles(folder(t, map[string]string{"version": "2\n", "texts/de.json": german, "static/style.css": "body{color:red}", ".git/config": "x", ".x.swp": "x"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.catalogueOf("de").T("login.title"); got != "Hereinspaziert" {
		t.Errorf("the title is %q", got)
	}
	if got := string(f.assets[f.assetNames["style.css"]].body); got != "body{color:red}" {
		t.Errorf("the sheet is %q", got)
	}
	if f.assetNames["dark.css"] != own.assetNames["dark.css"] || f.assetNames["style.css"] == own.assetNames["style.css"] {
		t.Errorf("the names are %v", f.assetNames)
	}
}

func TestReadFiles_refused(t *testing.T) {
	page := ownFile(t, pageFile)
	for name, x := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no version":       {map[string]string{}, `no file "version"`},
		"another version":  {map[string]string{"version": "1"}, `version "1" of the contract, and this server has version 2`},
		"a wrong name":     {map[string]string{"version": "2", "text/de.json": "{}"}, "text/de.json takes the place of no file"},
		"no template":      {map[string]string{"version": "2", "templates/page.html": "{{if}}"}, "parse templates/page.html"},
		"unknown data":     {map[string]string{"version": "2", "templates/page.html": page + "{{.Nothing}}"}, "Nothing"},
		"without a token":  {map[string]string{"version": "2", "templates/page.html": strings.ReplaceAll(page, "{{.CSRF}}", "")}, "templates/page.html does not show token"},
		"without problems": {map[string]string{"version": "2", "templates/page.html": strings.ReplaceAll(page, "{{.Text}}", "")}, "templates/page.html does not show problem"},
		"no JSON":          {map[string]string{"version": "2", "texts/de.json": "{"}, "parse texts/de.json"},
		"missing keys":     {map[string]string{"version": "2", "texts/de.json": `{"language": "Deutsch"}`}, "texts/de.json: missing, or without the placeholders of English, are addPasskey.lead, "},
		"no placeholder":   {map[string]string{"version": "2", "texts/en.json": strings.Replace(ownFile(t, "texts/en.json"), "Continue to {app}", "Continue", 1)}, "are login.lead"},
	} {
		if _, err := readFiles(folder(t, x.files)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %q", name, err, x.want)
		}
	}
	if _, err := readFiles(filepath.Join(t.TempDir(), "nowhere")); err == nil {
		t.Error("a folder that is not there was read")
	}
}
