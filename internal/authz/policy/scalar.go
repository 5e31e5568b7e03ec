package policy

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// number is a decimal number, kept exactly: sizes and epoch times may pass a
// float's 53 bits, and 0.1 is not one of its values. The number is 0.digits
// times ten to the power of point, and digits neither begins nor ends with a
// zero; zero has none.
type number struct {
	negative bool
	digits   string
	point    int
}

// maxExponent bounds what is written behind an "e". Nothing that a policy
// counts is beyond it.
const maxExponent = 999

func parseNumber(text string) (number, bool) {
	var n number
	text, n.negative = strings.CutPrefix(text, "-")
	if !n.negative {
		text = strings.TrimPrefix(text, "+")
	}
	exponent := 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(text[i+1:]); err != nil || exponent < -maxExponent || exponent > maxExponent {
			return number{}, false
		}
		text = text[:i]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if whole+fraction == "" || !only(whole, digit) || !only(fraction, digit) {
		return number{}, false
	}
	whole = strings.TrimLeft(whole, "0")
	n.point = len(whole) + exponent
	n.digits = strings.TrimRight(whole+fraction, "0")
	for strings.HasPrefix(n.digits, "0") { // 0.01
		n.digits = n.digits[1:]
		n.point--
	}
	if n.digits == "" {
		return number{}, true
	}
	return n, true
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func (n number) compare(m number) int {
	switch {
	case n.sign() != m.sign():
		return cmp.Compare(n.sign(), m.sign())
	case n.point != m.point:
		return n.sign() * cmp.Compare(n.point, m.point)
	}
	return n.sign() * strings.Compare(n.digits, m.digits)
}

func (n number) sign() int {
	switch {
	case n.digits == "":
		return 0
	case n.negative:
		return -1
	}
	return 1
}

// instant reads the number as seconds since 1970; what is less than a
// nanosecond is cut off.
func (n number) instant() (time.Time, bool) {
	if n.point > 15 {
		return time.Time{}, false
	}
	if n.point < -9 {
		return time.Unix(0, 0), true
	}
	all := strings.Repeat("0", max(-n.point, 0)) + n.digits + strings.Repeat("0", 25)
	seconds, err := strconv.ParseInt("0"+all[:max(n.point, 0)], 10, 64)
	nanoseconds, err2 := strconv.ParseInt(all[max(n.point, 0):][:9], 10, 64)
	if err != nil || err2 != nil {
		return time.Time{}, false
	}
	if n.negative {
		seconds, nanoseconds = -seconds, -nanoseconds
	}
	return time.Unix(seconds, nanoseconds), true
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
	case len(text) == len("2006") && only(text, digit):
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
	if !ok {
		return time.Time{}, false
	}
	return n.instant()
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
