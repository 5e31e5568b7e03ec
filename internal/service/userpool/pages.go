package userpool

import (
	"context"
	"encoding/json"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

// A page token is sealed for the one listing that it belongs to: the
// operation, the pool and the filter. Nobody forges one or carries it
// elsewhere.

// position is where a page ended.
type position struct {
	Value string `json:"v,omitempty"`
	ID    string `json:"i"`
}

const pagePurpose = "page token"

func (s *Service) pageToken(listing string, p position) *string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // two strings always marshal
	}
	return new(s.Ring.SealToken(pagePurpose, listing, b))
}

// openPage reads a page token of a listing; nil is the first page.
func (s *Service) openPage(listing string, text *string) (p position, err error) {
	if text == nil {
		return p, nil
	}
	b, err := s.Ring.OpenToken(pagePurpose, listing, *text)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return p, &cognitoidp.InvalidParameterException{Message: "Invalid pagination token"}
	}
	return p, nil
}

// limit is the size of a page: the wish, or the most there is.
func limit(wish *int, most int) int {
	if wish == nil || *wish == 0 {
		return most
	}
	return min(*wish, most)
}

// page reads one page of a listing: read gives at most n items after a
// position, where says the position of an item. The token of the next page is
// nil on the last one, which is known because one item more is asked for than
// is shown.
func page[T any](ctx context.Context, s *Service, listing string, token *string, n int,
	read func(tx *store.Tx, from position, n int) ([]T, error), where func(T) position) ([]T, *string, error) {
	from, err := s.openPage(listing, token)
	if err != nil {
		return nil, nil, err
	}
	var list []T
	if err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = read(tx, from, n+1)
		return err
	}); err != nil {
		return nil, nil, err
	}
	if len(list) <= n {
		return list, nil, nil
	}
	return list[:n], s.pageToken(listing, where(list[n-1])), nil
}
