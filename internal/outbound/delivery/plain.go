package delivery

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// plain is the text of a mail's HTML, for programs that show no HTML: lines where
// blocks end, and the address of a link behind its text.
func plain(body string) string {
	var b strings.Builder
	var address string
	skipped := 0 // how deep inside what has no text
	z := html.NewTokenizer(strings.NewReader(body))
	for {
		kind := z.Next()
		if kind == html.ErrorToken { // the end
			return tidy(b.String())
		}
		t := z.Token()
		opens := kind == html.StartTagToken
		switch {
		case kind == html.TextToken:
			if skipped == 0 {
				b.WriteString(t.Data)
			}
		case kind != html.StartTagToken && kind != html.EndTagToken && kind != html.SelfClosingTagToken:
		case t.DataAtom == atom.Style || t.DataAtom == atom.Script || t.DataAtom == atom.Title:
			if opens {
				skipped++
			} else if skipped > 0 {
				skipped--
			}
		case t.DataAtom == atom.A && opens:
			address = ""
			for _, a := range t.Attr {
				if a.Key == "href" {
					address = a.Val
				}
			}
		case t.DataAtom == atom.A && address != "":
			b.WriteString(" (" + address + ")")
			address = ""
		case t.DataAtom == atom.Br && kind != html.EndTagToken, !opens && blocks[t.DataAtom]:
			b.WriteByte('\n')
		}
	}
}

// blocks are the elements whose end is the end of a line.
var blocks = map[atom.Atom]bool{atom.P: true, atom.Div: true, atom.Li: true, atom.Tr: true, atom.Table: true, atom.Ul: true, atom.Ol: true,
	atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true}

// tidy takes the blanks around lines away, and empty lines after the first.
func tidy(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line != "" || len(lines) > 0 && lines[len(lines)-1] != "" {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
