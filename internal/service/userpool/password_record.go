package userpool

import (
	"errors"
	"maps"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/password"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// How a pool keeps passwords is a tag of ours (pool.RecordTag). A pool that
// keeps them as Argon2id has no SRP, and so no client that needs it: each side
// is refused while the other is there, in the transaction that would join them.

// checkRecordTag refuses what the tag does not know.
func checkRecordTag(p *cognitoidp.UserPoolType) error {
	value, has := p.UserPoolTags[pool.RecordTag]
	if has && value != pool.RecordSRP && value != pool.RecordArgon2id {
		return invalid("The tag " + pool.RecordTag + " must be " + pool.RecordArgon2id + " or " + pool.RecordSRP + ".")
	}
	return nil
}

// keepRecordTag takes the tag over from a pool's old settings: to leave it out
// of an update is not to ask for weaker records. Setting it to srp is, and so is
// UntagResource.
func keepRecordTag(old, p *cognitoidp.UserPoolType) {
	value, has := old.UserPoolTags[pool.RecordTag]
	if _, named := p.UserPoolTags[pool.RecordTag]; !has || named {
		return
	}
	p.UserPoolTags = maps.Clone(p.UserPoolTags)
	p.UserPoolTags[pool.RecordTag] = value
}

// checkRecordChange refuses Argon2id for a pool with a client that allows SRP.
func checkRecordChange(tx *store.Tx, p *pool.Pool, before password.Kind) error {
	if err := checkRecordTag(p.Settings); err != nil {
		return err
	}
	if p.HasSRP() || before == p.PasswordRecord() {
		return nil
	}
	const page = 100
	for after := ""; ; {
		rows, err := store.UserPoolClients(tx, p.ID, after, page)
		if err != nil {
			return err
		}
		for i := range rows {
			c, err := pool.ClientFromRow(&rows[i])
			if err != nil {
				return err
			}
			if c.AllowsSRP() {
				return invalid("The app client " + c.ID + " allows SRP, which cannot check passwords that are kept as Argon2id. " +
					"Take ALLOW_USER_SRP_AUTH from its ExplicitAuthFlows first.")
			}
			after = c.ID
		}
		if len(rows) < page {
			return nil
		}
	}
}

// checkClientRecord refuses a client that allows SRP in a pool whose passwords
// SRP cannot check.
func checkClientRecord(tx *store.Tx, poolID string, settings *cognitoidp.UserPoolClientType) error {
	row, err := store.UserPoolByID(tx, poolID)
	if errors.Is(err, store.ErrNotFound) {
		return pool.NotFound(poolID)
	}
	if err != nil {
		return err
	}
	p, err := pool.FromRow(row)
	if err != nil {
		return err
	}
	if c := (&pool.Client{Settings: settings}); !p.HasSRP() && c.AllowsSRP() {
		return invalid("The user pool keeps passwords as Argon2id (tag " + pool.RecordTag + "), which SRP cannot check. " +
			"Name ExplicitAuthFlows without ALLOW_USER_SRP_AUTH: it is among them when none are named, and part of the legacy ones.")
	}
	return nil
}
