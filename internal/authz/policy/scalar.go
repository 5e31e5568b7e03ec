package policy

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// number is a decimal number. Integers of 64 bits are compared exactly, since
// sizes and epoch times may pass a float's 53 bits; all else as floats.
type number struct {
	whole   int64
	isWhole bool
	float   float64
}

func parseNumber(text string) (number, bool) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return number{whole: i, isWhole: true, float: float64(i)}, true
	}
	// strconv also reads hexadecimal, underscores, infinities and NaN.
	if !only(text, func(c byte) bool { return '0' <= c && c <= '9' || strings.IndexByte("+-.eE", c) >= 0 }) {
		return number{}, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return number{float: f}, err == nil
}

func (n number) compare(m number) int {
	if n.isWhole && m.isWhole {
		return cmp.Compare(n.whole, m.whole)
	}
	return cmp.Compare(n.float, m.float)
}

// parseInstant reads a W3C date and time, or seconds since 1970. Four digits
// are a year: the epoch's first hours are of no use to a policy.
func parseInstant(text string) (time.Time, bool) {
	form := ""
	switch {
	case strings.IndexByte(text, 'T') > 0:
		if t, err := time.Parse("2006-01-02T15:04:05.999999999Z07:00", text); err == nil {
			return t, true
		}
		form = "2006-01-02T15:04Z07:00"
	case len(text) == len("2006"):
		form = "2006"
	case len(text) == len("2006-01") && text[4] == '-':
		form = "2006-01"
	case len(text) == len("2006-01-02") && text[4] == '-':
		form = "2006-01-02"
	}
	if form != "" {
		t, err := time.Parse(form, text)
		return t, err == nil
	}
	n, ok := parseNumber(text)
	switch {
	case !ok:
		return time.Time{}, false
	case n.isWhole:
		return time.Unix(n.whole, 0), true
	case n.float < -1e15 || n.float > 1e15:
		return time.Time{}, false
	}
	seconds := int64(n.float)
	return time.Unix(seconds, int64((n.float-float64(seconds))*1e9)), true
}

// parseNetwork reads a CIDR range, or one address. Host bits are dropped, as
// in 203.0.113.7/24.
func parseNetwork(text string) (netip.Prefix, bool) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), true
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, false
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), true
}
