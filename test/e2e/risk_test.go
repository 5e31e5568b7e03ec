package e2e_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// audited asks for a pool with threat protection that watches.
func audited(in *idp.CreateUserPoolInput) {
	in.UserPoolTier, in.UserPoolAddOns = "PLUS", &types.UserPoolAddOnsType{AdvancedSecurityMode: "AUDIT"}
}

func (n *tenant) risk(client *string) (*types.RiskConfigurationType, error) {
	out, err := n.root.IDP.DescribeRiskConfiguration(n.Context(), &idp.DescribeRiskConfigurationInput{UserPoolId: &n.pool, ClientId: client})
	if err != nil {
		return nil, err
	}
	return out.RiskConfiguration, nil
}

func takeover(high types.AccountTakeoverEventActionType, notify bool, n *types.NotifyConfigurationType) *types.AccountTakeoverRiskConfigurationType {
	return &types.AccountTakeoverRiskConfigurationType{NotifyConfiguration: n,
		Actions: &types.AccountTakeoverActionsType{HighAction: &types.AccountTakeoverActionType{EventAction: high, Notify: notify}}}
}

func TestRiskConfiguration(t *testing.T) {
	each(t, func(e *env) {
		n, other, plain := e.tenant(audited, nil), e.tenant(audited, nil), e.tenant(nil, nil)
		sender := &types.NotifyConfigurationType{SourceArn: aws.String("arn:aws:ses:us-east-1:000000000000:identity/a@example.com"), From: aws.String("a@example.com"),
			BlockEmail: &types.NotifyEmailType{Subject: aws.String("Blocked"), TextBody: aws.String("Somebody was blocked.")}}
		set := func(n *tenant, change func(*idp.SetRiskConfigurationInput)) (*types.RiskConfigurationType, error) {
			in := &idp.SetRiskConfigurationInput{UserPoolId: &n.pool}
			if change != nil {
				change(in)
			}
			out, err := e.root.IDP.SetRiskConfiguration(e.Context(), in)
			if err != nil {
				return nil, err
			}
			return out.RiskConfiguration, nil
		}
		fresh, err := n.risk(nil)
		e.ok(err)
		if *fresh.UserPoolId != n.pool || fresh.LastModifiedDate != nil || fresh.AccountTakeoverRiskConfiguration != nil {
			e.Errorf("a new pool's is %s", asJSON(fresh))
		}
		pool, err := set(n, func(in *idp.SetRiskConfigurationInput) {
			in.CompromisedCredentialsRiskConfiguration = &types.CompromisedCredentialsRiskConfigurationType{Actions: &types.CompromisedCredentialsActionsType{EventAction: "BLOCK"}}
			in.AccountTakeoverRiskConfiguration = takeover("MFA_REQUIRED", true, sender)
			in.RiskExceptionConfiguration = &types.RiskExceptionConfigurationType{BlockedIPRangeList: []string{"192.0.2.0/24"}, SkippedIPRangeList: []string{"2001:db8::/32"}}
		})
		e.ok(err)
		got, err := n.risk(nil)
		e.ok(err)
		if asJSON(got) != asJSON(pool) || len(got.CompromisedCredentialsRiskConfiguration.EventFilter) != 3 || *got.AccountTakeoverRiskConfiguration.NotifyConfiguration.From != "a@example.com" ||
			got.RiskExceptionConfiguration.SkippedIPRangeList[0] != "2001:db8::/32" || got.LastModifiedDate == nil || got.ClientId != nil {
			e.Errorf("the pool's is %s", asJSON(got))
		}
		client := func(change func(*idp.SetRiskConfigurationInput)) func(*idp.SetRiskConfigurationInput) {
			return func(in *idp.SetRiskConfigurationInput) {
				in.ClientId = &n.client
				if change != nil {
					change(in)
				}
			}
		}
		_, err = set(n, client(func(in *idp.SetRiskConfigurationInput) {
			in.AccountTakeoverRiskConfiguration = takeover("BLOCK", false, nil)
		}))
		e.ok(err)
		own, err := n.risk(&n.client)
		e.ok(err)
		if *own.ClientId != n.client || own.AccountTakeoverRiskConfiguration.Actions.HighAction.EventAction != "BLOCK" || own.RiskExceptionConfiguration != nil {
			e.Errorf("the client's is %s", asJSON(own))
		}
		// Nothing given resets, the client alone or the pool alone.
		_, err = set(n, client(nil))
		e.ok(err)
		if own, err = n.risk(&n.client); err != nil || own.AccountTakeoverRiskConfiguration != nil {
			e.Errorf("the reset client's is %s, %v", asJSON(own), err)
		}
		if got, err = n.risk(nil); err != nil || asJSON(got) != asJSON(pool) {
			e.Errorf("then the pool's is %s, %v", asJSON(got), err)
		}
		for range 2 {
			if got, err = set(n, nil); err != nil || got.AccountTakeoverRiskConfiguration != nil || got.CompromisedCredentialsRiskConfiguration != nil {
				e.Errorf("a reset answers %s, %v", asJSON(got), err)
			}
		}
		if got, err = n.risk(nil); err != nil || asJSON(got) != asJSON(fresh) {
			e.Errorf("the reset pool's is %s, %v", asJSON(got), err)
		}

		failing := func(change func(*idp.SetRiskConfigurationInput)) error { _, err := set(n, change); return err }
		_, notEnabled := set(plain, nil)
		_, notEnabledToo := plain.risk(nil)
		_, foreign := n.risk(&other.client)
		_, nowhere := (&tenant{env: e, pool: "us-east-1_000000000"}).risk(nil)
		invalid, noClient := "InvalidParameterException", "User pool client "+other.client+" does not exist."
		e.allRefused(
			aRefusal{"set without the add-on", notEnabled, "UserPoolAddOnNotEnabledException", "Threat protection is not enabled for user pool " + plain.pool + "."},
			aRefusal{"describe without the add-on", notEnabledToo, "UserPoolAddOnNotEnabledException", ""},
			aRefusal{"another pool's client", foreign, "ResourceNotFoundException", noClient},
			aRefusal{"set for another pool's client", failing(func(in *idp.SetRiskConfigurationInput) { in.ClientId = &other.client }), "ResourceNotFoundException", noClient},
			aRefusal{"no pool", nowhere, "ResourceNotFoundException", "User pool us-east-1_000000000 does not exist."},
			aRefusal{"a range that is none", failing(func(in *idp.SetRiskConfigurationInput) {
				in.RiskExceptionConfiguration = &types.RiskExceptionConfigurationType{BlockedIPRangeList: []string{"192.0.2.1"}}
			}), invalid, "Invalid IP range 192.0.2.1: it must be in CIDR notation."},
			aRefusal{"a notice without a sender", failing(func(in *idp.SetRiskConfigurationInput) {
				in.AccountTakeoverRiskConfiguration = takeover("BLOCK", true, nil)
			}), invalid, "NotifyConfiguration is required when an action notifies the user."},
			aRefusal{"no action", failing(func(in *idp.SetRiskConfigurationInput) {
				in.AccountTakeoverRiskConfiguration = &types.AccountTakeoverRiskConfigurationType{Actions: &types.AccountTakeoverActionsType{}}
			}), invalid, "AccountTakeoverRiskConfiguration needs at least one action."},
			aRefusal{"a mail without a body", failing(func(in *idp.SetRiskConfigurationInput) {
				in.AccountTakeoverRiskConfiguration = takeover("BLOCK", true, &types.NotifyConfigurationType{SourceArn: sender.SourceArn, MfaEmail: &types.NotifyEmailType{Subject: aws.String("x")}})
			}), invalid, "MfaEmail needs an HtmlBody or a TextBody."},
			aRefusal{"an action that is none", failing(func(in *idp.SetRiskConfigurationInput) {
				in.AccountTakeoverRiskConfiguration = takeover("SHOUT", false, nil)
			}), invalid, "/eventAction' failed/"},
		)
	}, leakedPasswords(t))
}
