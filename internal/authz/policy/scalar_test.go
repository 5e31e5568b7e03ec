package policy

import (
	"testing"
	"time"
)

func TestNumber(t *testing.T) {
	ordered := []string{"-1e3", "-10.01", "-10", "-0.5", "0", "0.001", "1e-2", "0.1", "0.1000000000000000000001", "1", "9.99", "10",
		"9007199254740992", "9007199254740993", "9223372036854775807", "9223372036854775808", "1e999"}
	for i, a := range ordered {
		for j, b := range ordered {
			x, ok1 := parseNumber(a)
			y, ok2 := parseNumber(b)
			if got, want := x.compare(y), sign(i-j); !ok1 || !ok2 || got != want {
				t.Errorf("%s against %s = %d (%v, %v)", a, b, got, ok1, ok2)
			}
		}
	}
	for _, same := range [][2]string{{"0", "-0.00"}, {"10", "1e1"}, {"10", "+0010.00"}, {".5", "0.5"}, {"5.", "5"}, {"0e7", "0"}} {
		x, ok1 := parseNumber(same[0])
		y, ok2 := parseNumber(same[1])
		if !ok1 || !ok2 || x != y {
			t.Errorf("%s is not %s: %v, %v", same[0], same[1], x, y)
		}
	}
	for _, bad := range []string{"", "-", "+", ".", "e1", "1e", "1e1000", "1e-1000", "--1", "+-1", "1_0", "0x10", "ten", "1 ", "1.2.3", "Inf", "NaN"} {
		if n, ok := parseNumber(bad); ok {
			t.Errorf("%q is %v", bad, n)
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func TestParseInstant_epoch(t *testing.T) {
	for text, want := range map[string]time.Time{
		"1700000000":         time.Unix(1700000000, 0),
		"1700000000.1":       time.Unix(1700000000, 100_000_000),
		"1.7e9":              time.Unix(1700000000, 0),
		"-1.5":               time.Unix(-1, -500_000_000),
		"0.000000001":        time.Unix(0, 1),
		"0.0000000001":       time.Unix(0, 0),
		"1700000000.0000001": time.Unix(1700000000, 100),
	} {
		if got, ok := parseInstant(text); !ok || !got.Equal(want) {
			t.Errorf("%s is %v, %v", text, got, ok)
		}
	}
	if got, ok := parseInstant("1e16"); ok {
		t.Errorf("1e16 is %v", got)
	}
}
