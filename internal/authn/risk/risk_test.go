package risk

import (
	"context"
	"encoding/json"
	"html"
	"log/slog"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/event"
	"gatehouse/internal/outbound/delivery"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// fixture is a guard, a pool that enforces and a user with an address.
type fixture struct {
	*testing.T
	*Guard
	db   *store.DB
	pool *pool.Pool
	app  *pool.Client
	user *store.User
	now  time.Time
}

func each(t *testing.T, test func(f *fixture)) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		db := storetest.OpenConfig(t, c)
		f := &fixture{T: t, db: db, now: time.Unix(1_800_000_000, 0).UTC(), app: &pool.Client{ID: "app", PoolID: "p", Settings: &cognitoidp.UserPoolClientType{}}}
		where, err := ReadLocations(strings.NewReader(someLocations))
		if err != nil {
			t.Fatal(err)
		}
		leaked, err := open(t, hashFile("\r\n", true, "password1", "hunter2"))
		if err != nil {
			t.Fatal(err)
		}
		f.Guard = New(Config{DB: db, Ring: c.Ring, Outbox: delivery.New(delivery.Config{DB: db, Log: slog.New(slog.DiscardHandler)}), Passwords: leaked, Locations: where,
			PublicURL: "https://id.example.com", Now: func() time.Time { return f.now }})
		f.pool = &pool.Pool{ID: "p", Settings: &cognitoidp.UserPoolType{}}
		f.mode("ENFORCED")
		f.user = &store.User{PoolID: "p", Sub: "ann-sub", Username: "ann&co", Attributes: []store.Attribute{{Name: "email", Value: "ann@example.com"}, {Name: "email_verified", Value: "true"}}}
		test(f)
	})
}

func (f *fixture) mode(m cognitoidp.AdvancedSecurityModeType) {
	f.pool.Settings.UserPoolAddOns = &cognitoidp.UserPoolAddOnsType{AdvancedSecurityMode: &m}
}

func (f *fixture) write(fn func(tx *store.Tx) error) {
	f.Helper()
	if err := f.db.Write(context.Background(), fn); err != nil {
		f.Fatal(err)
	}
}

// configure stores a configuration as SetRiskConfiguration does.
func (f *fixture) configure(id, body string) {
	f.Helper()
	f.write(func(tx *store.Tx) error {
		return store.PutPoolRecord(tx, &store.PoolRecord{PoolID: "p", Kind: RecordKind, ID: id, Body: body})
	})
}

