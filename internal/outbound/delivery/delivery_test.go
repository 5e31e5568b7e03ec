package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"gatehouse/internal/outbound/delivery"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// mailbox is a real SMTP server that keeps what it takes, and refuses the first
// mails if told to.
type mailbox struct {
	mu     sync.Mutex
	mails  []string
	refuse int
}

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{box: m}, nil }

type mailSession struct {
	box *mailbox
	to  string
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }
func (s *mailSession) Mail(string, *smtp.MailOptions) error {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	if s.box.refuse > 0 {
		s.box.refuse--
		return &smtp.SMTPError{Code: 451, Message: "try again later"}
	}
	return nil
}
func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error { s.to = to; return nil }
func (s *mailSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.mails = append(s.box.mails, "for <"+s.to+">\n"+string(b))
	return err
}

func (m *mailbox) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.mails...)
}

func startSMTP(t *testing.T, m *mailbox) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(m)
	s.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return "smtp://" + l.Addr().String()
}

// outbox starts an Outbox over db and returns it.
func outbox(t *testing.T, db *store.DB, c delivery.Channels) *delivery.Outbox {
	t.Helper()
	senders, err := delivery.Senders(c)
	if err != nil {
		t.Fatal(err)
	}
	o := delivery.New(delivery.Config{DB: db, Log: slog.New(slog.DiscardHandler), Senders: senders})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { o.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return o
}

func put(t *testing.T, db *store.DB, o *delivery.Outbox, m delivery.Message) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx *store.Tx) error { return o.Put(tx, m) }); err != nil {
		t.Fatal(err)
	}
	o.Wake()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

func states(t *testing.T, db *store.DB) string {
	t.Helper()
	var list []store.Message
	if err := db.Read(t.Context(), func(tx *store.Tx) (err error) { list, err = store.Messages(tx, "", 100); return err }); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, m := range list {
		b.WriteString(m.State + " ")
	}
	return strings.TrimSpace(b.String())
}

func TestSMTP(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		box := &mailbox{}
		o := outbox(t, db, delivery.Channels{SMTP: startSMTP(t, box), From: "no-reply@example.com"})
		put(t, db, o, delivery.Message{Channel: delivery.Email, To: "jane@example.com", Subject: "Grüße\r\nBcc: eve@example.com", Body: "Your code is 123456", Code: "123456"})
		eventually(t, "delivery", func() bool { return states(t, db) == "sent" })
		mails := box.all()
		if len(mails) != 1 || !strings.Contains(mails[0], "for <jane@example.com>") || !strings.Contains(mails[0], "123456") {
			t.Fatalf("got %q", mails)
		}
		header, _, _ := strings.Cut(mails[0], "\r\n\r\n")
		for line := range strings.Lines(header) {
			if strings.HasPrefix(strings.ToLower(line), "bcc:") {
				t.Errorf("a subject became a header: %q", header)
			}
		}
	})
}

// TestSMTP_retry: a server that refuses loses no message (promises.md, D15).
func TestSMTP_retry(t *testing.T) {
	var mu sync.Mutex
	ahead := time.Duration(0)
	c := storetest.SQLite(t)
	c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(ahead) }
	db := storetest.OpenConfig(t, c)
	box := &mailbox{refuse: 1}
	o := outbox(t, db, delivery.Channels{SMTP: startSMTP(t, box), From: "no-reply@example.com"})
	put(t, db, o, delivery.Message{Channel: delivery.Email, To: "jane@example.com", Body: "once"})
	eventually(t, "the first try", func() bool { box.mu.Lock(); defer box.mu.Unlock(); return box.refuse == 0 })
	mu.Lock()
	ahead = 5 * time.Minute // the wait before the second try is over
	mu.Unlock()
	o.Wake()
	eventually(t, "the second try", func() bool { return states(t, db) == "sent" })
	if n := len(box.all()); n != 1 {
		t.Errorf("delivered %d times", n)
	}
}

// TestOneNodeDelivers: two nodes on one database deliver each message once.
func TestOneNodeDelivers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		box := &mailbox{}
		channels := delivery.Channels{SMTP: startSMTP(t, box), From: "no-reply@example.com"}
		a, b := outbox(t, db, channels), outbox(t, db, channels)
		const n = 20
		for range n {
			put(t, db, a, delivery.Message{Channel: delivery.Email, To: "jane@example.com", Body: "once"})
			b.Wake()
		}
		eventually(t, "delivery", func() bool { return strings.Count(states(t, db), "sent") == n })
		if got := len(box.all()); got != n {
			t.Errorf("%d messages were delivered %d times", n, got)
		}
	})
}

func TestWebhook(t *testing.T) {
	var mu sync.Mutex
	var got []map[string]string
	fail := 1
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if fail > 0 {
			fail--
			http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", http.StatusTemporaryRedirect) // counts as a failure and is not followed
			return
		}
		var m map[string]string
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		got = append(got, m)
	}))
	t.Cleanup(hook.Close)
	ahead := time.Duration(0)
	c := storetest.SQLite(t)
	c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(ahead) }
	db := storetest.OpenConfig(t, c)
	o := outbox(t, db, delivery.Channels{Webhook: hook.URL})
	put(t, db, o, delivery.Message{Channel: delivery.SMS, To: "+12065551234", Body: "Your code is 1", Username: "jane"})
	eventually(t, "the first try", func() bool { mu.Lock(); defer mu.Unlock(); return fail == 0 })
	mu.Lock()
	ahead = 5 * time.Minute
	mu.Unlock()
	o.Wake()
	eventually(t, "delivery", func() bool { return states(t, db) == "sent" })
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 1 || got[0]["to"] != "+12065551234" || got[0]["body"] != "Your code is 1" || got[0]["username"] != "jane" || got[0]["id"] == "" {
		t.Errorf("got %v", got)
	}
}

// TestNoSender: without a sender messages stay in the outbox, readable.
func TestNoSender(t *testing.T) {
	db := storetest.Open(t)
	o := outbox(t, db, delivery.Channels{})
	put(t, db, o, delivery.Message{Channel: delivery.Email, To: "jane@example.com", Body: "b", Code: "123456"})
	if s := states(t, db); s != "kept" {
		t.Errorf("state %s", s)
	}
}

// TestPut_rollsBack: a message of a transaction that fails does not exist.
func TestPut_rollsBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := outbox(t, db, delivery.Channels{})
		want := errors.New("no")
		err := db.Write(t.Context(), func(tx *store.Tx) error {
			if err := o.Put(tx, delivery.Message{Channel: delivery.Email, To: "jane@example.com"}); err != nil {
				return err
			}
			return want
		})
		if !errors.Is(err, want) || states(t, db) != "" {
			t.Errorf("got %v, messages %q", err, states(t, db))
		}
	})
}
