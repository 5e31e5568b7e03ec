package userpool

import (
	"encoding/hex"
	"strings"
	"time"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// A client with PreventUserExistenceErrors tells nobody who exists. A name that
// no user has, or whose user the operation is not for, then gets codes as a
// user does: they are made, counted, guessed at and worn out, only that none is
// sent and none is right. So neither an answer tells, nor a limit, nor the
// write that an answer waits for.

// nobody stands for such a name.
func (s *Service) nobody(p *pool.Pool, typed string) *store.User {
	return &store.User{PoolID: p.ID, Sub: hex.EncodeToString(s.SignIn.Simulated(p, typed, "codes")), Username: typed}
}

// sendNobody is sendCode without a message.
func (s *Service) sendNobody(tx *store.Tx, p *pool.Pool, typed string, why purpose) (*cognitoidp.CodeDeliveryDetailsType, error) {
	u := s.nobody(p, typed)
	if err := countMessage(tx, u, why); err != nil {
		return nil, err
	}
	attribute, to := s.SignIn.SimulatedAddress(p, typed)
	if _, err := putCode(tx, u, why, attribute, ""); err != nil {
		return nil, err
	}
	// A second row costs what the message's does.
	unsent := purpose{name: why.name + ": unsent", life: why.life}
	if _, err := putCode(tx, u, unsent, attribute, unsentText); err != nil {
		return nil, err
	}
	return deliveryDetails(attribute, to), nil
}

// unsentText is as long as a short message.
var unsentText = strings.Repeat("-", 120)

// takeNobody is takeCode: always a refusal.
func (s *Service) takeNobody(tx *store.Tx, p *pool.Pool, typed string, why purpose, guess string) (refusal, err error) {
	code, refusal, err := takeCode(tx, s.nobody(p, typed), why, guess)
	if code != nil {
		refusal = errCodeMismatch // one in a million
	}
	return refusal, err
}

// countMessage counts a message against the user's hourly number.
func countMessage(tx *store.Tx, u *store.User, why purpose) error {
	n, err := store.CountAttempt(tx, u.PoolID, u.Sub, why.name+": messages", time.Hour)
	if err == nil && n > why.messages {
		err = errLimit
	}
	return err
}

// putCode makes a code of the purpose; the one before it is dead.
func putCode(tx *store.Tx, u *store.User, why purpose, attribute, waiting string) (code string, err error) {
	code = randomText(digits, 6)
	return code, store.PutCode(tx, &store.Code{PoolID: u.PoolID, Sub: u.Sub, Purpose: why.name, Code: code, Attribute: attribute, Value: waiting,
		CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(why.life)})
}
