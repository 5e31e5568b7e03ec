package userpool

import (
	"crypto/subtle"
	"errors"
	"net/url"
	"time"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/outbound/delivery"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// A purpose is what a code is for. A code of one purpose does nothing for
// another (user-pools.md, section 6).
type purpose struct {
	name     string        // in the store
	life     time.Duration // of a code
	messages int           // requests for one an hour
	guesses  int           // tries an hour, over all codes of the purpose
	trigger  string
	client   string // who asked for it, where a mail may have a link in place of the code; "" where it never has
}

// by is the purpose of a sign-up at a client.
func (w purpose) by(c *pool.Client) purpose {
	w.client = c.ID
	return w
}

var (
	confirmSignUp   = purpose{"confirm sign-up", 24 * time.Hour, 5, 15, "CustomMessage_SignUp", ""}
	resendCode      = purpose{"confirm sign-up", 24 * time.Hour, 5, 15, "CustomMessage_ResendCode", ""}
	forgotPassword  = purpose{"forgot password", time.Hour, 5, 15, "CustomMessage_ForgotPassword", ""}
	verifyEmail     = purpose{"verify email", 24 * time.Hour, 5, 15, "CustomMessage_UpdateUserAttribute", ""}
	verifyPhone     = purpose{"verify phone_number", 24 * time.Hour, 5, 15, "CustomMessage_UpdateUserAttribute", ""}
	maxWrongPerCode = 10 // promises.md, U2
)

func verifyAttribute(name string) purpose {
	if name == "email" {
		return verifyEmail
	}
	return verifyPhone
}

// sendCode makes a code of the purpose and puts its message into the outbox: to
// the value that the user has, or to one that waits for the code. It counts
// against the user's hourly number of messages. Call it within sending.
func (s *Service) sendCode(tx *store.Tx, p *pool.Pool, u *store.User, why purpose, attribute, waiting string, said texts) (*cognitoidp.CodeDeliveryDetailsType, error) {
	if err := countMessage(tx, u, why); err != nil {
		return nil, err
	}
	custom, err := said.of(p, u, why.trigger, attribute)
	if err != nil {
		return nil, err
	}
	to := waiting
	if to == "" {
		to, _ = u.Attribute(attribute)
	}
	code, err := putCode(tx, u, why, attribute, waiting)
	if err != nil {
		return nil, err
	}
	m := delivery.Message{Channel: delivery.Email, To: to, Code: code, Trigger: why.trigger, PoolID: p.ID, Username: u.Username}
	t := p.Settings.VerificationMessageTemplate
	switch {
	case attribute == "email" && why.client != "" && trigger.ByLink(p):
		if !p.HasDomain() {
			return nil, errNoLink
		}
		link := s.Home(p) + "/confirmUser?" + url.Values{"client_id": {why.client}, "user_name": {u.Username}, "confirmation_code": {code}}.Encode()
		m.Subject = delivery.Fill(either(custom.Subject, t.EmailSubjectByLink), "Your verification link", u.Username, "")
		m.Body = delivery.FillLink(either(custom.Email, t.EmailMessageByLink), "Please click the link below to verify your email address. {##Verify Email##} ", u.Username, link)
	case attribute == "email":
		m.Subject = delivery.Fill(either(custom.Subject, t.EmailSubject), "Your verification code", u.Username, code)
		m.Body = delivery.FillMail(either(custom.Email, t.EmailMessage), "Your confirmation code is {####}", u.Username, code)
	default:
		m.Channel = delivery.SMS
		m.Body = delivery.Fill(either(custom.SMS, t.SmsMessage), "Your authentication code is {####}. ", u.Username, code)
	}
	if err := s.Delivery.Put(tx, m); err != nil {
		return nil, err
	}
	return deliveryDetails(attribute, to), nil
}

// errNoLink is of a pool that wants links and has nowhere that they could lead.
var errNoLink = &cognitoidp.CodeDeliveryFailureException{
	Message: "The user pool verifies by link (CONFIRM_WITH_LINK), and has no domain that a link could lead to: CreateUserPoolDomain gives it one."}

// deliveryDetails says where a code went, masked as Cognito masks it.
func deliveryDetails(attribute, to string) *cognitoidp.CodeDeliveryDetailsType {
	d := &cognitoidp.CodeDeliveryDetailsType{AttributeName: &attribute}
	if attribute == "email" {
		d.DeliveryMedium, d.Destination = new(cognitoidp.DeliveryMediumTypeEmail), new(delivery.MaskEmail(to))
	} else {
		d.DeliveryMedium, d.Destination = new(cognitoidp.DeliveryMediumTypeSms), new(delivery.MaskPhone(to))
	}
	return d
}

var (
	errCodeMismatch = &cognitoidp.CodeMismatchException{Message: "Invalid verification code provided, please try again."}
	errCodeExpired  = &cognitoidp.ExpiredCodeException{Message: "Invalid code provided, please request a code again."}
)

// takeCode checks a code of the purpose and spends it. The refusal is its own
// result, because counting a wrong guess must commit: return refusal to the
// caller only after the transaction.
func takeCode(tx *store.Tx, u *store.User, why purpose, guess string) (c *store.Code, refusal, err error) {
	n, err := store.CountAttempt(tx, u.PoolID, u.Sub, why.name+": guesses", time.Hour)
	if err != nil {
		return nil, nil, err
	}
	if n > why.guesses {
		return nil, errLimit, nil
	}
	c, err = store.CodeFor(tx, u.PoolID, u.Sub, why.name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errCodeExpired, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if !tx.Now.Before(c.ExpiresAt) || c.Failures >= maxWrongPerCode {
		return nil, errCodeExpired, nil
	}
	if subtle.ConstantTimeCompare([]byte(c.Code), []byte(guess)) != 1 {
		return nil, errCodeMismatch, store.FailCode(tx, c)
	}
	if err := store.DeleteCode(tx, c); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil, errCodeExpired, nil
		}
		return nil, nil, err
	}
	return c, nil, store.ClearAttempts(tx, u.PoolID, u.Sub, why.name+": guesses")
}
