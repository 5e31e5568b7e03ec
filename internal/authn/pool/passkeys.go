package pool

import (
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/passkey"
	"gatehouse/internal/store"
)

// RelyingParty is for whom the pool's passkeys are made: the domain that was
// chosen for them, else the pool's custom domain, else its prefix domain, which
// is a name under the server's. It is store.ErrNotFound when there is none.
func (p *Pool) RelyingParty(tx *store.Tx, baseDomain, region string) (rp passkey.RelyingParty, err error) {
	rp.UserVerification = string(cognitoidp.UserVerificationTypePreferred)
	if c := p.Factors.WebAuthn; c != nil {
		if c.UserVerification != nil {
			rp.UserVerification = string(*c.UserVerification)
		}
		if c.RelyingPartyId != nil {
			rp.ID = *c.RelyingPartyId
		}
	}
	if rp.ID == "" {
		domains, err := store.PoolDomains(tx, p.ID)
		if err != nil {
			return rp, err
		}
		for _, d := range domains {
			if d.Custom {
				rp.ID = d.Domain
			} else if rp.ID == "" {
				rp.ID = d.Domain + ".auth." + region + "." + baseDomain
			}
		}
	}
	if rp.ID == "" {
		return rp, store.ErrNotFound
	}
	rp.Name = rp.ID
	return rp, nil
}

// UserHandle is how authenticators know a user.
func UserHandle(sub string) []byte { return []byte(sub) }

// Credentials are a user's passkeys as package passkey verifies them.
func Credentials(list []*store.Passkey) []passkey.Credential {
	all := make([]passkey.Credential, len(list))
	for i, k := range list {
		all[i] = passkey.Credential{ID: k.CredentialID, PublicKey: k.PublicKey, SignCount: k.SignCount, UserHandle: UserHandle(k.Sub), Transports: k.Transports,
			Attachment: k.Attachment, AAGUID: k.AAGUID, UserVerified: k.UserVerified, BackupEligible: k.BackupEligible, BackedUp: k.BackedUp}
	}
	return all
}
