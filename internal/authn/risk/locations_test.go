package risk

import (
	"net/netip"
	"strings"
	"testing"
)

const someLocations = `cidr,country,city,latitude,longitude
203.0.113.0/24,JP,Tokyo,35.68,139.69
192.0.2.0/25,CH,Bern,46.95,7.45
192.0.2.128/25,CH,"Biel, Bienne",47.14,7.25
2001:db8:1::/48,US,New York,40.71,-74.01
198.51.100.0/24,CH,,,
`

func TestLocations(t *testing.T) {
	l, err := ReadLocations(strings.NewReader(someLocations))
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]string{"203.0.113.0": "Tokyo", "203.0.113.255": "Tokyo", "192.0.2.127": "Bern", "192.0.2.128": "Biel, Bienne", "::ffff:192.0.2.1": "Bern",
		"2001:db8:1:ffff::1": "New York", "203.0.114.0": "-", "192.0.1.255": "-", "192.0.3.0": "-", "2001:db8:2::": "-", "::": "-", "198.51.100.7": ""} {
		got, is := l.Locate(netip.MustParseAddr(ip))
		if is != (want != "-") || is && got.City != want {
			t.Errorf("%s is in %+v, %v, want %s", ip, got, is, want)
		}
		if is && got.OnMap == (want == "") {
			t.Errorf("%s on the map: %v", ip, got.OnMap)
		}
	}
	if _, is := l.Locate(netip.Addr{}); is {
		t.Error("no address is somewhere")
	}
	if _, is := (*Locations)(nil).Locate(netip.MustParseAddr("192.0.2.1")); is {
		t.Error("without a file an address is somewhere")
	}
}

func TestReadLocations_refuses(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.0/24,CH,Bern,46.95\n":                           "wrong number of fields",
		"192.0.2.1/24,CH,Bern,46.95,7.45\n":                      "line 1: \"192.0.2.1/24\" is not a network",
		"\n192.0.2.0,CH,Bern,46.95,7.45\n":                       "line 2: \"192.0.2.0\" is not a network",
		"::ffff:192.0.2.0/120,CH,Bern,46.95,7.45\n":              "is not a network",
		"192.0.2.0/24,CH,Bern,96.95,7.45\n":                      "is not a number of degrees of at most 90",
		"192.0.2.0/24,CH,Bern,46.95,\n":                          "is not a number of degrees of at most 180",
		"192.0.2.0/24,CH,Bern,NaN,7.45\n":                        "is not a number of degrees",
		"192.0.2.0/24,CH," + strings.Repeat("x", 101) + ",,\n":   "a name of more than 100 bytes",
		"192.0.2.64/26,CH,Bern,,\n192.0.2.0/24,CH,Bern,,\n":      "192.0.2.0/24 and 192.0.2.64/26 overlap",
		"192.0.2.0/24,CH,Bern,,\n192.0.2.0/24,CH,Biel,,\n":       "overlap",
		"2001:db8::/32,CH,Bern,,\n2001:db8:1::/48,CH,Bern,1,1\n": "2001:db8::/32 and 2001:db8:1::/48 overlap",
	} {
		if _, err := ReadLocations(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
