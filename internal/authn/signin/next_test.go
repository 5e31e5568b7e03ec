package signin

import (
	"fmt"
	"slices"
	"testing"

	"gatehouse/internal/api/cognitoidp"
)

// shown is what somebody has really shown on the way, kept apart from what the
// state machine believes.
type shown struct {
	password, replaced, code, passkey, triggers bool
	second, device                              bool
}

// enough says, in words other than those of next, whether what was shown is all
// that pool and user demand.
func enough(s standing, w shown) error {
	began := 0
	for _, b := range []bool{w.password && s.First != byTriggers, w.code, w.passkey, w.triggers} {
		if b {
			began++
		}
	}
	if began != 1 {
		return fmt.Errorf("began with %d factors", began)
	}
	if w.password && s.Temporary && !w.replaced {
		return fmt.Errorf("kept a temporary password")
	}
	demands := s.Mode == cognitoidp.UserPoolMfaTypeOn || s.Mode == cognitoidp.UserPoolMfaTypeOptional && len(s.Usable) > 0
	if w.triggers && !w.password {
		demands = false // the functions are the factors
	}
	byDevice := s.Replaces && w.device && w.password && !s.Demanded
	byKey := w.passkey && s.PasskeyIsTwo
	if (demands || s.Demanded) && !w.second && !byDevice && !byKey {
		return fmt.Errorf("no second factor")
	}
	if s.Device == deviceRemembered && (w.password || w.triggers) && !w.device {
		return fmt.Errorf("the device that was named proved nothing")
	}
	return nil
}

// standings are all there are: 40 000 or so.
func standings(each func(standing)) {
	sms, token, mail := cognitoidp.ChallengeNameTypeSmsMfa, cognitoidp.ChallengeNameTypeSoftwareTokenMfa, cognitoidp.ChallengeNameTypeEmailOtp
	type list = []cognitoidp.ChallengeNameType
	both := []bool{false, true}
	for _, first := range []first{"", byPassword, byCode, byPasskey, byTriggers} {
		for _, mode := range []cognitoidp.UserPoolMfaType{cognitoidp.UserPoolMfaTypeOff, cognitoidp.UserPoolMfaTypeOptional, cognitoidp.UserPoolMfaTypeOn} {
			for _, usable := range []list{nil, {sms}, {token}, {mail}, {sms, token}, {sms, token, mail}} {
				for _, preferred := range []cognitoidp.ChallengeNameType{"", sms, token} {
					for _, setUp := range []list{nil, {token}, {token, mail}} {
						for _, d := range []device{deviceNone, deviceKnown, deviceRemembered} {
							for bits := range 32 {
								b := func(i int) bool { return both[bits>>i&1] }
								s := standing{First: first, Mode: mode, Usable: usable, Preferred: preferred, CanSetUp: setUp, Device: d,
									Temporary: b(0), PasskeyIsTwo: b(1), Replaces: b(2), Demanded: b(3)}
								s.Password = first == byPassword || first == byTriggers && b(4)
								if mode == cognitoidp.UserPoolMfaTypeOff && len(usable) > 0 {
									continue // such a pool has none
								}
								each(s)
							}
						}
					}
				}
			}
		}
	}
}

