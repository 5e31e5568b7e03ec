package store

import (
	"encoding/base64"
	"encoding/json"
	"errors"
)

// ErrBadCursor says that a cursor from outside was not made by this store.
var ErrBadCursor = errors.New("store: bad cursor")

// A Page asks for a part of a list that is ordered by a unique key.
type Page struct {
	Limit int    // how many at most; 1 or more
	After string // cursor of the page before; empty: from the start
}

// A List is one page of an answer.
type List[T any] struct {
	Items []T
	Next  string // cursor for the following page; empty when this was the last
}

// cursor makes an opaque text of the key of the last row of a page. It is
// neither secret nor authenticated: it says where to go on, never in what.
func cursor(key ...string) string {
	b, err := json.Marshal(key)
	if err != nil {
		panic(err) // strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// key reads the n parts of the key after which the page starts; n empty
// strings, which sort before everything, for the first page.
func (p Page) key(n int) ([]string, error) {
	if p.After == "" {
		return make([]string, n), nil
	}
	b, err := base64.RawURLEncoding.DecodeString(p.After)
	if err != nil {
		return nil, ErrBadCursor
	}
	var key []string
	if err := json.Unmarshal(b, &key); err != nil || len(key) != n {
		return nil, ErrBadCursor
	}
	return key, nil
}

// fetch is how many rows to ask for: one more than the limit tells whether
// there is a next page without counting.
func (p Page) fetch() int { return p.Limit + 1 }

// list cuts the rows fetched to the page; key gives the ordering key of a row.
func list[T any](p Page, fetched []T, key func(T) []string) List[T] {
	if len(fetched) <= p.Limit {
		return List[T]{Items: fetched}
	}
	items := fetched[:p.Limit]
	return List[T]{Items: items, Next: cursor(key(items[len(items)-1])...)}
}
