package risk

import (
	"math"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"gatehouse/internal/api/cognitoidp"
)

// Context is where an attempt comes from.
type Context struct {
	IP       netip.Addr `json:"i,omitzero"` // not valid when nobody knows
	Device   string     `json:"d,omitzero"` // DeviceName of the user agent; empty when nobody knows
	Location Location   `json:"l,omitzero"`
	Located  bool       `json:"w,omitzero"` // Location means something
	// DeviceKnown says that a remembered device proved itself: whatever else
	// is new, the device is not.
	DeviceKnown bool `json:"k,omitzero"`
}

// Event is something that happened to the user before.
type Event struct {
	Context
	At       time.Time
	Type     cognitoidp.EventType
	Passed   bool
	Feedback cognitoidp.FeedbackValueType // empty: nobody said anything
}

// Assessment is how likely it is that somebody else is behind an attempt. An
// empty Level is no risk.
type Assessment struct {
	Level   cognitoidp.RiskLevelType `json:"l,omitzero"`
	Reasons []string                 `json:"y,omitzero"`
}

// The reasons of an assessment, for the log and for people.
const (
	NewDevice        = "new device"
	ImpossibleTravel = "impossible travel"
	BlockedAddress   = "blocked address"
)

// Nobody travels faster than this, in km/h; and within so many km the places of
// addresses are guesses.
const (
	fastestTravel  = 1000
	shortestTravel = 500
)

// Assess compares an attempt with what is known of the user, in any order. A
// device is new when it has not been seen in its network before: a low risk in
// a place that is known, a medium one elsewhere. A journey that nobody can make
// is a high one. Without an earlier success there is nothing to compare with.
func Assess(now time.Time, from Context, history []Event) Assessment {
	var a Assessment
	if !from.IP.IsValid() && from.Device == "" {
		return a
	}
	proved, deviceSeen, placeSeen := false, from.DeviceKnown, false
	var last *Event // the newest whose place is on the map
	for i := range history {
		e := &history[i]
		if !e.counts() {
			continue
		}
		proved = proved || e.proves()
		deviceSeen = deviceSeen || e.Device == from.Device && sameNetwork(e.IP, from.IP)
		placeSeen = placeSeen || from.Located && e.Located && from.Location.Country != "" &&
			e.Location.Country == from.Location.Country && e.Location.City == from.Location.City
		if e.Located && e.Location.OnMap && (last == nil || e.At.After(last.At)) {
			last = e
		}
	}
	if !proved {
		return a
	}
	if !deviceSeen {
		a.Reasons = append(a.Reasons, NewDevice)
		a.Level = cognitoidp.RiskLevelTypeMedium
		if placeSeen {
			a.Level = cognitoidp.RiskLevelTypeLow
		}
	}
	if last != nil && from.Located && from.Location.OnMap {
		km := distance(last.Location, from.Location)
		if hours := max(now.Sub(last.At), 0).Hours(); km > shortestTravel && km > fastestTravel*hours {
			a.Reasons = append(a.Reasons, ImpossibleTravel)
			a.Level = cognitoidp.RiskLevelTypeHigh
		}
	}
	return a
}

// counts reports whether an event shows what belongs to the user. What anybody
// can ask for in the user's name, such as a new code, shows nothing; a person
// who said whether it was the user knows best.
func (e *Event) counts() bool {
	switch e.Feedback {
	case cognitoidp.FeedbackValueTypeValid:
		return true
	case cognitoidp.FeedbackValueTypeInvalid:
		return false
	}
	return e.Passed && e.Type != cognitoidp.EventTypeResendCode
}

// proves reports whether the user was proved to be the user. A sign-up is only
// where the user began.
func (e *Event) proves() bool {
	return e.Type != cognitoidp.EventTypeSignUp || e.Feedback == cognitoidp.FeedbackValueTypeValid
}

// sameNetwork compares networks in place of addresses, which change.
func sameNetwork(a, b netip.Addr) bool { return networkOf(a) == networkOf(b) }

func networkOf(a netip.Addr) netip.Prefix {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // nobody knows the address
	}
	return p
}

// distance is in km, on a sphere.
func distance(a, b Location) float64 {
	const radius, degree = 6371, math.Pi / 180
	h := haversine((b.Latitude-a.Latitude)*degree) + math.Cos(a.Latitude*degree)*math.Cos(b.Latitude*degree)*haversine((b.Longitude-a.Longitude)*degree)
	return 2 * radius * math.Asin(math.Sqrt(min(max(h, 0), 1)))
}

func haversine(x float64) float64 { return (1 - math.Cos(x)) / 2 }

// Words of user agents, and what they stand for: the first that is there wins.
var (
	browsers = [][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"Firefox", "Firefox"}, {"FxiOS", "Firefox"},
		{"CriOS", "Chrome"}, {"Chrome", "Chrome"}, {"Safari", "Safari"}}
	systems = [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}}
	product = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,39}`)
)

// DeviceName is what a user agent is, in words that a person knows. It has no
// version, so that an update makes no new device, and it is never the text that
// was sent: it will stand in mails to the user, and strangers send it.
func DeviceName(userAgent string) string {
	var parts []string
	for _, words := range [][][2]string{browsers, systems} {
		for _, w := range words {
			if strings.Contains(userAgent, w[0]) {
				parts = append(parts, w[1])
				break
			}
		}
	}
	if len(parts) == 0 {
		return product.FindString(userAgent)
	}
	return strings.Join(parts, ", ")
}
