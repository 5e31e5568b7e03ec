package api

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Timestamp is a time on the wire: epoch seconds with three decimals in JSON,
// ISO 8601 in XML, always UTC.
type Timestamp struct{ time.Time }

// At is t as a member of an output; the zero time is absent.
func At(t time.Time) *Timestamp {
	if t.IsZero() {
		return nil
	}
	return &Timestamp{t.UTC()}
}

// MarshalJSON writes epoch seconds with three decimals.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	ms := t.UnixMilli()
	b := strconv.AppendInt(nil, ms/1000, 10)
	b = append(b, '.')
	frac := ms % 1000
	return append(b, byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10)), nil
}

// UnmarshalJSON reads epoch seconds, or the ISO form that some clients send.
func (t *Timestamp) UnmarshalJSON(b []byte) error {
	s := string(b)
	if strings.HasPrefix(s, `"`) {
		return t.UnmarshalText([]byte(strings.Trim(s, `"`)))
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.Abs(f) > 1e11 {
		return errors.New("timestamp must be epoch seconds")
	}
	t.Time = time.UnixMicro(int64(math.Round(f * 1e6))).UTC()
	return nil
}

// MarshalText writes ISO 8601 with seconds.
func (t Timestamp) MarshalText() ([]byte, error) {
	return t.UTC().AppendFormat(nil, "2006-01-02T15:04:05Z"), nil
}

// UnmarshalText reads ISO 8601, or epoch seconds.
func (t *Timestamp) UnmarshalText(b []byte) error {
	p, err := time.Parse(time.RFC3339, string(b))
	if err != nil {
		if f, ferr := strconv.ParseFloat(string(b), 64); ferr == nil && math.Abs(f) < 1e11 {
			p, err = time.UnixMicro(int64(math.Round(f*1e6))), nil
		}
	}
	if err != nil {
		return errors.New("timestamp must be ISO 8601")
	}
	t.Time = p.UTC()
	return nil
}
