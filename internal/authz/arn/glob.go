package arn

import (
	"strings"
	"unicode/utf8"
)

// Kind is what a token of a pattern stands for.
type Kind uint8

const (
	Literal  Kind = iota // Token.Text itself
	Star                 // any text, also none
	Question             // exactly one character
	Slot                 // the text given at index Token.Slot when matching, literally
)

// Token is one piece of a pattern.
type Token struct {
	Kind Kind
	Text string // Literal only
	Slot int    // Slot only
}

// Tokens reads a text in which "*" and "?" are wildcards and all else is
// literal. A text with policy variables is read by the policy package, which
// knows their grammar.
func Tokens(text string) []Token {
	var toks []Token
	for text != "" {
		i := strings.IndexAny(text, "*?")
		switch {
		case i < 0:
			return append(toks, Token{Kind: Literal, Text: text})
		case i > 0:
			toks = append(toks, Token{Kind: Literal, Text: text[:i]})
		}
		kind := Star
		if text[i] == '?' {
			kind = Question
		}
		toks = append(toks, Token{Kind: kind})
		text = text[i+1:]
	}
	return toks
}

// Glob is a compiled pattern over one string. The zero Glob matches only "".
// It is immutable and safe for concurrent use.
type Glob struct {
	toks []Token
	fold bool
	wild bool // has a Star or a Question
}

// CompileGlob compiles tokens. Runs of stars and neighbouring literals are
// merged, which keeps the matcher's steps few.
func CompileGlob(toks []Token) Glob { return compile(toks, false) }

// CompileFold is CompileGlob for a pattern that ignores the case of ASCII
// letters, as action names do.
func CompileFold(toks []Token) Glob { return compile(toks, true) }

func compile(toks []Token, fold bool) Glob {
	g := Glob{fold: fold}
	for _, t := range toks {
		if t.Kind == Literal {
			if t.Text == "" {
				continue
			}
			if fold {
				t.Text = lowerASCII(t.Text)
			}
		}
		g.wild = g.wild || t.Kind == Star || t.Kind == Question
		if n := len(g.toks); n > 0 {
			last := &g.toks[n-1]
			if t.Kind == Star && last.Kind == Star {
				continue
			}
			if t.Kind == Literal && last.Kind == Literal {
				last.Text += t.Text
				continue
			}
		}
		g.toks = append(g.toks, t)
	}
	return g
}

// Wild reports whether the pattern has a wildcard.
func (g *Glob) Wild() bool { return g.wild }

// Match reports whether the whole of s fits the pattern. slots are the texts
// of the pattern's Slot tokens; an index beyond them fits nothing.
//
// A mismatch only ever goes back to the latest star, since what an earlier
// star could take the latest one can take as well. The steps are therefore at
// most the product of both lengths and never exponential, whatever a caller
// may write into either.
func (g *Glob) Match(s string, slots []string) bool {
	if len(g.toks) == 1 && !g.fold {
		switch t := &g.toks[0]; t.Kind {
		case Literal:
			return t.Text == s
		case Star:
			return true
		}
	}
	next, pos := 0, 0
	star, starPos := -1, 0
	for {
		if next == len(g.toks) {
			if pos == len(s) {
				return true
			}
		} else {
			switch t := &g.toks[next]; t.Kind {
			case Star:
				if next == len(g.toks)-1 {
					return true
				}
				star, starPos = next, pos
				next++
				continue
			case Question:
				if pos < len(s) {
					pos += width(s[pos:])
					next++
					continue
				}
			case Literal:
				if g.hasPrefix(s[pos:], t.Text) {
					pos += len(t.Text)
					next++
					continue
				}
			case Slot:
				if t.Slot >= len(slots) {
					return false
				}
				if text := slots[t.Slot]; strings.HasPrefix(s[pos:], text) {
					pos += len(text)
					next++
					continue
				}
			}
		}
		if star < 0 || starPos >= len(s) {
			return false
		}
		starPos += width(s[starPos:])
		// A literal behind the star: jump to where it next occurs.
		if t := &g.toks[star+1]; t.Kind == Literal && !g.fold {
			i := strings.Index(s[starPos:], t.Text)
			if i < 0 {
				return false
			}
			starPos += i
		}
		pos, next = starPos, star+1
	}
}

func (g *Glob) hasPrefix(s, prefix string) bool {
	if !g.fold {
		return strings.HasPrefix(s, prefix)
	}
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(s[i]) != prefix[i] {
			return false
		}
	}
	return true
}

// width is the length in bytes of the first character of s. "?" stands for a
// character, and S3 keys are UTF-8.
func width(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

// Fill joins a pattern without wildcards into the text that it stands for.
func (g *Glob) Fill(slots []string) string {
	if len(g.toks) == 1 && g.toks[0].Kind == Literal {
		return g.toks[0].Text
	}
	var b strings.Builder
	for _, t := range g.toks {
		switch {
		case t.Kind == Literal:
			b.WriteString(t.Text)
		case t.Kind == Slot && t.Slot < len(slots):
			b.WriteString(slots[t.Slot])
		}
	}
	return b.String()
}
