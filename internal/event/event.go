// Package event carries the one structured log event of a request from the
// listener to whoever has something to add: the edge names the operation, a
// service names the user, the authorizer its decision. The server logs it once,
// when the request ends.
//
// What a newcomer gets wrong: an event holds names and outcomes, never values
// that the caller sent in confidence. Members that the model marks sensitive
// have a type that redacts itself; keep it.
package event

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
)

// Event is what will be logged of one request.
type Event struct {
	ID     string // request id, as the caller sees it
	Source Source

	mu    sync.Mutex
	attrs []slog.Attr
}

// Source is where a request came from, as the connection and the request itself
// say. No proxy is believed: a server behind one sees the proxy.
type Source struct {
	IP        netip.Addr // not valid when nobody knows
	UserAgent string
}

type key struct{}

// New attaches an event to a context. Whoever makes it sets its Source before
// anybody reads it.
func New(ctx context.Context, id string) (context.Context, *Event) {
	e := &Event{ID: id}
	return context.WithValue(ctx, key{}, e), e
}

// From is the event of ctx. Without one it is an event that nobody logs.
func From(ctx context.Context) *Event {
	if e, ok := ctx.Value(key{}).(*Event); ok {
		return e
	}
	return &Event{}
}

// Set adds an attribute; a later value of the same name wins.
func (e *Event) Set(name string, value any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.attrs {
		if e.attrs[i].Key == name {
			e.attrs[i].Value = slog.AnyValue(value)
			return
		}
	}
	e.attrs = append(e.attrs, slog.Any(name, value))
}

// Get is the value that was set, or nil.
func (e *Event) Get(name string) any {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.attrs {
		if a.Key == name {
			return a.Value.Any()
		}
	}
	return nil
}

// Attrs is a copy of the attributes in the order in which they were set.
func (e *Event) Attrs() []slog.Attr {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]slog.Attr(nil), e.attrs...)
}
