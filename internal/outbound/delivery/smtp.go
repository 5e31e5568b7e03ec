package delivery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/wneessen/go-mail"

	"gatehouse/internal/store"
)

// smtpSender sends mail through one server.
type smtpSender struct {
	from    string
	host    string
	options []mail.Option
}

// newSMTP reads smtp://user:password@host:587 (STARTTLS, unless the host is
// loopback) or smtps://user:password@host:465.
func newSMTP(text, from string) (Sender, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("--smtp is not a URL such as smtp://user:password@mail.example.com:587")
	}
	s := &smtpSender{from: from, host: u.Hostname(), options: []mail.Option{mail.WithTimeout(sendTimeout)}}
	switch ip := net.ParseIP(u.Hostname()); {
	case u.Scheme == "smtps":
		s.options = append(s.options, mail.WithSSL())
	case u.Hostname() == "localhost" || ip != nil && ip.IsLoopback():
		s.options = append(s.options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	default:
		s.options = append(s.options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if p := u.Port(); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil {
			return nil, fmt.Errorf("--smtp: port %q", p)
		}
		s.options = append(s.options, mail.WithPort(n))
	}
	if u.User != nil {
		password, _ := u.User.Password()
		s.options = append(s.options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(u.User.Username()), mail.WithPassword(password))
	}
	return s, nil
}

// Send sends one mail. Addresses and subjects are encoded by the library: a
// line break in one does not become a header.
func (s *smtpSender) Send(ctx context.Context, m *store.Message) error {
	msg := mail.NewMsg()
	if err := msg.From(s.from); err != nil {
		return fmt.Errorf("sender address: %w", err)
	}
	if err := msg.To(m.To); err != nil {
		return fmt.Errorf("recipient address: %w", err)
	}
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(m.ID + "@gatehouse")
	msg.SetBodyString(mail.TypeTextPlain, plain(m.Body))
	msg.AddAlternativeString(mail.TypeTextHTML, m.Body)
	c, err := mail.NewClient(s.host, s.options...)
	if err != nil {
		return err
	}
	return c.DialAndSendWithContext(ctx, msg)
}
