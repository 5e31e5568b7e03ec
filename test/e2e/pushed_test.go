package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// push pushes an authorization request: the usual one, with changes. A value "-"
// takes a parameter away.
func (d *openedDomain) push(q ...string) *answer {
	d.Helper()
	v := url.Values{"response_type": {"code"}, "client_id": {d.client}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"s-1"}}
	if d.secret != "" {
		v.Set("client_secret", d.secret)
	}
	for i := 0; i < len(q); i += 2 {
		v.Set(q[i], q[i+1])
		if q[i+1] == "-" {
			v.Del(q[i])
		}
	}
	return d.send("/oauth2/par", v, "")
}

// pushed is the request_uri of a push that is taken.
func (d *openedDomain) pushed(q ...string) string {
	d.Helper()
	var v struct {
		URI     string `json:"request_uri"`
		Expires int    `json:"expires_in"`
	}
	a := d.push(q...)
	if d.ok(json.Unmarshal(a.body, &v)); a.status != 201 || v.Expires != 60 || !strings.HasPrefix(v.URI, "urn:ietf:params:oauth:request_uri:") {
		d.Fatalf("%d %s", a.status, a.body)
	}
	return v.URI
}

// TestPushed: a request that the client pushes stands for itself, and nothing
// beside it counts.
func TestPushed(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		b := d.signedIn()
		verifier, challenge := pkce()
		uri := d.pushed("code_challenge", challenge, "code_challenge_method", "S256", "nonce", "n-1", "scope", "openid email")
		to, v := b.goesTo(b.open("/oauth2/authorize", "client_id", d.client, "request_uri", uri))
		if to != callback || v.Get("state") != "s-1" {
			d.Fatalf("answered at %s with %v", to, v)
		}
		d.faulty(d.form("/oauth2/token", "grant_type", "authorization_code", "code", v.Get("code"), "redirect_uri", callback), 400, "invalid_grant")
		if id := d.claims(&d.redeem(v.Get("code"), "code_verifier", verifier).ID); id["nonce"] != "n-1" || id["email"] != "ann@example.com" {
			d.Errorf("ID token %v", id)
		}
		// What stands beside it is not read.
		to, v = b.goesTo(b.open("/oauth2/authorize", "client_id", d.client, "request_uri", uri, "redirect_uri", "https://evil.example/", "state", "s-2", "response_type", "token"))
		if to != callback || v.Get("state") != "s-1" || v.Get("code") == "" {
			d.Errorf("answered at %s with %v", to, v)
		}
		// Who has to sign in is shown the page, and may take some time there.
		fresh := d.browser()
		to, v = fresh.goesTo(fresh.open("/oauth2/authorize", "client_id", d.client, "request_uri", uri))
		if !strings.HasSuffix(to, "/login") || v.Get("request_uri") != uri || len(v) != 2 {
			d.Fatalf("sent to %s with %v", to, v)
		}
		d.server.Advance(10 * time.Minute)
		page := fresh.open("/login", "client_id", d.client, "request_uri", uri)
		if page.status != 200 || strings.Contains(string(page.body), "s-1") {
			d.Errorf("%d %s", page.status, page.body)
		}
		// But its way through the browser is short.
		to, v = b.goesTo(b.open("/oauth2/authorize", "client_id", d.client, "request_uri", uri))
		if !strings.HasSuffix(to, "/error") || v.Get("error") != "invalid_request_uri" {
			d.Errorf("an old one: %s %v", to, v)
		}
		d.server.Advance(time.Hour)
		if page := fresh.open("/login", "client_id", d.client, "request_uri", uri); page.status != 400 || !strings.Contains(string(page.body), "has expired") {
			d.Errorf("%d %s", page.status, page.body)
		}
	})
}

