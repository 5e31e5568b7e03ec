// Package risk is threat protection: it says how likely it is that somebody
// else is behind an attempt in a user's name, which passwords were leaked, what
// the pool wants done about either, and it keeps the history that all of this
// is judged by. It decides; whoever signs users in or sets passwords acts.
//
// What a newcomer gets wrong: a decision is made before the transaction that
// acts on it, and its event is recorded inside that transaction, so that one
// does not exist without the other. And in a pool without threat protection
// nothing here reads anything: a Guard answers with nil, and nil is a decision
// that asks for nothing.
package risk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/event"
	"gatehouse/internal/outbound/delivery"
	"gatehouse/internal/seal"
	"gatehouse/internal/store"
)

// Config is what a Guard needs.
type Config struct {
	DB        *store.DB
	Ring      *seal.Ring
	Outbox    *delivery.Outbox
	Passwords *Passwords // nil: no password is known to be compromised
	Locations *Locations // nil: nobody knows where an address is
	PublicURL string     // links in mails begin with it
	Now       func() time.Time
}

// Guard judges attempts. A nil *Guard is one for which threat protection is
// off everywhere.
type Guard struct{ Config }

// New returns a Guard.
func New(c Config) *Guard { return &Guard{c} }

// Mode is the pool's AdvancedSecurityMode.
func Mode(p *pool.Pool) cognitoidp.AdvancedSecurityModeType {
	a := p.Settings.UserPoolAddOns
	if a == nil || a.AdvancedSecurityMode == nil {
		return cognitoidp.AdvancedSecurityModeTypeOff
	}
	return *a.AdvancedSecurityMode
}

// On reports whether attempts on a pool's users are judged.
func (g *Guard) On(p *pool.Pool) bool {
	return g != nil && Mode(p) != cognitoidp.AdvancedSecurityModeTypeOff
}

// KnowsPasswords reports whether there is a file of compromised passwords.
func (g *Guard) KnowsPasswords() bool { return g != nil && g.Passwords != nil }

// Request is what is known of who asks, and where from.
type Request struct {
	IP        netip.Addr // not valid when nobody knows
	UserAgent string
	// DeviceKnown says that a remembered device proved itself.
	DeviceKnown bool
}

// Public is the request of an operation for anybody. The client's word about
// the user's address counts if the client has a secret and is allowed to give
// it (user-pools.md, section 14); call it after the secret hash was checked.
func Public(ctx context.Context, c *pool.Client, said *cognitoidp.UserContextDataType) Request {
	from := event.From(ctx).Source
	r := Request{IP: from.IP, UserAgent: from.UserAgent}
	if said != nil && said.IpAddress != nil && len(c.Secrets) > 0 && api.Value(c.Settings.EnablePropagateAdditionalUserContextData) {
		r.IP = parseIP(string(*said.IpAddress))
	}
	return r
}

// Admin is the request of an operation with credentials: what the caller says
// of the user. Without it nothing is known: the connection is the caller's own.
func Admin(said *cognitoidp.ContextDataType) Request {
	var r Request
	if said == nil {
		return r
	}
	r.IP = parseIP(api.Value(said.IpAddress))
	for _, h := range said.HttpHeaders {
		if strings.EqualFold(api.Value(h.HeaderName), "User-Agent") {
			r.UserAgent = api.Value(h.HeaderValue)
		}
	}
	return r
}

// parseIP reads an address that somebody says; what is none is not valid.
func parseIP(text string) netip.Addr {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap().WithZone("")
}

// context is a request as it is compared and recorded.
func (g *Guard) context(r Request) Context {
	c := Context{IP: r.IP, Device: DeviceName(r.UserAgent), DeviceKnown: r.DeviceKnown}
	c.Location, c.Located = g.Locations.Locate(r.IP)
	return c
}

