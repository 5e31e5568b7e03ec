package risk

import (
	"cmp"
	"encoding/binary"
	"errors"
	"html"
	"net/url"
	"strings"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/outbound/delivery"
	"gatehouse/internal/store"
)

// FeedbackPath is the page at which the links of a notification arrive.
const FeedbackPath = "/_gatehouse/feedback"

// feedbackLife is how long a user can say whether it was the user.
const feedbackLife = 7 * 24 * time.Hour

const feedbackPurpose = "event feedback"

// ErrFeedbackToken says that a token is not one of this event, or is too old.
var ErrFeedbackToken = errors.New("risk: not a feedback token of this event")

func feedbackIdentity(poolID, sub, eventID string) string {
	return poolID + "/" + sub + "/" + eventID
}

// FeedbackToken lets whoever gets the mail say something of one event.
func (g *Guard) FeedbackToken(e *store.AuthEvent) string {
	return g.Ring.SealToken(feedbackPurpose, feedbackIdentity(e.PoolID, e.Sub, e.ID), binary.BigEndian.AppendUint64(nil, uint64(e.At.Add(feedbackLife).Unix())))
}

// CheckFeedbackToken is nil for a token of this event, else ErrFeedbackToken. A
// token may be used again: saying the same twice changes nothing, and a user
// may think better of it.
func (g *Guard) CheckFeedbackToken(poolID, sub, eventID, token string) error {
	b, err := g.Ring.OpenToken(feedbackPurpose, feedbackIdentity(poolID, sub, eventID), token)
	if err != nil || len(b) != 8 || !g.Now().Before(time.Unix(int64(binary.BigEndian.Uint64(b)), 0)) {
		return ErrFeedbackToken
	}
	return nil
}

// The mails of a pool that has no words of its own.
var (
	blockMail    = standardMail("Sign-in attempt blocked", "was blocked, because it looked as if it was not you")
	mfaMail      = standardMail("New sign-in attempt", "was asked for a second factor, because it looked as if it was not you")
	noActionMail = standardMail("New sign-in", "looked unusual")
)

func standardMail(subject, what string) *cognitoidp.NotifyEmailType {
	return &cognitoidp.NotifyEmailType{Subject: &subject, HtmlBody: new("<p>A sign-in as {username} at {login-time} from {ip-address} ({city}, {country}) with {device-name} " + what + ".</p>" +
		`<p><a href="{one-click-link-valid}">It was me</a></p><p><a href="{one-click-link-invalid}">It was not me</a></p>`)}
}

// Notify mails the user about an attempt, in the transaction that records its
// event, if the decision says so and there is a verified address. The words are
// the client's or the pool's. Wake the outbox after the transaction.
func (g *Guard) Notify(tx *store.Tx, c *pool.Client, u *store.User, d *Decision, e *store.AuthEvent) error {
	if d == nil || e == nil || !d.Notify {
		return nil
	}
	to, _ := u.Attribute("email")
	if verified, _ := u.Attribute("email_verified"); to == "" || verified != "true" {
		return nil
	}
	settings, err := configuration(tx, u.PoolID, c)
	if err != nil {
		return err
	}
	var own cognitoidp.NotifyConfigurationType
	if t := settings.AccountTakeoverRiskConfiguration; t != nil && t.NotifyConfiguration != nil {
		own = *t.NotifyConfiguration
	}
	mail := cmp.Or(own.NoActionEmail, noActionMail)
	switch {
	case d.Block:
		mail = cmp.Or(own.BlockEmail, blockMail)
	case d.MFA != NoMFA:
		mail = cmp.Or(own.MfaEmail, mfaMail)
	}
	return g.Outbox.Put(tx, delivery.Message{Channel: delivery.Email, To: to, Subject: api.Value(mail.Subject), Body: g.body(mail, u, e),
		Trigger: "CustomEmailSender_AccountTakeOverNotification", PoolID: u.PoolID, Username: u.Username})
}

// body fills a mail's HTML in, or its text, as HTML, when it has none.
func (g *Guard) body(mail *cognitoidp.NotifyEmailType, u *store.User, e *store.AuthEvent) string {
	token := g.FeedbackToken(e)
	link := func(value cognitoidp.FeedbackValueType) string {
		return g.PublicURL + FeedbackPath + "?" + url.Values{"pool": {e.PoolID}, "user": {u.Username}, "event": {e.ID}, "token": {token}, "value": {string(value)}}.Encode()
	}
	const unknown = "unknown"
	pairs := []string{"{username}", u.Username, "{ip-address}", cmp.Or(e.IP, unknown), "{city}", cmp.Or(e.City, unknown), "{country}", cmp.Or(e.Country, unknown),
		"{login-time}", e.At.UTC().Format(time.RFC1123), "{device-name}", cmp.Or(e.Device, unknown),
		"{one-click-link-valid}", link(cognitoidp.FeedbackValueTypeValid), "{one-click-link-invalid}", link(cognitoidp.FeedbackValueTypeInvalid)}
	for i := 1; i < len(pairs); i += 2 {
		pairs[i] = html.EscapeString(pairs[i])
	}
	text := api.Value(mail.HtmlBody)
	if text == "" {
		text = strings.ReplaceAll(html.EscapeString(api.Value(mail.TextBody)), "\n", "<br>\n")
		for i := 1; i < len(pairs); i += 2 {
			if strings.HasPrefix(pairs[i-1], "{one-click-link") {
				pairs[i] = delivery.Link(html.UnescapeString(pairs[i]), pairs[i])
			}
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
