package risk

import (
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"gatehouse/internal/api/cognitoidp"
)

var (
	bern   = Location{"CH", "Bern", 46.95, 7.45, true}
	zurich = Location{"CH", "Zurich", 47.37, 8.54, true}
	tokyo  = Location{"JP", "Tokyo", 35.68, 139.69, true}
	nowhat = Location{"CH", "Bern", 0, 0, false}
)

func at(ip, device string, where ...Location) Context {
	c := Context{Device: device}
	if ip != "" {
		c.IP = netip.MustParseAddr(ip)
	}
	for _, l := range where {
		c.Location, c.Located = l, true
	}
	return c
}

func TestAssess(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	did := func(ago time.Duration, c Context, change ...func(*Event)) Event {
		e := Event{Context: c, At: now.Add(-ago), Type: cognitoidp.EventTypeSignIn, Passed: true}
		for _, f := range change {
			f(&e)
		}
		return e
	}
	said := func(v cognitoidp.FeedbackValueType) func(*Event) { return func(e *Event) { e.Feedback = v } }
	of := func(k cognitoidp.EventType) func(*Event) { return func(e *Event) { e.Type = k } }
	failed := func(e *Event) { e.Passed = false }
	remembered := func(c Context) Context { c.DeviceKnown = true; return c }
	home := at("192.0.2.1", "Firefox, Linux", bern)
	const low, medium, high = cognitoidp.RiskLevelTypeLow, cognitoidp.RiskLevelTypeMedium, cognitoidp.RiskLevelTypeHigh

	for _, c := range []struct {
		name    string
		from    Context
		history []Event
		level   cognitoidp.RiskLevelType
		reasons []string
	}{
		{"no history", home, nil, "", nil},
		{"as ever", home, []Event{did(time.Hour, home)}, "", nil},
		{"another address of the network", at("192.0.2.99", "Firefox, Linux", bern), []Event{did(time.Hour, home)}, "", nil},
		{"another address of an IPv6 network", at("2001:db8:1:2::3", "x"), []Event{did(time.Hour, at("2001:db8:1:ffff::1", "x"))}, "", nil},
		{"another IPv6 network", at("2001:db8:2::3", "x"), []Event{did(time.Hour, at("2001:db8:1::1", "x"))}, medium, []string{NewDevice}},
		{"another device", at("192.0.2.1", "Chrome, Windows"), []Event{did(time.Hour, home)}, medium, []string{NewDevice}},
		{"another device at home", at("192.0.2.1", "Chrome, Windows", bern), []Event{did(time.Hour, home)}, low, []string{NewDevice}},
		{"another network at home", at("198.51.100.1", "Firefox, Linux", bern), []Event{did(time.Hour, home)}, low, []string{NewDevice}},
		{"another network nearby", at("198.51.100.1", "Firefox, Linux", zurich), []Event{did(time.Minute, home)}, medium, []string{NewDevice}},
		{"device and network seen apart", at("198.51.100.1", "Firefox, Linux"), []Event{did(time.Hour, home), did(time.Hour, at("198.51.100.1", "Chrome, Windows"))}, medium, []string{NewDevice}},
		{"nothing is known", Context{}, []Event{did(time.Hour, home)}, "", nil},
		{"an address is unknown", at("", "Firefox, Linux"), []Event{did(time.Hour, home)}, medium, []string{NewDevice}},

		{"a journey", at("203.0.113.1", "Firefox, Linux", tokyo), []Event{did(20*time.Hour, home)}, medium, []string{NewDevice}},
		{"an impossible one", at("203.0.113.1", "Firefox, Linux", tokyo), []Event{did(2*time.Hour, home)}, high, []string{NewDevice, ImpossibleTravel}},
		{"of a known device", at("203.0.113.1", "Firefox, Linux", tokyo),
			[]Event{did(2*time.Hour, home), did(100*time.Hour, at("203.0.113.9", "Firefox, Linux", tokyo))}, high, []string{ImpossibleTravel}},
		{"of a remembered device", remembered(at("203.0.113.1", "Firefox, Linux", tokyo)), []Event{did(2*time.Hour, home)}, high, []string{ImpossibleTravel}},
		{"since the newest, not the first", at("203.0.113.1", "Firefox, Linux", tokyo),
			[]Event{did(2*time.Hour, at("203.0.113.9", "Firefox, Linux", tokyo)), did(3*time.Hour, home)}, "", nil},
		{"from the future", at("203.0.113.1", "Firefox, Linux", tokyo), []Event{did(-48*time.Hour, home)}, high, []string{NewDevice, ImpossibleTravel}},
		{"without coordinates", at("203.0.113.1", "Firefox, Linux", tokyo), []Event{did(time.Hour, at("192.0.2.1", "Firefox, Linux", nowhat))}, medium, []string{NewDevice}},
		{"to a place without coordinates", at("198.51.100.1", "Firefox, Linux", nowhat), []Event{did(time.Hour, home)}, low, []string{NewDevice}},

		{"a failure teaches nothing", home, []Event{did(time.Hour, home, failed)}, "", nil},
		{"nor does one beside a success", at("203.0.113.1", "x"), []Event{did(time.Hour, home), did(time.Hour, at("203.0.113.1", "x"), failed)}, medium, []string{NewDevice}},
		{"nor a code that was asked for", at("203.0.113.1", "x"), []Event{did(time.Hour, home), did(time.Hour, at("203.0.113.1", "x"), of(cognitoidp.EventTypeResendCode))}, medium, []string{NewDevice}},
		{"a sign-up alone is no history", at("203.0.113.1", "x"), []Event{did(time.Hour, home, of(cognitoidp.EventTypeSignUp))}, "", nil},
		{"but where it was is known", home, []Event{did(time.Hour, home, of(cognitoidp.EventTypeSignUp)), did(time.Hour, at("203.0.113.1", "x"))}, "", nil},
		{"said to be valid", at("203.0.113.1", "x"), []Event{did(time.Hour, home), did(time.Hour, at("203.0.113.1", "x"), failed, said("Valid"))}, "", nil},
		{"said to be invalid", at("203.0.113.1", "x"), []Event{did(time.Hour, home), did(time.Hour, at("203.0.113.1", "x"), said("Invalid"))}, medium, []string{NewDevice}},
		{"all invalid", at("203.0.113.1", "x"), []Event{did(time.Hour, home, said("Invalid"))}, "", nil},
		{"no travel from an invalid one", home, []Event{did(time.Hour, at("203.0.113.1", "x", tokyo), said("Invalid")), did(2*time.Hour, home)}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Assess(now, c.from, c.history)
			if got.Level != c.level || !slices.Equal(got.Reasons, c.reasons) {
				t.Errorf("%q for %q, want %q for %q", got.Level, got.Reasons, c.level, c.reasons)
			}
		})
	}
}

