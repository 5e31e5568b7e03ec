package risk

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"slices"
	"strconv"
)

// Location is where an address is used. Latitude and Longitude are degrees; they
// mean nothing without OnMap, where only the names are known.
type Location struct {
	Country   string  `json:"o,omitzero"`
	City      string  `json:"c,omitzero"`
	Latitude  float64 `json:"y,omitzero"`
	Longitude float64 `json:"x,omitzero"`
	OnMap     bool    `json:"m,omitzero"`
}

// Locations is where networks are. It takes 32 bytes a network and is held in
// memory; two million networks, which is what the free databases of cities
// have, are 64 MB.
type Locations struct {
	networks []network // ordered by first; none overlaps another
	places   []place
}

type network struct {
	first               [16]byte // IPv4 as ::ffff:a.b.c.d
	bits                uint8    // of the 128
	place               uint32
	latitude, longitude float32 // NaN: nobody knows
}

type place struct{ country, city string }

const (
	// maxNetworks bounds the memory that a file can take: 256 MB.
	maxNetworks = 8_000_000
	// maxPlaceName bounds the names of countries and cities.
	maxPlaceName = 100
)

var locationColumns = []string{"cidr", "country", "city", "latitude", "longitude"}

// OpenLocations reads a file.
func OpenLocations(name string) (*Locations, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l, err := ReadLocations(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// ReadLocations reads CSV of five columns: network, country, city, latitude and
// longitude. The first line may name them. Country, city and the pair of
// coordinates may be empty. The order of the lines does not matter.
func ReadLocations(r io.Reader) (*Locations, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord, in.ReuseRecord = len(locationColumns), true
	l := &Locations{}
	known := map[place]uint32{}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := in.FieldPos(0)
		if line == 1 && slices.Equal(row, locationColumns) {
			continue
		}
		if len(l.networks) == maxNetworks {
			return nil, fmt.Errorf("line %d: more than %d networks", line, maxNetworks)
		}
		n, where, err := parseNetwork(row)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		id, is := known[where]
		if !is {
			id = uint32(len(l.places)) // no more than there are networks
			known[where] = id
			l.places = append(l.places, where)
		}
		n.place = id
		l.networks = append(l.networks, n)
	}
	slices.SortFunc(l.networks, func(a, b network) int { return bytes.Compare(a.first[:], b.first[:]) })
	for i := 1; i < len(l.networks); i++ {
		if a := l.networks[i-1]; a.prefix().Contains(netip.AddrFrom16(l.networks[i].first)) {
			return nil, fmt.Errorf("the networks %s and %s overlap", a, l.networks[i])
		}
	}
	l.networks = slices.Clip(l.networks)
	return l, nil
}

func parseNetwork(row []string) (n network, where place, err error) {
	prefix, err := netip.ParsePrefix(row[0])
	if err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6() {
		return n, where, fmt.Errorf("%q is not a network such as 192.0.2.0/24", row[0])
	}
	n.first, n.bits = prefix.Addr().As16(), uint8(prefix.Bits())
	if prefix.Addr().Is4() {
		n.bits += 96
	}
	if len(row[1]) > maxPlaceName || len(row[2]) > maxPlaceName {
		return n, where, fmt.Errorf("a name of more than %d bytes", maxPlaceName)
	}
	where = place{row[1], row[2]}
	if row[3] == "" && row[4] == "" {
		n.latitude, n.longitude = float32(math.NaN()), float32(math.NaN())
		return n, where, nil
	}
	if n.latitude, err = degrees(row[3], 90); err == nil {
		n.longitude, err = degrees(row[4], 180)
	}
	return n, where, err
}

func degrees(text string, most float64) (float32, error) {
	d, err := strconv.ParseFloat(text, 32)
	if err != nil || !(math.Abs(d) <= most) {
		return 0, fmt.Errorf("%q is not a number of degrees of at most %v", text, most)
	}
	return float32(d), nil
}

func (n network) prefix() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16(n.first), int(n.bits))
}

func (n network) String() string {
	if a := netip.AddrFrom16(n.first); a.Is4In6() && n.bits >= 96 {
		return netip.PrefixFrom(a.Unmap(), int(n.bits)-96).String()
	}
	return n.prefix().String()
}

// Locate is where an address is used, if the file says so. A nil *Locations
// knows of none.
func (l *Locations) Locate(ip netip.Addr) (Location, bool) {
	if l == nil || !ip.IsValid() {
		return Location{}, false
	}
	want := netip.AddrFrom16(ip.As16())
	first := want.As16()
	i, exact := slices.BinarySearchFunc(l.networks, first, func(n network, f [16]byte) int { return bytes.Compare(n.first[:], f[:]) })
	if !exact {
		i-- // the last that begins before
	}
	if i < 0 || !l.networks[i].prefix().Contains(want) {
		return Location{}, false
	}
	n := l.networks[i]
	where := l.places[n.place]
	found := Location{Country: where.country, City: where.city}
	if latitude := float64(n.latitude); !math.IsNaN(latitude) {
		found.Latitude, found.Longitude, found.OnMap = latitude, float64(n.longitude), true
	}
	return found, true
}
