package e2e_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"golang.org/x/net/html"
)

// byLink makes a pool verify by links; the words are the mail's.
func (n *tenant) byLink(words *types.VerificationMessageTemplateType) {
	n.Helper()
	words.DefaultEmailOption = types.DefaultEmailOptionTypeConfirmWithLink
	in := &idp.UpdateUserPoolInput{UserPoolId: &n.pool, AutoVerifiedAttributes: []types.VerifiedAttributeType{"email"}, VerificationMessageTemplate: words}
	d, err := n.root.IDP.DescribeUserPool(n.Context(), &idp.DescribeUserPoolInput{UserPoolId: &n.pool})
	n.ok(err)
	in.LambdaConfig, in.EmailConfiguration = d.UserPool.LambdaConfig, d.UserPool.EmailConfiguration
	_, err = n.root.IDP.UpdateUserPool(n.Context(), in)
	n.ok(err)
}

var anchor = regexp.MustCompile(`<a href="([^"]*)">(.*?)</a>`)

// linkOf is the only link of a mail, with its text.
func (e *env) linkOf(body string) (*url.URL, string) {
	e.Helper()
	found := anchor.FindAllStringSubmatch(body, -1)
	if len(found) != 1 {
		e.Fatalf("no link, or several, in %q", body)
	}
	u, err := url.Parse(html.UnescapeString(found[0][1]))
	e.ok(err)
	return u, found[0][2]
}

// TestLinks: a pool that verifies by link mails one, which confirms by a click;
// what is no sign-up has codes all the same.
func TestLinks(t *testing.T) {
	each(t, func(e *env) {
		d := e.openDomain(nil)
		d.byLink(&types.VerificationMessageTemplateType{EmailSubjectByLink: aws.String("Hello {username}"),
			EmailMessageByLink: aws.String("<p>{username}, {##please <b>click</b>##}.</p>"), EmailMessage: aws.String("code {####}"), EmailSubject: aws.String("a code")})
		confirms := func(username, subject, before, label string) {
			e.Helper()
			m := e.server.Messages(email("bob"))[0]
			link, text := e.linkOf(m.Body)
			if m.Subject != subject || text != label || !strings.HasPrefix(m.Body, before) || strings.Contains(m.Subject+text, m.Code) {
				e.Fatalf("%q %q", m.Subject, m.Body)
			}
			// The address is the configured one, whatever name the client used.
			if base := e.server.URL + "/" + d.pool + "/confirmUser"; link.Scheme+"://"+link.Host+link.Path != base {
				e.Errorf("the link leads to %s, want %s", link, base)
			}
			q := link.Query()
			if q.Get("client_id") != d.client || q.Get("user_name") != username || q.Get("confirmation_code") != m.Code || len(q) != 3 {
				e.Errorf("the link says %v", q)
			}
			b := d.byPath().browser()
			b.see("/confirmUser", "client_id", d.client, "user_name", username, "confirmation_code", m.Code).submit().shows(200, "Your account is confirmed.")
			d.tokens(username)
		}
		odd := `b<i>&"b`
		up, err := d.anyone.IDP.SignUp(e.Context(), &idp.SignUpInput{ClientId: &d.client, Username: &odd, Password: aws.String(password), UserAttributes: attributes("email", email("bob"))})
		e.ok(err)
		if c := up.CodeDeliveryDetails; c == nil || c.DeliveryMedium != "EMAIL" {
			e.Errorf("%+v", c)
		}
		confirms(odd, "Hello "+odd, "<p>b&lt;i&gt;&amp;&#34;b, ", "please <b>click</b>")

		// The pool's own words, and a second mail.
		d.byLink(&types.VerificationMessageTemplateType{EmailMessage: aws.String("code {####}")})
		_, err = d.anyone.IDP.SignUp(e.Context(), &idp.SignUpInput{ClientId: &d.client, Username: aws.String("bob"), Password: aws.String(password), UserAttributes: attributes("email", email("bob"))})
		e.ok(err)
		first, _ := e.linkOf(e.server.Messages(email("bob"))[0].Body)
		_, err = d.anyone.IDP.ResendConfirmationCode(e.Context(), &idp.ResendConfirmationCodeInput{ClientId: &d.client, Username: aws.String("bob")})
		e.ok(err)
		old := d.byPath().browser()
		if code := first.Query().Get("confirmation_code"); code != e.server.Messages(email("bob"))[0].Code {
			old.see("/confirmUser", "client_id", d.client, "user_name", "bob", "confirmation_code", code).submit().shows(400, "This link has been used or has expired.")
		}
		confirms("bob", "Your verification link", "Please click the link below", "Verify Email")
		_, err = d.forgot("bob")
		e.ok(err)
		if m := e.server.Messages(email("bob"))[0]; m.Body != "code "+m.Code {
			e.Errorf("a forgotten password by link: %q", m.Body)
		}
	})
}

// TestLinks_nowhere: without a domain there is nothing to link to, and nobody
// is made who could never be confirmed.
func TestLinks_nowhere(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.byLink(&types.VerificationMessageTemplateType{})
		_, err := n.signUp("ann", password)
		e.refused(err, "CodeDeliveryFailureException", "The user pool verifies by link (CONFIRM_WITH_LINK), and has no domain that a link could lead to: CreateUserPoolDomain gives it one.")
		_, err = n.root.IDP.AdminGetUser(e.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("ann")})
		e.refused(err, "UserNotFoundException", "User does not exist.")
	})
}

// TestLinks_worded: the pool's function words the mail with the link's place.
func TestLinks_worded(t *testing.T) {
	each(t, func(e *env) {
		text := "go {##here##}"
		n := e.functioning(&types.LambdaConfigType{CustomMessage: aws.String(e.lambda(func(event map[string]any) (any, error) {
			request := event["request"].(map[string]any)
			if request["linkParameter"] != "{##Click Here##}" || request["codeParameter"] != "{####}" {
				e.Errorf("the event is %v", request)
			}
			event["response"] = map[string]any{"emailMessage": text, "emailSubject": "Worded"}
			return event, nil
		}))}, nil)
		_, err := n.root.IDP.CreateUserPoolDomain(e.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &n.pool, Domain: aws.String("worded")})
		e.ok(err)
		n.byLink(&types.VerificationMessageTemplateType{})
		_, err = n.signUp("ann", password)
		e.ok(err)
		m := e.server.Messages(email("ann"))[0]
		if link, label := e.linkOf(m.Body); m.Subject != "Worded" || label != "here" || link.Query().Get("confirmation_code") != m.Code {
			e.Errorf("%+v", m)
		}
		text = "a code: {####}"
		_, err = n.signUp("bob", password)
		e.refused(err, "InvalidLambdaResponseException", "Invalid lambda function output : emailMessage lacks a placeholder.")
	})
}
