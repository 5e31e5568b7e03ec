package signin

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"math/big"
	"time"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/outbound/delivery"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// Codes that are sent while somebody signs in: SMS_MFA and EMAIL_OTP as second
// factors, EMAIL_OTP and SMS_OTP as first ones. A code is sealed into the
// session that asks for it: it does nothing for any other session, user,
// client or step, and nobody can replace it by asking for another.

const (
	factorDigits      = 6 // of a second factor, and of SMS_OTP
	firstFactorDigits = 8 // of EMAIL_OTP as the first factor

	wrongPerCode    = 10 // tries of one code that may be wrong (promises.md, U2)
	messagesAnHour  = 5  // messages without a sign-in that ends (promises.md, U7)
	messagesCounted = "sign-in: messages"

	authenticationMessage = "CustomMessage_Authentication"
	guessesCounted        = "sign-in: guesses of "
)

var (
	errCode = &cognitoidp.CodeMismatchException{Message: "Invalid code or auth state for the user."}
	// The models of these operations list no LimitExceededException.
	errLimit = &cognitoidp.TooManyRequestsException{Message: "Attempt limit exceeded, please try after some time."}
)

func randomDigits(n int) string {
	b := make([]byte, n)
	for i := range b {
		k, err := rand.Int(rand.Reader, big.NewInt(10))
		if err != nil {
			panic(err) // crypto/rand does not fail
		}
		b[i] = '0' + byte(k.Int64())
	}
	return string(b)
}

// isEmail reports whether a challenge's code goes by mail.
func isEmail(challenge cognitoidp.ChallengeNameType) bool {
	return challenge == cognitoidp.ChallengeNameTypeEmailOtp
}

// askCode sends a code and asks for it. The message is in the outbox, or its
// refusal for sending too many, in the one write that the step needs. A name
// that no user has costs the same, and gets the same answers. setsUp says that
// the address becomes the user's with the code.
func (e *Engine) askCode(ctx context.Context, pr *proof, challenge cognitoidp.ChallengeNameType, address string, setsUp bool) (*Step, error) {
	s := e.newSession(pr, challenge)
	s.SetsUp = setsUp
	digits := factorDigits
	if pr.begins() && isEmail(challenge) {
		digits = firstFactorDigits
	}
	s.Code, s.Address = randomDigits(digits), address
	var said trigger.Texts
	if pr.user != nil {
		var err error
		if said, err = e.Triggers.CustomMessage(ctx, pr.call(), authenticationMessage); err != nil {
			return nil, err
		}
	}
	if err := e.settle(ctx, pr, func(tx *store.Tx) error {
		n, err := store.CountAttempt(tx, pr.pool.ID, e.attemptsOf(pr), messagesCounted, time.Hour)
		if err != nil {
			return err
		}
		if n > messagesAnHour {
			return errLimit
		}
		if pr.user == nil {
			return nil
		}
		return e.Delivery.Put(tx, codeMessage(pr.pool, pr.user, challenge, address, s.Code, said))
	}); err != nil {
		return nil, err
	}
	e.Delivery.Wake()
	parameters := map[string]string{"CODE_DELIVERY_DELIVERY_MEDIUM": "SMS", "CODE_DELIVERY_DESTINATION": delivery.MaskPhone(address)}
	if isEmail(challenge) {
		parameters = map[string]string{"CODE_DELIVERY_DELIVERY_MEDIUM": "EMAIL", "CODE_DELIVERY_DESTINATION": delivery.MaskEmail(address)}
	}
	parameters["USER_ID_FOR_SRP"] = e.nameOf(pr)
	return e.challenge(pr, s, parameters)
}

// attemptsOf is under what a sign-in's attempts are counted: the user, or a
// digest of the name that no user has.
func (e *Engine) attemptsOf(pr *proof) string {
	if pr.user != nil {
		return pr.user.Sub
	}
	return hex.EncodeToString(e.Simulated(pr.pool, pr.typed, "attempts"))
}

// nameOf is the user name that answers show.
func (e *Engine) nameOf(pr *proof) string {
	if pr.user != nil {
		return pr.user.Username
	}
	return e.simulatedName(pr.pool, pr.typed)
}

func codeMessage(p *pool.Pool, u *store.User, challenge cognitoidp.ChallengeNameType, to, code string, said trigger.Texts) delivery.Message {
	m := delivery.Message{Channel: delivery.SMS, To: to, Code: code, Trigger: authenticationMessage, PoolID: p.ID, Username: u.Username}
	const standard = "Your authentication code is {####}. "
	if !isEmail(challenge) {
		m.Body = delivery.Fill(cmp.Or(said.SMS, p.Settings.SmsAuthenticationMessage), standard, u.Username, code)
		return m
	}
	var template cognitoidp.EmailMfaConfigType
	if p.Factors.Email != nil {
		template = *p.Factors.Email
	}
	m.Channel = delivery.Email
	m.Subject = delivery.Fill(cmp.Or(said.Subject, template.Subject), "Your authentication code", u.Username, code)
	m.Body = delivery.FillMail(cmp.Or(said.Email, template.Message), standard, u.Username, code)
	return m
}

// codeResponses are the names that answers give to codes.
var codeResponses = map[cognitoidp.ChallengeNameType]string{
	cognitoidp.ChallengeNameTypeSmsMfa:   "SMS_MFA_CODE",
	cognitoidp.ChallengeNameTypeEmailOtp: "EMAIL_OTP_CODE",
	cognitoidp.ChallengeNameTypeSmsOtp:   "SMS_OTP_CODE",
}

