package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// trusted is a certificate for localhost that this process trusts, and untrusted
// one that it does not.
var trusted, untrusted tls.Certificate

// TestMain makes the certificates. Go reads the ones that it trusts once, and
// from SSL_CERT_FILE: there is no setting of gatehouse for it, because a mail
// server's certificate is the machine's to trust.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gatehouse-e2e-")
	if err != nil {
		panic(err)
	}
	trusted, untrusted = certificate(), certificate()
	file := filepath.Join(dir, "trusted.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: trusted.Certificate[0]}), 0o600); err != nil {
		panic(err)
	}
	if err := os.Setenv("SSL_CERT_FILE", file); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// postOffice is a mail server that takes mail by STARTTLS and AUTH only, and a
// service that takes text messages.
type postOffice struct {
	*testing.T

	mu          sync.Mutex
	certificate tls.Certificate // that it shows
	shown       int             // how often it did
	mails       []received
	texts       []map[string]string
}

type received struct{ user, from, to, data string }

const mailUser, mailPassword = "gatehouse", "Mail-Password-3"

// open starts both and returns the options of a server that uses them.
func (p *postOffice) open() []gatehousetest.Option {
	p.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatal(err)
	}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &delivering{office: p, conn: c}, nil
	}))
	s.TLSConfig = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.shown++
		show := p.certificate
		return &show, nil
	}}
	s.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	go s.Serve(l)
	p.Cleanup(func() { s.Close() })
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m map[string]string
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			p.Errorf("the webhook got %s %v: %v", r.Method, r.Header, err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.texts = append(p.texts, m)
	}))
	p.Cleanup(hook.Close)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return []gatehousetest.Option{gatehousetest.SMTP("smtp://"+mailUser+":"+mailPassword+"@localhost:"+port, "Gatehouse <codes@example.org>"), gatehousetest.SMSWebhook(hook.URL)}
}

// delivering is one connection of mail.
type delivering struct {
	office         *postOffice
	conn           *smtp.Conn
	user, from, to string
}

func (d *delivering) AuthMechanisms() []string { return []string{sasl.Plain} }
func (d *delivering) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != mailUser || password != mailPassword {
			return smtp.ErrAuthFailed
		}
		d.user = username
		return nil
	}), nil
}

func (d *delivering) Mail(from string, _ *smtp.MailOptions) error {
	if _, encrypted := d.conn.TLSConnectionState(); !encrypted || d.user == "" {
		return smtp.ErrAuthRequired
	}
	d.from = from
	return nil
}
func (d *delivering) Rcpt(to string, _ *smtp.RcptOptions) error { d.to = to; return nil }
func (d *delivering) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	d.office.mu.Lock()
	defer d.office.mu.Unlock()
	d.office.mails = append(d.office.mails, received{d.user, d.from, d.to, string(b)})
	return err
}
func (d *delivering) Reset()        {}
func (d *delivering) Logout() error { return nil }

// take waits for what f finds, and takes it.
func take[M any](p *postOffice, what string, f func() *[]M) (m M) {
	p.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		if list := f(); len(*list) > 0 {
			m = (*list)[0]
			*list = (*list)[1:]
			p.mu.Unlock()
			return m
		}
		p.mu.Unlock()
	}
	p.Fatalf("no %s came", what)
	return m
}

// mail waits for a mail and returns its text, which its HTML says too.
func (p *postOffice) mail(to, subject string) (text string) {
	p.Helper()
	r := take(p, "mail", func() *[]received { return &p.mails })
	m, err := mail.ReadMessage(strings.NewReader(r.data))
	if err != nil {
		p.Fatal(err)
	}
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		p.Fatalf("the mail is %s: %v", kind, err)
	}
	bodies := map[string]string{}
	for parts := multipart.NewReader(m.Body, parameters["boundary"]); ; {
		part, err := parts.NextPart() // takes quoted-printable off
		if err == io.EOF {
			break
		}
		if err != nil {
			p.Fatal(err)
		}
		body, err := io.ReadAll(part)
		if err != nil {
			p.Fatal(err)
		}
		kind, _, _ := strings.Cut(part.Header.Get("Content-Type"), ";")
		bodies[kind] = strings.TrimSpace(string(body))
	}
	if bodies["text/plain"] != bodies["text/html"] {
		p.Errorf("the mail says %q", bodies)
	}
	from, err := mail.ParseAddress(m.Header.Get("From"))
	if err != nil || from.Name != "Gatehouse" || from.Address != "codes@example.org" || r.from != from.Address || r.to != to ||
		m.Header.Get("To") != "<"+to+">" || m.Header.Get("Subject") != subject || r.user != mailUser {
		p.Errorf("%+v, want one to %s about %q", r, to, subject)
	}
	return bodies["text/plain"]
}