// TestDistance against published distances of cities, in km.
func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b Location
		want float64
	}{{bern, bern, 0}, {bern, zurich, 95}, {bern, tokyo, 9600}, {Location{Latitude: 0, Longitude: 179.9}, Location{Latitude: 0, Longitude: -179.9}, 22}, {Location{Latitude: 90}, Location{Latitude: -90}, 20015}} {
		if got := distance(c.a, c.b); math.Abs(got-c.want) > 0.02*c.want+1 {
			t.Errorf("%v to %v: %.0f, want %.0f", c.a, c.b, got, c.want)
		}
	}
}

func TestDeviceName(t *testing.T) {
	for userAgent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                                                                 "Firefox, Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                        "Chrome, Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0":              "Edge, Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":                  "Safari, macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0 Mobile/15E148 Safari/604.1": "Chrome, iPhone",
		"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36":       "Samsung Internet, Android",
		"aws-sdk-go-v2/1.30.0 os/other lang/go#1.22": "aws-sdk-go-v2",
		"https://evil.example.com/click":             "https",
		"":                                           "",
		"<script>":                                   "",
		"Click_here\r\nSubject: x http://x.example (Firefox)": "Firefox",
	} {
		if got := DeviceName(userAgent); got != want {
			t.Errorf("%q is %q, want %q", userAgent, got, want)
		}
	}
}
