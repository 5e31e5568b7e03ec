package dpop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var now = time.Unix(1_800_000_000, 0)

// proof signs claims as a client does. A nil embed leaves the key out.
func proof(t testing.TB, alg jose.SignatureAlgorithm, private any, embed *jose.JSONWebKey, typ string, claims map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	if embed != nil {
		options.WithHeader("jwk", embed)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: private}, options)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(b)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestVerify(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	public := func(key crypto.Signer) *jose.JSONWebKey { return &jose.JSONWebKey{Key: key.Public()} }
	request := &Request{Method: "POST", URLs: []string{"https://id.example.com/oauth2/token", "http://localhost:4566/p/oauth2/token"}, Token: "the-token"}
	good := func(change ...any) map[string]any {
		c := map[string]any{"jti": "one", "htm": "POST", "htu": "https://id.example.com/oauth2/token", "iat": now.Unix(), "ath": hash("the-token")}
		for i := 0; i < len(change); i += 2 {
			c[change[i].(string)] = change[i+1]
			if change[i+1] == nil {
				delete(c, change[i].(string))
			}
		}
		return c
	}
	const typ = "dpop+jwt"
	for name, text := range map[string]string{
		"ES256": proof(t, jose.ES256, p256, public(p256), typ, good()),
		"ES512": proof(t, jose.ES512, p521, public(p521), typ, good()),
		"RS256": proof(t, jose.RS256, rsaKey, public(rsaKey), typ, good()),
		"PS256": proof(t, jose.PS256, rsaKey, public(rsaKey), typ, good()),
		"EdDSA": proof(t, jose.EdDSA, edKey, public(edKey), typ, good()),
		"the port and case of the host, and a query": proof(t, jose.ES256, p256, public(p256), typ, good("htu", "HTTPS://ID.example.com:443/oauth2/token?a=b#c")),
		"the other address":                          proof(t, jose.ES256, p256, public(p256), typ, good("htu", "http://localhost:4566/p/oauth2/token")),
		"a fraction of a second":                     proof(t, jose.ES256, p256, public(p256), typ, good("iat", float64(now.Unix())+0.5)),
		"a clock that is late":                       proof(t, jose.ES256, p256, public(p256), typ, good("iat", now.Add(-Window).Unix())),
	} {
		p, err := Verify(text, request, now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !IsThumbprint(p.Key) || len(p.ID) != 43 || p.ExpiresAt.Before(now) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	right := proof(t, jose.ES256, p256, public(p256), typ, good())
	one, _ := Verify(right, request, now)
	two, _ := Verify(proof(t, jose.ES256, p256, public(p256), typ, good()), request, now)
	three, _ := Verify(proof(t, jose.ES256, p256, public(p256), typ, good("jti", "two")), request, now)
	if one.Key != two.Key || one.ID != two.ID || one.ID == three.ID {
		t.Errorf("%+v %+v %+v", one, two, three)
	}
	head, rest, _ := strings.Cut(right, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	small, _ := rsa.GenerateKey(rand.Reader, 1024)
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"nothing":             {"", errForm},
		"no JWT":              {"x.y.z", errForm},
		"too long":            {strings.Repeat("x", maxProof+1), errForm},
		"another typ":         {proof(t, jose.ES256, p256, public(p256), "JWT", good()), errForm},
		"no key":              {proof(t, jose.ES256, p256, nil, typ, good()), errForm},
		"a shared secret":     {proof(t, jose.HS256, make([]byte, 32), public(p256), typ, good()), errForm},
		"a private key":       {proof(t, jose.ES256, p256, &jose.JSONWebKey{Key: p256}, typ, good()), errForm},
		"a small key":         {proof(t, jose.RS256, small, public(small), typ, good()), errKey},
		"somebody else's key": {proof(t, jose.ES512, p521, public(p256), typ, good()), errSignature},
		"no signature":        {head + "." + payload + ".", errSignature},
		"another payload":     {head + "." + payload[:len(payload)-2] + "." + signature, errSignature},
		"no jti":              {proof(t, jose.ES256, p256, public(p256), typ, good("jti", nil)), errClaims},
		"a long jti":          {proof(t, jose.ES256, p256, public(p256), typ, good("jti", strings.Repeat("x", maxID+1))), errClaims},
		"no iat":              {proof(t, jose.ES256, p256, public(p256), typ, good("iat", nil)), errClaims},
		"iat as text":         {proof(t, jose.ES256, p256, public(p256), typ, good("iat", "now")), errClaims},
		"another method":      {proof(t, jose.ES256, p256, public(p256), typ, good("htm", "GET")), errMethod},
		"another host":        {proof(t, jose.ES256, p256, public(p256), typ, good("htu", "https://evil.example/oauth2/token")), errURL},
		"another path":        {proof(t, jose.ES256, p256, public(p256), typ, good("htu", "https://id.example.com/oauth2/userInfo")), errURL},
		"another scheme":      {proof(t, jose.ES256, p256, public(p256), typ, good("htu", "http://id.example.com/oauth2/token")), errURL},
		"no address":          {proof(t, jose.ES256, p256, public(p256), typ, good("htu", "::")), errURL},
		"too old":             {proof(t, jose.ES256, p256, public(p256), typ, good("iat", now.Add(-Window-time.Second).Unix())), errTime},
		"too new":             {proof(t, jose.ES256, p256, public(p256), typ, good("iat", now.Add(Window+time.Second).Unix())), errTime},
		"no time at all":      {proof(t, jose.ES256, p256, public(p256), typ, good("iat", 1e300)), errTime},
		"no ath":              {proof(t, jose.ES256, p256, public(p256), typ, good("ath", nil)), errToken},
		"another token":       {proof(t, jose.ES256, p256, public(p256), typ, good("ath", hash("another"))), errToken},
	} {
		if _, err := Verify(c.text, request, now); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// FuzzVerify: nothing but what was signed is taken.
func FuzzVerify(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // whose signatures are the same in each process
	right := proof(f, jose.EdDSA, key, &jose.JSONWebKey{Key: key.Public()}, "dpop+jwt", map[string]any{"jti": "one", "htm": "GET", "htu": "https://a/b", "iat": now.Unix()})
	f.Add(right)
	f.Add("e30.e30.e30")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := Verify(text, &Request{Method: "GET", URLs: []string{"https://a/b"}}, now); err == nil && text != right {
			t.Errorf("%q: %+v", text, p)
		}
	})
}
