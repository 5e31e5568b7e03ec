package hostedui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"gatehouse/internal/edge/site"
	"gatehouse/internal/service/login"
)

// The files of the pages. An operator's folder can have files of the same names
// in their place (docs/templates.md).
//
//go:embed static templates texts
var ownFiles embed.FS

// contract is the version of what the files rely on: the data of the template,
// the keys of the texts. Whatever would break an operator's files raises it.
const contract = "2"

const (
	pageFile    = "templates/page.html"
	versionFile = "version"
)

// files are what the pages are made of.
type files struct {
	page       *template.Template
	catalogues []*catalogue
	assets     map[string]*asset
	assetNames map[string]string
}

type asset struct {
	kind string
	body []byte
	zip  []byte
}

// readFiles reads the files of dir, and our own where it has none; dir may be
// "".
func readFiles(dir string) (*files, error) {
	read := func(name string) ([]byte, error) { return ownFiles.ReadFile(name) }
	if dir != "" {
		over := os.DirFS(dir)
		if err := checkFolder(over); err != nil {
			return nil, err
		}
		read = func(name string) ([]byte, error) {
			b, err := fs.ReadFile(over, name)
			if errors.Is(err, fs.ErrNotExist) {
				return ownFiles.ReadFile(name)
			}
			return b, err
		}
	}
	f := &files{assets: map[string]*asset{}, assetNames: map[string]string{}}
	b, err := read(pageFile)
	if err != nil {
		return nil, err
	}
	if f.page, err = template.New("page.html").Parse(string(b)); err != nil {
		return nil, fmt.Errorf("parse %s: %w", pageFile, err)
	}
	for _, lang := range languages {
		c, err := readCatalogue(read, lang)
		if err != nil {
			return nil, err
		}
		f.catalogues = append(f.catalogues, c)
	}
	for name, kind := range map[string]string{"style.css": "text/css", "dark.css": "text/css", "passkey.js": "text/javascript", "submit.js": "text/javascript"} {
		b, err := read("static/" + name)
		if err != nil {
			return nil, err
		}
		f.add(name, kind, b)
	}
	return f, f.check()
}

// checkFolder sees that a folder was made for this contract, and that each of
// its files takes the place of one of ours: a wrong name would change nothing.
func checkFolder(over fs.FS) error {
	b, err := fs.ReadFile(over, versionFile)
	switch got := strings.TrimSpace(string(b)); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder has no file %q with the number of the contract, %s (docs/templates.md)", versionFile, contract)
	case err != nil:
		return err
	case got != contract:
		return fmt.Errorf("the files are made for version %q of the contract, and this server has version %s (docs/templates.md)", got, contract)
	}
	return fs.WalkDir(over, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && strings.HasPrefix(d.Name(), ".") { // of an editor, of version control, of a mounted volume
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || name == versionFile {
			return nil
		}
		if _, err := fs.Stat(ownFiles, name); err != nil {
			return fmt.Errorf("%s takes the place of no file of the pages (docs/templates.md lists them)", name)
		}
		return nil
	})
}

var placeholderForm = regexp.MustCompile(`\{\w+\}`)

// readCatalogue reads the texts of a language. They have the keys and the
// placeholders of English, which is where the code takes them from.
func readCatalogue(read func(string) ([]byte, error), lang string) (*catalogue, error) {
	name := "texts/" + lang + ".json"
	b, err := read(name)
	if err != nil {
		return nil, err
	}
	c := &catalogue{Lang: lang, Dir: "ltr"}
	if err := json.Unmarshal(b, &c.text); err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	own, err := ownFiles.ReadFile("texts/en.json")
	if err != nil {
		return nil, err
	}
	var english map[string]string
	if err := json.Unmarshal(own, &english); err != nil {
		return nil, err
	}
	var wrong []string
	for key, text := range english {
		got, want := placeholderForm.FindAllString(c.text[key], -1), placeholderForm.FindAllString(text, -1)
		slices.Sort(got)
		slices.Sort(want)
		if strings.TrimSpace(c.text[key]) == "" || !slices.Equal(got, want) {
			wrong = append(wrong, key)
		}
	}
	if slices.Sort(wrong); len(wrong) > 0 {
		return nil, fmt.Errorf("%s: missing, or without the placeholders of English, are %s", name, strings.Join(wrong, ", "))
	}
	if lang == "ar" {
		c.Dir = "rtl"
	}
	c.Name = c.text["language"]
	return c, nil
}

// add takes a file that browsers fetch. It has the hash of what it says in its
// name, so that they keep it for good.
func (f *files) add(name, kind string, b []byte) {
	sum := sha256.Sum256(b)
	ext := path.Ext(name)
	f.assetNames[name] = assetsPath + strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:6]) + ext
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(b) // to memory
	_ = w.Close()
	f.assets[f.assetNames[name]] = &asset{kind + "; charset=utf-8", b, z.Bytes()}
}

// check renders a page with everything on it, so that a template that asks for
// what there is not, or leaves out what forms need, fails at the start and not
// before a user.
func (f *files) check() error {
	v := &visit{h: &Handler{files: f}, r: &http.Request{Method: http.MethodGet}, s: &site.Site{Path: "/login"}, req: &login.Request{Query: url.Values{}}, csrf: "the-token", catalogue: f.catalogues[0]}
	full := view{visit: v, Title: "the-title", Lead: "the-lead", Notice: "the-notice", Problem: &problem{Text: "the-problem"}, Name: "login", Action: "the-action",
		Hidden: []pair{{"the-hidden", "the-value"}}, Fields: []field{{ID: idNewPassword, Name: "the-field", Label: "the-label", Type: "text", Value: "x", Autocomplete: "x", InputMode: "text", Hint: "the-hint", MaxLength: 9, Wrong: true, Focus: true}, {ID: "x", Optional: true}},
		Rules: []string{"the-rule"}, Picture: &picture{1, "M0 0", "the-secret", "x", "x"}, Agreement: []link{{"x", ""}, {"the-terms", "https://localhost/"}}, Submit: &button{"the-submit", "x", "x", "x", true},
		Others: []button{{"the-other", "the-answer", "x", "the-way", true}}, Links: []link{{"the-link", "/x"}}, Providers: []upstream{{"the-provider", "/the-upstream", false}, {"x", "/x", true}}, Options: "the-options", Code: "the-code", script: "passkey.js",
		look: brand{CSS: "/x", Logo: "/x", DarkLogo: "/x", Icon: "/x", Scheme: "dark"}}
	for _, p := range []view{full, {visit: v}, {visit: v, outward: "https://localhost/", Hidden: full.Hidden}} {
		var b bytes.Buffer
		if err := f.page.Execute(&b, p); err != nil {
			return fmt.Errorf("render %s: %w", pageFile, err)
		}
		if p.Title == "" {
			continue
		}
		for _, text := range []string{"the-title", "the-lead", "the-notice", "the-problem", "the-action", "the-token", "the-hidden", "the-value", "the-field", "the-label", "the-hint", "the-rule",
			"the-secret", "the-terms", "the-provider", "the-upstream", "the-submit", "the-other", "the-answer", "the-way", "the-link", "the-options", "the-code", f.assetNames["passkey.js"]} {
			if !bytes.Contains(b.Bytes(), []byte(text)) {
				return fmt.Errorf("%s does not show %s (docs/templates.md)", pageFile, strings.TrimPrefix(text, "the-"))
			}
		}
	}
	return nil
}
