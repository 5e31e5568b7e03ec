package delivery

import (
	"context"
	"log/slog"
	"time"

	"gatehouse/internal/store"
)

// Sender delivers one message of its channel. An error means: try again later.
type Sender interface {
	Send(ctx context.Context, m *store.Message) error
}

// Config is what an Outbox needs.
type Config struct {
	DB  *store.DB
	Log *slog.Logger
	// Senders by channel. A channel without a sender keeps its messages in the
	// outbox, to be read there.
	Senders map[string]Sender
}

// Outbox holds messages until they are delivered.
type Outbox struct {
	db      *store.DB
	log     *slog.Logger
	senders map[string]Sender
	wake    chan struct{}
}

// New returns an Outbox; Run delivers.
func New(c Config) *Outbox {
	return &Outbox{db: c.DB, log: c.Log, senders: c.Senders, wake: make(chan struct{}, 1)}
}

// maxAttempts is how often a message is tried before it is given up: with
// retryAfter, for about half a day.
const maxAttempts = 20

// sendTimeout bounds one attempt.
const sendTimeout = 30 * time.Second

// Wake says that a message was committed and need not wait for the next look.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Run delivers messages until ctx ends. Several nodes may run at once: each
// message is claimed by one for the length of an attempt.
func (o *Outbox) Run(ctx context.Context) {
	if len(o.senders) == 0 {
		return
	}
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		for o.deliverDue(ctx) {
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-o.wake:
		}
	}
}

// deliverDue tries the messages that are due and reports whether there may be
// more.
func (o *Outbox) deliverDue(ctx context.Context) bool {
	const batch = 20
	var due []store.Message
	err := o.db.Read(ctx, func(tx *store.Tx) (err error) {
		due, err = store.DueMessages(tx, batch)
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			o.log.Error("read the outbox", "error", err)
		}
		return false
	}
	for i := range due {
		o.deliver(ctx, &due[i])
	}
	return len(due) == batch && ctx.Err() == nil
}

func (o *Outbox) deliver(ctx context.Context, m *store.Message) {
	sender := o.senders[m.Channel]
	if sender == nil {
		return // this node has no sender for it; another may
	}
	if err := o.db.Write(ctx, func(tx *store.Tx) error { return store.ClaimMessage(tx, m, tx.Now.Add(2*sendTimeout)) }); err != nil {
		return // another node was first, or the store is away and the message stays due
	}
	attempt, cancel := context.WithTimeout(ctx, sendTimeout)
	err := sender.Send(attempt, m)
	cancel()
	state, next := "sent", time.Time{}
	if err != nil {
		state = "pending"
		if m.Attempts+1 >= maxAttempts {
			state = "failed"
		}
		o.log.Warn("deliver a message", "messageId", m.ID, "channel", m.Channel, "attempt", m.Attempts+1, "givenUp", state == "failed", "error", err)
	}
	// The outcome is written even when the server is closing: a message that
	// was sent must not be sent again.
	err = o.db.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if state == "pending" {
			next = tx.Now.Add(retryAfter(m.Attempts))
		}
		return store.SetMessageState(tx, m.ID, state, next)
	})
	if err != nil {
		o.log.Error("record a delivery", "messageId", m.ID, "error", err)
	}
}

// Channels says where messages go; empty: they stay in the outbox.
type Channels struct {
	SMTP    string // URL of the mail server
	From    string // sender address of mails
	Webhook string // URL for text messages
}

// Senders makes the senders of the channels that are set.
func Senders(c Channels) (map[string]Sender, error) {
	senders := map[string]Sender{}
	if c.SMTP != "" {
		s, err := newSMTP(c.SMTP, c.From)
		if err != nil {
			return nil, err
		}
		senders[Email] = s
	}
	if c.Webhook != "" {
		senders[SMS] = newWebhook(c.Webhook)
	}
	return senders, nil
}
