// Package delivery takes messages to people: codes, temporary passwords,
// invitations. A message is put into the outbox in the transaction that causes
// it, so that neither exists without the other, and leaves by SMTP or the SMS
// webhook afterwards, with retries.
//
// What a newcomer gets wrong: nothing is sent inside a transaction, and a
// sender that is down loses no message. It stays in the outbox until it is
// delivered or given up, and giving up is logged and counted.
package delivery

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"gatehouse/internal/store"
)

// Channels of a message.
const (
	Email = "email"
	SMS   = "sms"
)

// Message is a message to be put into the outbox.
type Message struct {
	Channel           string // Email or SMS
	To, Subject, Body string // the body of a mail is HTML
	Code              string // the code inside Body, for the outbox page; may be empty
	Trigger           string // CustomMessage_SignUp and its like
	PoolID, Username  string
}

// Put writes a message into the outbox as part of tx.
func (o *Outbox) Put(tx *store.Tx, m Message) error {
	state := "kept" // nobody delivers this channel: the outbox is where it is read
	if o.senders[m.Channel] != nil {
		state = "pending"
	}
	// Version 7 ids order by time, which is the order of the outbox.
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("message id: %w", err)
	}
	return store.InsertMessage(tx, &store.Message{ID: id.String(), At: tx.Now, Channel: m.Channel, To: m.To, Subject: m.Subject, Body: m.Body,
		Code: m.Code, Trigger: m.Trigger, PoolID: m.PoolID, Username: m.Username, State: state, NextAt: tx.Now})
}

// retryAfter is the wait before attempt n+1: from five seconds, doubling, to an
// hour.
func retryAfter(n int) time.Duration {
	return min(5*time.Second<<min(n, 10), time.Hour)
}
