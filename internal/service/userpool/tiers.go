package userpool

import (
	"encoding/json"
	"errors"
	"slices"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

// tiers are the feature plans, each with all that is in those before it
// (user-pools.md, section 11).
var tiers = []cognitoidp.UserPoolTierType{cognitoidp.UserPoolTierTypeLite, cognitoidp.UserPoolTierTypeEssentials, cognitoidp.UserPoolTierTypePlus}

// tierIncludes reports whether a pool's tier has what comes with another one.
func tierIncludes(p *cognitoidp.UserPoolType, tier cognitoidp.UserPoolTierType) bool {
	return slices.Index(tiers, *p.UserPoolTier) >= slices.Index(tiers, tier)
}

// tierOf is the tier of a pool for which none was asked: threat protection
// brings its own.
func tierOf(asked *cognitoidp.UserPoolTierType, addOns *cognitoidp.UserPoolAddOnsType, standard cognitoidp.UserPoolTierType) *cognitoidp.UserPoolTierType {
	if protects(addOns) {
		standard = cognitoidp.UserPoolTierTypePlus
	}
	return or(asked, standard)
}

// protects reports whether add-ons have threat protection switched on.
func protects(a *cognitoidp.UserPoolAddOnsType) bool {
	return a != nil && *a.AdvancedSecurityMode != cognitoidp.AdvancedSecurityModeTypeOff
}

// checkTierInUse refuses settings whose tier lacks what the pool's records use.
func checkTierInUse(tx *store.Tx, poolID string, p *cognitoidp.UserPoolType) error {
	if !tierIncludes(p, cognitoidp.UserPoolTierTypeEssentials) {
		domains, err := store.PoolDomains(tx, poolID)
		if err != nil {
			return err
		}
		for _, d := range domains {
			var b domainBody
			if err := json.Unmarshal([]byte(d.Body), &b); err != nil {
				return err
			}
			if b.ManagedLoginVersion == managedLogin {
				return &cognitoidp.TierChangeNotAllowedException{Message: "The domain " + d.Domain + " uses managed login, which the LITE tier does not have."}
			}
		}
	}
	if !tierIncludes(p, cognitoidp.UserPoolTierTypePlus) {
		logs, err := logDelivery(tx, poolID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		for _, l := range logs {
			if *l.EventSource == cognitoidp.EventSourceNameUserAuthEvents {
				return &cognitoidp.TierChangeNotAllowedException{Message: "The user pool exports user activity logs, which only the PLUS tier has."}
			}
		}
	}
	return nil
}
