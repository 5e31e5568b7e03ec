package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/store"
)

// needThreatProtection refuses pools without the add-on that a risk
// configuration is for.
func needThreatProtection(p *pool.Pool) error {
	if risk.Mode(p) == cognitoidp.AdvancedSecurityModeTypeOff {
		return &cognitoidp.UserPoolAddOnNotEnabledException{Message: "Threat protection is not enabled for user pool " + p.ID + "."}
	}
	return nil
}

// riskID is the id of the record of a client's configuration, or of the pool's.
func riskID(clientID *api.Secret) string { return string(*or(clientID, wholePool)) }

// riskFromRow reads a configuration; r may be nil, for the defaults.
func riskFromRow(poolID string, clientID *api.Secret, r *store.PoolRecord) (t *cognitoidp.RiskConfigurationType, err error) {
	t = &cognitoidp.RiskConfigurationType{}
	if r != nil {
		err = json.Unmarshal([]byte(r.Body), t)
		t.LastModifiedDate = api.At(r.UpdatedAt)
	}
	t.UserPoolId, t.ClientId = &poolID, clientID
	return t, err
}

// DescribeRiskConfiguration shows what was set for a pool, or for a client. A
// client for which nothing was set follows its pool and shows nothing.
func (s *Service) DescribeRiskConfiguration(ctx context.Context, in *cognitoidp.DescribeRiskConfigurationInput) (*cognitoidp.DescribeRiskConfigurationOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if in.ClientId != nil {
		if _, _, err := s.Pools.ClientOf(ctx, p.ID, string(*in.ClientId)); err != nil {
			return nil, err
		}
	}
	if err := needThreatProtection(p); err != nil {
		return nil, err
	}
	r, err := s.record(ctx, p.ID, kindRisk, riskID(in.ClientId), nil)
	if err != nil {
		return nil, err
	}
	t, err := riskFromRow(p.ID, in.ClientId, r)
	return &cognitoidp.DescribeRiskConfigurationOutput{RiskConfiguration: t}, err
}

// SetRiskConfiguration replaces the configuration of a pool or of a client.
// Given none of its parts it goes back to the defaults, a client's to its
// pool's.
func (s *Service) SetRiskConfiguration(ctx context.Context, in *cognitoidp.SetRiskConfigurationInput) (*cognitoidp.SetRiskConfigurationOutput, error) {
	if _, err := s.Pools.Pool(ctx, *in.UserPoolId); err != nil {
		return nil, err
	}
	t := cognitoidp.RiskConfigurationType{CompromisedCredentialsRiskConfiguration: in.CompromisedCredentialsRiskConfiguration,
		AccountTakeoverRiskConfiguration: in.AccountTakeoverRiskConfiguration, RiskExceptionConfiguration: in.RiskExceptionConfiguration}
	reset := t == cognitoidp.RiskConfigurationType{}
	r := &store.PoolRecord{PoolID: *in.UserPoolId, Kind: kindRisk, ID: riskID(in.ClientId)}
	if in.ClientId != nil {
		r.Owner = store.OwnedByClient(r.ID)
	}
	err := s.inPool(ctx, r.PoolID, func(tx *store.Tx, p *pool.Pool) error {
		if in.ClientId != nil {
			if err := needClient(tx, p.ID, r.ID); err != nil {
				return err
			}
		}
		if err := needThreatProtection(p); err != nil {
			return err
		}
		if err := completeRisk(&t); err != nil {
			return err
		}
		// A check that was asked for is never left out.
		if c := t.CompromisedCredentialsRiskConfiguration; c != nil && *c.Actions.EventAction == cognitoidp.CompromisedCredentialsEventActionTypeBlock && !s.Risk.KnowsPasswords() {
			return invalid("Compromised passwords cannot be blocked: this server knows none, because it runs without --compromised-passwords.")
		}
		r.Body, r.CreatedAt, r.UpdatedAt = body(t), tx.Now, tx.Now
		if reset {
			err := store.DeletePoolRecord(tx, p.ID, kindRisk, r.ID)
			if errors.Is(err, store.ErrNotFound) {
				err = nil // it has its defaults
			}
			return err
		}
		return store.PutPoolRecord(tx, r)
	})
	if err != nil {
		return nil, err
	}
	out, err := riskFromRow(r.PoolID, in.ClientId, r)
	return &cognitoidp.SetRiskConfigurationOutput{RiskConfiguration: out}, err
}

// completeRisk checks a configuration and adds the defaults
// (user-pools.md, section 14).
func completeRisk(t *cognitoidp.RiskConfigurationType) error {
	if c := t.CompromisedCredentialsRiskConfiguration; c != nil && len(c.EventFilter) == 0 {
		full := *c
		full.EventFilter = []cognitoidp.EventFilterType{cognitoidp.EventFilterTypeSignIn, cognitoidp.EventFilterTypePasswordChange, cognitoidp.EventFilterTypeSignUp}
		t.CompromisedCredentialsRiskConfiguration = &full
	}
	if a := t.AccountTakeoverRiskConfiguration; a != nil {
		if err := checkTakeover(a); err != nil {
			return err
		}
	}
	if e := t.RiskExceptionConfiguration; e != nil {
		for _, list := range [][]string{e.BlockedIPRangeList, e.SkippedIPRangeList} {
			for _, text := range list {
				if _, err := netip.ParsePrefix(text); err != nil {
					return invalid("Invalid IP range " + text + ": it must be in CIDR notation.")
				}
			}
		}
	}
	return nil
}

// checkTakeover: there is an action, and whoever is to be notified can be.
func checkTakeover(a *cognitoidp.AccountTakeoverRiskConfigurationType) error {
	actions, notify := 0, false
	for _, x := range []*cognitoidp.AccountTakeoverActionType{a.Actions.LowAction, a.Actions.MediumAction, a.Actions.HighAction} {
		if x != nil {
			actions++
			notify = notify || *x.Notify
		}
	}
	if actions == 0 {
		return invalid("AccountTakeoverRiskConfiguration needs at least one action.")
	}
	n := a.NotifyConfiguration
	if n == nil {
		if notify {
			return invalid("NotifyConfiguration is required when an action notifies the user.")
		}
		return nil
	}
	for name, m := range map[string]*cognitoidp.NotifyEmailType{"BlockEmail": n.BlockEmail, "NoActionEmail": n.NoActionEmail, "MfaEmail": n.MfaEmail} {
		if m != nil && m.HtmlBody == nil && m.TextBody == nil {
			return invalid(name + " needs an HtmlBody or a TextBody.")
		}
	}
	return nil
}