// TestNext walks the table from everywhere, with a client that answers
// everything right: it ends, and reaches tokens only with all that is demanded.
func TestNext(t *testing.T) {
	walks, tokens, refusals := 0, 0, 0
	standings(func(start standing) {
		walks++
		s := start
		w := shown{password: s.Password, code: s.First == byCode, passkey: s.First == byPasskey, triggers: s.First == byTriggers}
		for steps := 0; ; steps++ {
			if steps > 6 {
				t.Fatalf("%+v does not end", start)
			}
			o := s.next()
			if o.Refusal != nil {
				refusals++
				return
			}
			switch o.Challenge {
			case "":
				tokens++
				if err := enough(start, w); err != nil {
					t.Fatalf("tokens for %+v, which has shown %+v: %v", start, w, err)
				}
				return
			case cognitoidp.ChallengeNameTypeNewPasswordRequired:
				s.Temporary, w.replaced = false, true
			case cognitoidp.ChallengeNameTypeSelectMfaType:
				if len(o.Choices) < 2 {
					t.Fatalf("%+v: a choice of %v", start, o.Choices)
				}
				s.Second, w.second = true, true
			case cognitoidp.ChallengeNameTypeMfaSetup:
				if len(start.Usable) > 0 || start.Demanded {
					t.Fatalf("%+v may set a factor up", start)
				}
				s.Second, w.second = true, true
			case cognitoidp.ChallengeNameTypeDeviceSrpAuth:
				s.Device, w.device = deviceProven, true
			default:
				if !slices.Contains(start.Usable, o.Challenge) {
					t.Fatalf("%+v is asked for %s", start, o.Challenge)
				}
				s.Second, w.second = true, true
			}
		}
	})
	if walks < 10_000 || tokens < walks/10 || refusals == 0 {
		t.Errorf("%d walks, %d to tokens, %d refused", walks, tokens, refusals)
	}
}

// TestNext_rows are the rows of auth-flows.md, section 8, one by one.
func TestNext_rows(t *testing.T) {
	sms, token := cognitoidp.ChallengeNameTypeSmsMfa, cognitoidp.ChallengeNameTypeSoftwareTokenMfa
	both := []cognitoidp.ChallengeNameType{sms, token}
	off, optional, on := cognitoidp.UserPoolMfaTypeOff, cognitoidp.UserPoolMfaTypeOptional, cognitoidp.UserPoolMfaTypeOn
	for name, c := range map[string]struct {
		s    standing
		want cognitoidp.ChallengeNameType
		no   error
	}{
		"off":                     {s: standing{Mode: off}},
		"optional, none":          {s: standing{Mode: optional}},
		"optional, one":           {s: standing{Mode: optional, Usable: both[:1]}, want: sms},
		"optional, several":       {s: standing{Mode: optional, Usable: both}, want: cognitoidp.ChallengeNameTypeSelectMfaType},
		"optional, preferred":     {s: standing{Mode: optional, Usable: both, Preferred: token}, want: token},
		"preferred, switched off": {s: standing{Mode: optional, Usable: both[:1], Preferred: token}, want: sms},
		"on, none, one to set up": {s: standing{Mode: on, CanSetUp: both[1:]}, want: cognitoidp.ChallengeNameTypeMfaSetup},
		"on, none at all":         {s: standing{Mode: on}, no: errNothingToSetUp},
		"temporary first":         {s: standing{Mode: on, Usable: both, Temporary: true}, want: cognitoidp.ChallengeNameTypeNewPasswordRequired},
		"remembered in place":     {s: standing{Mode: on, Usable: both, Device: deviceRemembered, Replaces: true}, want: cognitoidp.ChallengeNameTypeDeviceSrpAuth},
		"known is not remembered": {s: standing{Mode: on, Usable: both[:1], Device: deviceKnown, Replaces: true}, want: sms},
		"remembered besides":      {s: standing{Mode: on, Usable: both[:1], Device: deviceRemembered}, want: sms},
		"proven in place":         {s: standing{Mode: on, Usable: both, Device: deviceProven, Replaces: true}},
		"proven besides":          {s: standing{Mode: on, Usable: both[:1], Device: deviceProven}, want: sms},
		"suspect on a device":     {s: standing{Mode: optional, Usable: both[:1], Device: deviceProven, Replaces: true, Demanded: true}, want: sms},
		"suspect without factors": {s: standing{Mode: optional, Demanded: true}, no: errRisk},
	} {
		c.s.First, c.s.Password = byPassword, true
		o := c.s.next()
		if o.Challenge != c.want || o.Refusal != c.no {
			t.Errorf("%s: %q, %v; want %q, %v", name, o.Challenge, o.Refusal, c.want, c.no)
		}
	}
}