// TestPushed_refused: what is wrong is told to the client that pushes, and a
// request_uri is good for its client at its pool.
func TestPushed_refused(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		for _, c := range []struct {
			code string
			q    []string
		}{
			{"redirect_mismatch", []string{"redirect_uri", callback + "/"}},
			{"Required parameters missing", []string{"redirect_uri", "-"}},
			{"invalid_request", []string{"client_id", "-"}},
			{"invalid_client", []string{"client_id", "nobody"}},
			{"invalid_client", []string{"client_secret", "a secret that it does not have"}},
			{"unsupported_response_type", []string{"response_type", "id_token"}},
			{"invalid_scope", []string{"scope", "openid nothing"}},
			{"invalid_request", []string{"request_uri", "urn:ietf:params:oauth:request_uri:x"}},
			{"invalid_request", []string{"state", strings.Repeat("x", 3000)}},
			{"invalid_request", []string{"unknown", strings.Repeat("x", 9000)}},
			{"invalid_request", []string{"code_challenge", "short", "code_challenge_method", "S256"}},
			{"request_not_supported", []string{"request", "e30.e30."}},
			{"invalid_request", []string{"dpop_jkt", "no thumbprint"}},
			{"invalid_target", []string{"resource", "javascript:alert(1)"}},
		} {
			if a := d.push(c.q...); a.status != 400 || d.read(a).Error != c.code {
				d.Errorf("%q: %d %s, want %s", c.q, a.status, a.body, c.code)
			}
		}
		d.faulty(d.send("/oauth2/par", url.Values{"client_id": {d.client}, "state": {"a", "b"}, "redirect_uri": {callback}, "response_type": {"code"}}, ""), 400, "invalid_request")
		if a := d.get(d.base + "/oauth2/par"); a.status != http.StatusMethodNotAllowed {
			d.Errorf("GET: %d %s", a.status, a.body)
		}
		plain := d.of(d.newClient(nil))
		d.faulty(plain.push(), 400, "unauthorized_client")

		// A client with a secret says it, and may not push for another.
		secret := d.of(d.newClient(confidential))
		d.faulty(secret.push("client_secret", "-"), 400, "invalid_client")
		d.faulty(secret.push("client_secret", flip(secret.secret)), 400, "invalid_client")
		d.faulty(secret.send("/oauth2/par", url.Values{"client_id": {d.client}, "redirect_uri": {callback}, "response_type": {"code"}}, basic(secret.client, secret.secret)), 400, "invalid_request")
		theirs, ours := secret.pushed(), d.pushed()

		b := d.signedIn()
		for name, q := range map[string][]string{
			"another client's":  {"client_id", d.client, "request_uri", theirs},
			"changed":           {"client_id", d.client, "request_uri", ours[:len(ours)-4] + flip(ours[len(ours)-4:])},
			"cut off":           {"client_id", d.client, "request_uri", ours[:len(ours)-8]},
			"nothing but a urn": {"client_id", d.client, "request_uri", "urn:ietf:params:oauth:request_uri:"},
			"without a client":  {"request_uri", ours},
			"given twice":       {"client_id", d.client, "request_uri", ours, "request_uri", ours},
			"as an address":     {"client_id", d.client, "request_uri", "https://evil.example/request"},
		} {
			if to, v := b.goesTo(b.open("/oauth2/authorize", q...)); !strings.HasSuffix(to, "/error") || v.Get("error") == "" {
				d.Errorf("%s: %s %v", name, to, v)
			}
		}
		if to, _ := b.goesTo(b.open("/oauth2/authorize", "client_id", d.client, "request_uri", ours)); to != callback {
			d.Errorf("the right one: %s", to)
		}
		// What is taken from the client is taken from what it has pushed.
		_, err := d.root.IDP.UpdateUserPoolClient(d.Context(), &idp.UpdateUserPoolClientInput{UserPoolId: &d.pool, ClientId: &secret.client})
		d.ok(err)
		if to, v := b.goesTo(b.open("/oauth2/authorize", "client_id", secret.client, "request_uri", theirs)); !strings.HasSuffix(to, "/error") {
			d.Errorf("after the client's change: %s %v", to, v)
		}
	})
}