// Assess judges an attempt to sign in as a user; u is nil for a name that nobody
// has. It reads, and writes nothing. In a pool without threat protection the
// decision is nil.
func (g *Guard) Assess(ctx context.Context, p *pool.Pool, c *pool.Client, u *store.User, about Request) (*Decision, error) {
	if !g.On(p) {
		return nil, nil
	}
	var settings cognitoidp.RiskConfigurationType
	var rows []*store.AuthEvent
	if err := g.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if settings, err = configuration(tx, p.ID, c); err != nil || u == nil {
			return err
		}
		rows, err = store.AuthEvents(tx, p.ID, u.Sub, time.Time{}, "", store.AuthEventsPassed+store.AuthEventsOther)
		return err
	}); err != nil {
		return nil, err
	}
	from := g.context(about)
	history := make([]Event, 0, len(rows))
	for _, r := range rows {
		history = append(history, g.past(r))
	}
	return decide(Mode(p), &settings, Assess(g.Now(), from, history), from), nil
}

// past is an event that was recorded. Where it was is asked of the file of
// today.
func (g *Guard) past(r *store.AuthEvent) Event {
	e := Event{At: r.At, Type: cognitoidp.EventType(r.Type), Passed: r.Response == string(cognitoidp.EventResponseTypePass), Feedback: cognitoidp.FeedbackValueType(r.Feedback)}
	e.IP, e.Device = parseIP(r.IP), r.Device
	e.Location, e.Located = g.Locations.Locate(e.IP)
	return e
}

// Unjudged is the decision about what is recorded and not judged: a sign-up, a
// change of a password. It reads nothing. Nil without threat protection.
func (g *Guard) Unjudged(p *pool.Pool, about Request) *Decision {
	if !g.On(p) {
		return nil
	}
	return &Decision{Risk: cognitoidp.RiskDecisionTypeNoRisk, From: g.context(about)}
}

// PasswordLeaked looks a password up, if the pool or the client wants that on
// this occasion, and says whether it must not be used. c is nil where no client
// is involved. Never call it inside a transaction: it reads a file.
func (g *Guard) PasswordLeaked(ctx context.Context, p *pool.Pool, c *pool.Client, on cognitoidp.EventFilterType, password string) (block, compromised bool, err error) {
	if !g.On(p) || g.Passwords == nil {
		return false, false, nil
	}
	var settings cognitoidp.RiskConfigurationType
	if err := g.DB.Read(ctx, func(tx *store.Tx) (err error) {
		settings, err = configuration(tx, p.ID, c)
		return err
	}); err != nil {
		return false, false, err
	}
	wanted := settings.CompromisedCredentialsRiskConfiguration
	if wanted != nil && !slices.Contains(wanted.EventFilter, on) {
		return false, false, nil
	}
	if compromised, err = g.Passwords.Compromised(password); err != nil {
		return false, false, err
	}
	block = compromised && wanted != nil && Mode(p) == cognitoidp.AdvancedSecurityModeTypeEnforced &&
		*wanted.Actions.EventAction == cognitoidp.CompromisedCredentialsEventActionTypeBlock
	return block, compromised, nil
}

// Record writes an event in the transaction that makes it true. A nil event is
// none.
func (g *Guard) Record(tx *store.Tx, e *store.AuthEvent) error {
	if e == nil {
		return nil
	}
	return store.PutAuthEvent(tx, e)
}

// RecordKind is the kind of the records of risk configurations. They are called
// by their client's id, the pool's own is called OfPool.
const (
	RecordKind = "risk configuration"
	OfPool     = "-"
)

// configuration is what counts for a client: of each part the client's own, or
// else the pool's.
func configuration(tx *store.Tx, poolID string, c *pool.Client) (t cognitoidp.RiskConfigurationType, err error) {
	ids := []string{OfPool}
	if c != nil {
		ids = append(ids, c.ID)
	}
	for _, id := range ids {
		r, err := store.PoolRecordByID(tx, poolID, RecordKind, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return t, err
		}
		var own cognitoidp.RiskConfigurationType
		if err := json.Unmarshal([]byte(r.Body), &own); err != nil {
			return t, err
		}
		t.CompromisedCredentialsRiskConfiguration = cmp.Or(own.CompromisedCredentialsRiskConfiguration, t.CompromisedCredentialsRiskConfiguration)
		t.AccountTakeoverRiskConfiguration = cmp.Or(own.AccountTakeoverRiskConfiguration, t.AccountTakeoverRiskConfiguration)
		t.RiskExceptionConfiguration = cmp.Or(own.RiskExceptionConfiguration, t.RiskExceptionConfiguration)
	}
	return t, nil
}
