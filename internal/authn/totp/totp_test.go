package totp_test

import (
	"testing"
	"time"

	"gatehouse/internal/authn/totp"
)

// The vectors of RFC 6238, appendix B, for SHA-1: their last six digits.
func TestCode_rfc6238(t *testing.T) {
	for unix, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924",
		2000000000: "279037", 20000000000: "353130"} {
		if got := totp.Code([]byte("12345678901234567890"), totp.Step(time.Unix(unix, 0))); got != want {
			t.Errorf("at %d: %s, want %s", unix, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	secret, now := totp.NewSecret(), time.Unix(1_800_000_000, 0)
	for offset := int64(-3); offset <= 3; offset++ {
		step, ok := totp.Check(secret, totp.Code(secret, totp.Step(now)+offset), now)
		if want := offset >= -1 && offset <= 1; ok != want || ok && step != totp.Step(now)+offset {
			t.Errorf("a code %d steps off: %v, step %d", offset, ok, step-totp.Step(now))
		}
	}
	for _, code := range []string{"", "12345", "1234567", "abcdef"} {
		if _, ok := totp.Check(secret, code, now); ok {
			t.Errorf("%q was taken", code)
		}
	}
	if n := len(totp.Text(secret)); n != 52 {
		t.Errorf("a secret is %d characters long", n)
	}
}
