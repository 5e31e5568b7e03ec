package pool

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"gatehouse/internal/api/cognitoidp"
)

// CheckSecretHash checks SECRET_HASH = Base64(HMAC-SHA256(secret, username ‖
// clientId)) for any of the names that the caller may have meant. Clients
// without a secret must not be sent one. (auth-flows.md, section 2)
func (c *Client) CheckSecretHash(hash string, signIn bool, names ...string) error {
	if len(c.Secrets) == 0 {
		if hash == "" {
			return nil
		}
		return &cognitoidp.NotAuthorizedException{Message: "Unable to verify secret hash for client " + c.ID}
	}
	if hash == "" {
		return &cognitoidp.NotAuthorizedException{Message: "Client " + c.ID + " is configured with secret but SECRET_HASH was not received"}
	}
	ok := 0
	for _, s := range c.Secrets {
		for _, name := range names {
			ok |= subtle.ConstantTimeCompare([]byte(SecretHash(s.Value, name, c.ID)), []byte(hash))
		}
	}
	if ok == 1 {
		return nil
	}
	if signIn {
		return &cognitoidp.NotAuthorizedException{Message: "SecretHash does not match for the client: " + c.ID}
	}
	return &cognitoidp.NotAuthorizedException{Message: "Unable to verify secret hash for client " + c.ID}
}

// SecretHash is what a client with a secret sends along with a user's name.
func SecretHash(secret, username, clientID string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(username + clientID))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// CheckSecret compares a client secret sent in clear, where the API asks for
// it (RevokeToken, GetTokensFromRefreshToken).
func (c *Client) CheckSecret(secret string) bool {
	if len(c.Secrets) == 0 {
		return secret == ""
	}
	ok := 0
	for _, s := range c.Secrets {
		ok |= subtle.ConstantTimeCompare([]byte(s.Value), []byte(secret))
	}
	return ok == 1
}
