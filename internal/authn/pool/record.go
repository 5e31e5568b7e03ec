package pool

import (
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/password"
)

// RecordTag is the tag of a user pool that says how its passwords are kept:
// RecordSRP, which is also what no tag means, or RecordArgon2id. It is a tag
// because every client of AWS can set one; nothing else of a pool is ours.
const (
	RecordTag      = "gatehouse:password-record"
	RecordSRP      = "srp"
	RecordArgon2id = "argon2id"
)

// PasswordRecord is how new passwords of the pool are kept. Older ones may
// still be kept in the other way.
func (p *Pool) PasswordRecord() password.Kind {
	if p.Settings.UserPoolTags[RecordTag] == RecordArgon2id {
		return password.Argon2id
	}
	return password.SRP
}

// HasSRP reports whether users of the pool can prove their passwords by SRP. A
// slow hash beside the verifier would protect nothing, so a pool has one of
// them.
func (p *Pool) HasSRP() bool { return p.PasswordRecord() == password.SRP }

// AllowsSRP reports whether the client cannot do without SRP. A client for
// USER_AUTH can: its users are offered the password in clear.
func (c *Client) AllowsSRP() bool {
	return c.Allows(cognitoidp.ExplicitAuthFlowsTypeAllowUserSrpAuth)
}