// text waits for a text message.
func (p *postOffice) text(to, trigger, username, pool string) (text string) {
	p.Helper()
	m := take(p, "text message", func() *[]map[string]string { return &p.texts })
	if m["to"] != to || m["trigger"] != trigger || m["username"] != username || m["userPoolId"] != pool || m["id"] == "" || m["at"] == "" {
		p.Errorf("%+v", m)
	}
	return m["body"]
}

// code finds the code in a message, which must be worded so.
func (p *postOffice) code(wording, text string) string {
	p.Helper()
	before, after, _ := strings.Cut(wording, "{####}")
	found := regexp.MustCompile("^" + regexp.QuoteMeta(before) + `(\d{6,8})` + regexp.QuoteMeta(after) + "$").FindStringSubmatch(text)
	if found == nil {
		p.Fatalf("%q, want %q", text, wording)
	}
	return found[1]
}

func guess(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

// TestMessages: the codes of sign-up and sign-in, read from a mail server and a
// webhook as their receivers read them.
func TestMessages(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var log journal
			p := &postOffice{T: t, certificate: trusted}
			e := start(t, append(append(on(t, kind), p.open()...), gatehousetest.Log(&log))...)
			n := e.tenant(addresses, nil)

			_, err := n.signUp("ann", password)
			n.ok(err)
			code := p.code("Your confirmation code is {####}", p.mail(email("ann"), "Your verification code"))
			n.refused(n.confirm("ann", guess(code)), "CodeMismatchException", "Invalid verification code provided, please try again.")
			n.ok(n.confirm("ann", code))
			n.refused(n.confirm("ann", code), "NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED")

			n.factors("OPTIONAL", true, false, true)
			n.setAttributes("ann", "phone_number", annsPhone)
			for _, factor := range []types.ChallengeNameType{"EMAIL_OTP", "SMS_MFA"} {
				_, err := n.root.IDP.AdminSetUserMFAPreference(n.Context(), &idp.AdminSetUserMFAPreferenceInput{UserPoolId: &n.pool, Username: aws.String("ann"),
					EmailMfaSettings: &types.EmailMfaSettingsType{Enabled: true, PreferredMfa: factor == "EMAIL_OTP"},
					SMSMfaSettings:   &types.SMSMfaSettingsType{Enabled: true, PreferredMfa: factor == "SMS_MFA"}})
				n.ok(err)
				session := n.asked("ann", factor)
				if factor == "EMAIL_OTP" {
					code = p.code("The code is {####}.", p.mail(email("ann"), "A code"))
				} else {
					code = p.code("ann, your code: {####}", p.text(annsPhone, "CustomMessage_Authentication", "ann", n.pool))
				}
				answer := string(factor) + "_CODE"
				_, err = n.respond(factor, &session, "ann", answer, guess(code))
				n.refused(err, "CodeMismatchException", "Invalid code or auth state for the user.")
				n.must("", factor, &session, "ann", answer, code)
				_, err = n.respond(factor, &session, "ann", answer, code)
				n.refused(err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
			}

			e.server.Stop()
			if strings.Contains(log.String(), mailPassword) {
				t.Error("the log tells the password of the mail server")
			}
			if len(p.mails) != 0 || len(p.texts) != 0 {
				t.Errorf("more came: %+v %+v", p.mails, p.texts)
			}
		})
	}
}

// TestMessages_untrusted: a mail server that shows a certificate which nobody
// trusts gets neither the password nor the mail. The mail waits until it shows
// the right one.
func TestMessages_untrusted(t *testing.T) {
	var log journal
	p := &postOffice{T: t, certificate: untrusted}
	e := start(t, append(p.open(), gatehousetest.Log(&log))...)
	n := e.tenant(nil, nil)
	_, err := n.signUp("ann", password)
	n.ok(err)
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(log.String(), "failed to verify certificate"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was refused: %s", log.String())
		}
	}
	p.mu.Lock()
	if p.shown == 0 || len(p.mails) != 0 {
		t.Errorf("shown %d times, got %+v", p.shown, p.mails)
	}
	p.certificate = trusted
	p.mu.Unlock()
	n.server.Advance(5 * time.Minute)
	n.ok(n.confirm("ann", p.code("Your confirmation code is {####}", p.mail(email("ann"), "Your verification code"))))
}