// takeCode takes the answer to SMS_MFA, EMAIL_OTP or SMS_OTP. A wrong one
// counts like a wrong password and leaves the session as it is, for as many
// tries as a code has.
func (e *Engine) takeCode(ctx context.Context, r *Reply) (*Step, error) {
	code, err := required(r.Responses, codeResponses[r.Challenge])
	if err != nil {
		return nil, err
	}
	pr, s, err := e.guess(ctx, r)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(code), []byte(s.Code)) != 1 || pr.user == nil {
		return nil, e.wrongCode(ctx, pr, s)
	}
	attribute := "phone_number"
	if isEmail(r.Challenge) {
		attribute = "email"
	}
	began := pr.begins()
	if began {
		if !canHaveCode(r.Pool, pr.user, r.Challenge) {
			return nil, errSession // changed since it was asked for
		}
		pr.First = byCode
	} else {
		pr.Second = true
	}
	pr.spend = also(pr.spend, func(tx *store.Tx) error {
		return store.ClearAttempts(tx, pr.pool.ID, pr.user.Sub, messagesCounted)
	})
	// A right code shows that the address is the user's (auth-flows.md,
	// sections 7 and 8), if it is still the one that the code went to.
	have, _ := pr.user.Attribute(attribute)
	verified, _ := pr.user.Attribute(attribute + "_verified")
	adds := have == "" && s.SetsUp
	switch {
	case have != s.Address && !adds:
		return nil, errSession
	case verified != "true" || began && confirmsUser(pr.user):
		pr.change = func(tx *store.Tx, u *store.User) error {
			if now, _ := u.Attribute(attribute); now != have {
				return errSession
			}
			if began && confirmsUser(u) {
				u.Status = string(cognitoidp.UserStatusTypeConfirmed)
			}
			u.SetAttribute(attribute, s.Address)
			return verifyAddress(tx, pr.pool, u, attribute, s.Address)
		}
	}
	if adds { // the factor is switched on as well
		pr.spend = also(pr.spend, func(tx *store.Tx) error {
			f, err := store.FactorsOf(tx, pr.pool.ID, pr.user.Sub)
			if err != nil {
				return err
			}
			f.Email = true
			return store.PutFactors(tx, f)
		})
	}
	if pr.custom != nil {
		return e.customDone(ctx, pr, r.Challenge)
	}
	return e.proceed(ctx, pr)
}

// begins reports whether nothing was shown yet, so that a code is the first
// factor. What the pool's functions ask for is not.
func (pr *proof) begins() bool { return pr.First == "" && pr.custom == nil }

// verifyAddress marks an address as verified, unless that would take it from
// somebody who signs in by it: a sign-in moves no alias.
func verifyAddress(tx *store.Tx, p *pool.Pool, u *store.User, attribute, address string) error {
	if p.HasAlias(attribute) {
		holder, err := store.UserByAlias(tx, p.ID, attribute, p.FoldAlias(attribute, address))
		if err == nil && holder.Sub != u.Sub {
			return nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	u.SetAttribute(attribute+"_verified", "true")
	return nil
}

// confirmsUser reports whether a code at sign-in makes a user CONFIRMED: one
// who signed up, or who was imported and never had a password
// (auth-flows.md, section 7; user-pools.md, section 10).
func confirmsUser(u *store.User) bool {
	return u.Status == string(cognitoidp.UserStatusTypeUnconfirmed) ||
		u.Status == string(cognitoidp.UserStatusTypeResetRequired) && len(u.Password) == 0
}

// guess resumes a sign-in with an answer that could be a guess.
func (e *Engine) guess(ctx context.Context, r *Reply) (*proof, *session, error) {
	pr, s, err := e.resume(ctx, r, r.Challenge)
	if err == nil {
		err = e.mayGuess(ctx, pr)
	}
	return pr, s, err
}

// mayGuess refuses those who are locked out, or may not sign in at all.
func (e *Engine) mayGuess(ctx context.Context, pr *proof) error {
	if pr.user == nil {
		is, err := e.nameLocked(ctx, pr.pool, pr.typed)
		if err == nil && is {
			err = errLocked
		}
		return err
	}
	if locked(pr.user.Counter, e.Now()) {
		return errLocked
	}
	if pr.begins() && confirmsUser(pr.user) && pr.user.Enabled {
		return nil
	}
	return mayTry(pr.user)
}

// wrongCode counts a wrong code against the user and against the session,
// which is spent with its last try.
func (e *Engine) wrongCode(ctx context.Context, pr *proof, s *session) error {
	err := e.recordFailure(ctx, pr.pool, pr.user, pr.typed, func(tx *store.Tx) error {
		n, err := store.CountAttempt(tx, pr.pool.ID, e.attemptsOf(pr), guessesCounted+s.Nonce, life(pr.client))
		if err == nil && n >= wrongPerCode {
			err = pr.spend(tx)
		}
		if record := e.failure(pr, cognitoidp.ChallengeNameMfa); err == nil && record != nil {
			err = record(tx)
		}
		return err
	})
	switch {
	case errors.Is(err, errPassword):
		return errCode
	case errors.Is(err, store.ErrConflict):
		return errChallengeSpent
	}
	return err
}