func (f *fixture) assess(ip, agent string) *Decision {
	f.Helper()
	d, err := f.Assess(context.Background(), f.pool, f.app, f.user, Request{IP: netip.MustParseAddr(ip), UserAgent: agent})
	if err != nil {
		f.Fatal(err)
	}
	return d
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

// TestGuard: a history is made, judged, taught and denied.
func TestGuard(t *testing.T) {
	each(t, func(f *fixture) {
		f.configure(OfPool, `{"AccountTakeoverRiskConfiguration":{"Actions":{"HighAction":{"Notify":true,"EventAction":"BLOCK"},"MediumAction":{"Notify":false,"EventAction":"BLOCK"}}}}`)
		record := func(id string, d *Decision, r cognitoidp.EventResponseType) {
			f.Helper()
			f.write(func(tx *store.Tx) error {
				return f.Record(tx, d.Event(f.user, cognitoidp.EventTypeSignIn, id, f.now, r, Challenge(cognitoidp.ChallengeNamePassword, true)))
			})
		}
		first := f.assess("192.0.2.1", firefox)
		if first.Risk != "NoRisk" || first.Level != "" || first.From.Location.City != "Bern" {
			t.Errorf("the first is %+v", first)
		}
		record("1", first, cognitoidp.EventResponseTypePass)
		f.now = f.now.Add(time.Hour)
		far := f.assess("203.0.113.9", firefox)
		if far.Level != cognitoidp.RiskLevelTypeHigh || !far.Block || !far.Notify {
			t.Errorf("a journey to Tokyo in an hour is %+v", far)
		}
		// It stays what it is on its way through a session.
		text, err := json.Marshal(far)
		if err != nil || len(text) > 300 {
			t.Errorf("the decision is %d bytes of JSON, %v: %s", len(text), err, text)
		}
		travelled := &Decision{}
		if err := json.Unmarshal(text, travelled); err != nil || !reflect.DeepEqual(far, travelled) {
			t.Errorf("from JSON comes %+v, %v", travelled, err)
		}
		record("2", travelled, cognitoidp.EventResponseTypeFail)
		if again := f.assess("203.0.113.9", firefox); again.Level != cognitoidp.RiskLevelTypeHigh {
			t.Errorf("after it was blocked it is %+v", again)
		}
		f.write(func(tx *store.Tx) error {
			e, err := store.AuthEventByID(tx, "p", "ann-sub", "2")
			if err != nil {
				return err
			}
			if e.Decision != "Block" || e.Level != "High" || e.City != "Tokyo" || e.Country != "JP" || e.IP != "203.0.113.9" || e.Device != "Firefox, Linux" ||
				e.Challenges[0] != (store.AuthChallenge{Name: "Password", Response: "Success"}) {
				t.Errorf("the event is %+v", e)
			}
			return store.SetAuthEventFeedback(tx, "p", "ann-sub", "2", "Valid", "User")
		})
		if d := f.assess("203.0.113.9", firefox); d.Level != "" {
			t.Errorf("after the user said it was valid it is %+v", d)
		}
		// The client's own actions come before the pool's, and the pool's other
		// parts stay.
		f.configure("app", `{"AccountTakeoverRiskConfiguration":{"Actions":{"HighAction":{"Notify":false,"EventAction":"NO_ACTION"}}}}`)
		f.configure(OfPool, `{"AccountTakeoverRiskConfiguration":{"Actions":{"MediumAction":{"Notify":false,"EventAction":"BLOCK"}}},"RiskExceptionConfiguration":{"BlockedIPRangeList":["198.51.100.7/32"]}}`)
		if d := f.assess("192.0.2.1", "Chrome Windows"); d.Level != cognitoidp.RiskLevelTypeHigh || d.Block {
			t.Errorf("by the client's configuration it is %+v", d)
		}
		if d := f.assess("198.51.100.250", "Chrome Windows"); d.Level != cognitoidp.RiskLevelTypeMedium || d.Block {
			t.Errorf("what the client's leaves out is %+v", d)
		}
		if d := f.assess("198.51.100.7", firefox); !d.Block {
			t.Errorf("an address that the pool blocks is %+v", d)
		}
		f.user = nil
		if d := f.assess("198.51.100.7", firefox); !d.Block || d.Event(nil, "SignIn", "x", f.now, "Fail") != nil {
			t.Errorf("for nobody it is %+v", d)
		}
		f.mode("OFF")
		if d := f.assess("198.51.100.7", firefox); d != nil || f.On(f.pool) || (*Guard)(nil).On(f.pool) {
			t.Errorf("without threat protection it is %+v", d)
		}
		f.write(func(tx *store.Tx) error { return f.Record(tx, nil) })
	})
}

func TestPasswordLeaked(t *testing.T) {
	each(t, func(f *fixture) {
		is := func(c *pool.Client, on cognitoidp.EventFilterType, password string, block, compromised bool) {
			f.Helper()
			b, k, err := f.PasswordLeaked(context.Background(), f.pool, c, on, password)
			if err != nil || b != block || k != compromised {
				f.Errorf("%s on %s: block %v, compromised %v, %v", password, on, b, k, err)
			}
		}
		const signUp, change = cognitoidp.EventFilterTypeSignUp, cognitoidp.EventFilterTypePasswordChange
		is(f.app, signUp, "password1", false, true) // nothing says that it must not be used
		f.configure(OfPool, `{"CompromisedCredentialsRiskConfiguration":{"EventFilter":["SIGN_UP"],"Actions":{"EventAction":"BLOCK"}}}`)
		is(f.app, signUp, "password1", true, true)
		is(nil, signUp, "hunter2", true, true)
		is(f.app, signUp, "Password1", false, false)
		is(f.app, change, "password1", false, false)
		f.configure("app", `{"CompromisedCredentialsRiskConfiguration":{"EventFilter":["SIGN_UP","PASSWORD_CHANGE"],"Actions":{"EventAction":"NO_ACTION"}}}`)
		is(f.app, signUp, "password1", false, true)
		is(f.app, change, "password1", false, true)
		is(nil, signUp, "password1", true, true)
		f.mode("AUDIT")
		is(nil, signUp, "password1", false, true)
		f.mode("OFF")
		is(nil, signUp, "password1", false, false)
		f.mode("ENFORCED")
		f.Passwords = nil
		is(nil, signUp, "password1", false, false)
	})
}

func TestNotify(t *testing.T) {
	each(t, func(f *fixture) {
		mail := func(d *Decision, e *store.AuthEvent) *store.Message {
			f.Helper()
			var got *store.Message
			f.write(func(tx *store.Tx) error {
				if err := f.Notify(tx, f.app, f.user, d, e); err != nil {
					return err
				}
				list, err := store.Messages(tx, "ann@example.com", 10)
				if len(list) > 0 {
					got = &list[0]
				}
				return err
			})
			return got
		}
		e := &store.AuthEvent{PoolID: "p", Sub: "ann-sub", ID: "e-1", At: f.now, IP: "192.0.2.1", Device: "Firefox, Linux", City: "Bern", Country: "CH"}
		if m := mail(&Decision{}, e); m != nil {
			t.Errorf("nothing to say, but %+v", m)
		}
		if m := mail(nil, nil); m != nil {
			t.Errorf("no decision, but %+v", m)
		}
		m := mail(&Decision{Notify: true, Block: true, Risk: "Block"}, e)
		if m == nil || m.Subject != "Sign-in attempt blocked" || !strings.Contains(m.Body, "ann&amp;co at Fri, 15 Jan 2027 08:00:00 UTC from 192.0.2.1 (Bern, CH) with Firefox, Linux was blocked") {
			t.Fatalf("the mail is %+v", m)
		}
		links := regexp.MustCompile(`https://[^"]+`).FindAllString(m.Body, -1)
		if len(links) != 2 {
			t.Fatalf("the links are %q", links)
		}
		for i, value := range []string{"Valid", "Invalid"} {
			u, err := url.Parse(html.UnescapeString(links[i]))
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			if u.Host != "id.example.com" || u.Path != FeedbackPath || q.Get("pool") != "p" || q.Get("user") != "ann&co" || q.Get("event") != "e-1" || q.Get("value") != value {
				t.Errorf("link %d is %s", i, u)
			}
			token := q.Get("token")
			if !regexp.MustCompile(`^[A-Za-z0-9-_=.]+$`).MatchString(token) {
				t.Errorf("the API does not take the token %s", token)
			}
			for range 2 {
				if err := f.CheckFeedbackToken("p", "ann-sub", "e-1", token); err != nil {
					t.Error(err)
				}
			}
			for _, other := range [][3]string{{"q", "ann-sub", "e-1"}, {"p", "bob-sub", "e-1"}, {"p", "ann-sub", "e-2"}} {
				if err := f.CheckFeedbackToken(other[0], other[1], other[2], token); err != ErrFeedbackToken {
					t.Errorf("the token opens %v: %v", other, err)
				}
			}
			f.now = f.now.Add(feedbackLife)
			if err := f.CheckFeedbackToken("p", "ann-sub", "e-1", token); err != ErrFeedbackToken {
				t.Errorf("a week later: %v", err)
			}
			f.now = f.now.Add(-feedbackLife)
		}
		// The pool's own words; in HTML a value is a text, not a tag.
		f.configure(OfPool, `{"AccountTakeoverRiskConfiguration":{"NotifyConfiguration":{"MfaEmail":{"Subject":"Really?","HtmlBody":"<b>{username}</b> in {city}"}}}}`)
		if m := mail(&Decision{Notify: true, MFA: MFARequired}, &store.AuthEvent{PoolID: "p", Sub: "ann-sub", ID: "e-2", At: f.now}); m.Subject != "Really?" || m.Body != "<b>ann&amp;co</b> in unknown" {
			t.Errorf("the mail is %+v", m)
		}
		if m := mail(&Decision{Notify: true}, e); m.Subject != "New sign-in" {
			t.Errorf("the mail is %+v", m)
		}
		f.user.SetAttribute("email_verified", "false")
		if m := mail(&Decision{Notify: true, Block: true}, e); m.Subject != "New sign-in" {
			t.Errorf("an address that is not verified gets %+v", m)
		}
	})
}

// TestRequest: whose word about the address counts.
func TestRequest(t *testing.T) {
	ctx, ev := event.New(context.Background(), "id")
	ev.Source = event.Source{IP: netip.MustParseAddr("192.0.2.1"), UserAgent: firefox}
	client := func(secret, allowed bool) *pool.Client {
		c := &pool.Client{Settings: &cognitoidp.UserPoolClientType{EnablePropagateAdditionalUserContextData: &allowed}}
		if secret {
			c.Secrets = []pool.Secret{{ID: "s"}}
		}
		return c
	}
	says := func(ip string) *cognitoidp.UserContextDataType {
		return &cognitoidp.UserContextDataType{IpAddress: new(api.Secret(ip))}
	}
	for _, c := range []struct {
		client *pool.Client
		said   *cognitoidp.UserContextDataType
		want   string
	}{
		{client(true, true), nil, "192.0.2.1"},
		{client(true, true), &cognitoidp.UserContextDataType{}, "192.0.2.1"},
		{client(true, true), says("203.0.113.7"), "203.0.113.7"},
		{client(true, true), says("::ffff:203.0.113.7"), "203.0.113.7"},
		{client(true, true), says("here"), "invalid IP"},
		{client(false, true), says("203.0.113.7"), "192.0.2.1"},
		{client(true, false), says("203.0.113.7"), "192.0.2.1"},
	} {
		if r := Public(ctx, c.client, c.said); r.IP.String() != c.want || r.UserAgent != firefox {
			t.Errorf("got %v, want %s", r, c.want)
		}
	}
	if r := Admin(nil); r.IP.IsValid() || r.UserAgent != "" {
		t.Errorf("an administrator who says nothing: %v", r)
	}
	r := Admin(&cognitoidp.ContextDataType{IpAddress: new("2001:db8::1"), HttpHeaders: []cognitoidp.HttpHeader{{HeaderName: new("user-agent"), HeaderValue: new("x")}, {}}})
	if r.IP.String() != "2001:db8::1" || r.UserAgent != "x" {
		t.Errorf("an administrator says %v", r)
	}
}
