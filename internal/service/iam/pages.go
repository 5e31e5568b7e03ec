package iam

import (
	"cmp"
	"strconv"

	"gatehouse/internal/api"
	"gatehouse/internal/store"
)

// A marker is the name after which a page begins, or the position in a short
// list. It says where to go on and never in what, so there is nothing to forge.

// defaultPage is how many items a listing has when it is not told (IAM API
// reference, MaxItems).
const defaultPage = 100

func pageSize(maxItems *int) int { return cmp.Or(api.Value(maxItems), defaultPage) }

// cut shortens a list that was read one longer than a page. key is the marker
// of an item.
func cut[T any](list []T, maxItems *int, key func(T) string) (page []T, truncated *bool, marker *string) {
	n := pageSize(maxItems)
	if len(list) <= n {
		return list, new(false), nil
	}
	return list[:n], new(true), new(key(list[n-1]))
}

// slice is a page of a short list that is at hand as a whole.
func slice[T any](list []T, maxItems *int, after *string) (page []T, truncated *bool, marker *string, err error) {
	from := 0
	if after != nil {
		if from, err = strconv.Atoi(*after); err != nil || from < 0 || from > len(list) {
			return nil, nil, nil, validationError("Invalid Marker.")
		}
	}
	to := min(from+pageSize(maxItems), len(list))
	if to < len(list) {
		marker = new(strconv.Itoa(to))
	}
	return list[from:to], new(to < len(list)), marker, nil
}

func entityKey(e *store.IAMEntity) string { return store.IAMNameKey(e.Name) }

// mapped is a list in the form of an answer: never nil, so that an empty list
// is written as one.
func mapped[A, B any](list []A, f func(A) B) []B {
	out := make([]B, 0, len(list))
	for _, a := range list {
		out = append(out, f(a))
	}
	return out
}

// prefix is the PathPrefix of a listing.
func prefix(p *string) string { return cmp.Or(api.Value(p), "/") }
