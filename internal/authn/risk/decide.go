package risk

import (
	"net/netip"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

// MFADemand is whether an attempt has to show a second factor in a pool that
// leaves it to the user.
type MFADemand int

const (
	NoMFA           MFADemand = iota
	MFAIfConfigured           // of users who have one or can set one up; the others pass
	MFARequired               // of everybody: who has none is blocked, see Decision.Refuse
)

// Decision is what is to be done about an attempt. A nil *Decision asks for
// nothing and records nothing. As JSON it is short: what is decided in one step
// can travel in a session to the step that ends the sign-in.
type Decision struct {
	Assessment
	Risk        cognitoidp.RiskDecisionType `json:"r,omitzero"`
	Block       bool                        `json:"b,omitzero"`
	MFA         MFADemand                   `json:"m,omitzero"`
	Notify      bool                        `json:"n,omitzero"` // Guard.Notify has something to say to the user
	Compromised bool                        `json:"c,omitzero"` // the password is known to others
	From        Context                     `json:"f,omitzero"`
}

// decide applies a configuration to an assessment. In the mode AUDIT it says
// what is the matter and asks for nothing.
func decide(mode cognitoidp.AdvancedSecurityModeType, t *cognitoidp.RiskConfigurationType, a Assessment, from Context) *Decision {
	d := &Decision{Assessment: a, Risk: cognitoidp.RiskDecisionTypeNoRisk, From: from}
	enforced := mode == cognitoidp.AdvancedSecurityModeTypeEnforced
	if x := t.RiskExceptionConfiguration; x != nil && from.IP.IsValid() {
		if within(from.IP, x.BlockedIPRangeList) {
			d.Level, d.Reasons = cognitoidp.RiskLevelTypeHigh, []string{BlockedAddress}
			d.Risk = cognitoidp.RiskDecisionTypeAccountTakeover
			if enforced {
				d.Refuse()
			}
			return d
		}
		if within(from.IP, x.SkippedIPRangeList) {
			d.Assessment = Assessment{}
			return d
		}
	}
	if d.Level == "" {
		return d
	}
	d.Risk = cognitoidp.RiskDecisionTypeAccountTakeover
	takeover := t.AccountTakeoverRiskConfiguration
	if !enforced || takeover == nil {
		return d
	}
	var action *cognitoidp.AccountTakeoverActionType
	switch d.Level {
	case cognitoidp.RiskLevelTypeLow:
		action = takeover.Actions.LowAction
	case cognitoidp.RiskLevelTypeMedium:
		action = takeover.Actions.MediumAction
	case cognitoidp.RiskLevelTypeHigh:
		action = takeover.Actions.HighAction
	}
	if action == nil {
		return d
	}
	d.Notify = api.Value(action.Notify)
	switch *action.EventAction {
	case cognitoidp.AccountTakeoverEventActionTypeBlock:
		d.Refuse()
	case cognitoidp.AccountTakeoverEventActionTypeMfaRequired:
		d.MFA = MFARequired
	case cognitoidp.AccountTakeoverEventActionTypeMfaIfConfigured:
		d.MFA = MFAIfConfigured
	}
	return d
}

// within reports whether an address is in one of the ranges, which were checked
// when they were set.
func within(ip netip.Addr, ranges []string) bool {
	for _, text := range ranges {
		if r, err := netip.ParsePrefix(text); err == nil && r.Contains(ip) {
			return true
		}
	}
	return false
}

// Refuse turns the decision into one to block: for a factor that is demanded
// and that the user does not have.
func (d *Decision) Refuse() {
	d.Block, d.Risk, d.MFA = true, cognitoidp.RiskDecisionTypeBlock, NoMFA
}

// Leaked notes what PasswordLeaked answered.
func (d *Decision) Leaked(block, compromised bool) {
	if d == nil {
		return
	}
	d.Compromised = d.Compromised || compromised
	if block {
		d.Refuse()
	}
}

// Event is the event of an attempt that was decided about, for Guard.Record;
// nil for a nil decision. Give the same id again for how it goes on: an attempt
// that is InProgress becomes one that passes or fails.
func (d *Decision) Event(u *store.User, kind cognitoidp.EventType, id string, at time.Time, response cognitoidp.EventResponseType, challenges ...store.AuthChallenge) *store.AuthEvent {
	if d == nil || u == nil {
		return nil
	}
	e := &store.AuthEvent{PoolID: u.PoolID, Sub: u.Sub, ID: id, At: at, Type: string(kind), Response: string(response), Decision: string(d.Risk), Level: string(d.Level),
		Compromised: d.Compromised, Challenges: challenges, Device: d.From.Device}
	if d.From.IP.IsValid() {
		e.IP = d.From.IP.String()
	}
	if d.From.Located {
		e.City, e.Country = d.From.Location.City, d.From.Location.Country
	}
	return e
}

// Challenge is how a challenge of an event was answered.
func Challenge(name cognitoidp.ChallengeName, right bool) store.AuthChallenge {
	response := cognitoidp.ChallengeResponseFailure
	if right {
		response = cognitoidp.ChallengeResponseSuccess
	}
	return store.AuthChallenge{Name: string(name), Response: string(response)}
}
