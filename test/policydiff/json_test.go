package policydiff

import (
	"strconv"
	"strings"
)

// value is a JSON value: a text (numbers and booleans too), a list or an
// object. The zero value is an absent one.
type value struct {
	there bool
	text  string
	list  []value
	isArr bool
	pairs []pair
}

type pair struct {
	name  string
	value value
}

func (v value) member(name string) value {
	for _, p := range v.pairs {
		if p.name == name {
			return p.value
		}
	}
	return value{}
}

// several is the values of an element: one may stand without brackets.
func several(v value) []value {
	if !v.there || v.isArr {
		return v.list
	}
	return []value{v}
}

// readJSON reads a valid document: the generator wrote it.
func readJSON(s string) value {
	v, _ := readValue(s)
	return v
}

func readValue(s string) (value, string) {
	s = strings.TrimLeft(s, " \n\t\r")
	v := value{there: true}
	switch s[0] {
	case '"':
		v.text, s = readText(s)
	case '[':
		v.isArr = true
		for s = skip(s[1:]); s[0] != ']'; s = skip(s) {
			var item value
			item, s = readValue(s)
			v.list = append(v.list, item)
		}
		s = s[1:]
	case '{':
		for s = skip(s[1:]); s[0] != '}'; s = skip(s) {
			var p pair
			p.name, s = readText(s)
			p.value, s = readValue(skip(s))
			v.pairs = append(v.pairs, p)
		}
		s = s[1:]
	default:
		end := strings.IndexAny(s, ",]} \n")
		v.text, s = s[:end], s[end:]
	}
	return v, s
}

// skip passes over blanks and the commas and colons between values.
func skip(s string) string { return strings.TrimLeft(s, " \n\t\r,:") }

func readText(s string) (string, string) {
	end := 1
	for ; s[end] != '"'; end++ {
		if s[end] == '\\' {
			end++
		}
	}
	text, err := strconv.Unquote(s[:end+1])
	if err != nil {
		panic(err)
	}
	return text, s[end+1:]
}
