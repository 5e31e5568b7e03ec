package passkey_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"gatehouse/internal/authn/passkey"
)

var (
	here      = passkey.RelyingParty{ID: "example.com", Name: "example.com", UserVerification: "preferred"}
	strict    = passkey.RelyingParty{ID: "example.com", Name: "example.com", UserVerification: "required"}
	page      = virtualwebauthn.RelyingParty{ID: "example.com", Origin: "https://login.example.com:8443"}
	challenge = []byte("a challenge of thirty-two bytes.")
)

// newKey is a key of an authenticator that is not ours. Coordinates with
// leading zeros, which that one cuts off, are not taken.
func newKey(kind virtualwebauthn.KeyType) virtualwebauthn.Credential {
	for {
		c := virtualwebauthn.NewCredential(kind)
		if kind != virtualwebauthn.KeyTypeEC2 || len(c.Key.AttestationData()) == 77 {
			return c
		}
	}
}

func create(rp virtualwebauthn.RelyingParty, o virtualwebauthn.AuthenticatorOptions, c virtualwebauthn.Credential, challenge []byte) string {
	return virtualwebauthn.CreateAttestationResponse(rp, virtualwebauthn.NewAuthenticatorWithOptions(o), c, virtualwebauthn.AttestationOptions{Challenge: challenge})
}

func get(rp virtualwebauthn.RelyingParty, o virtualwebauthn.AuthenticatorOptions, c virtualwebauthn.Credential, challenge []byte) string {
	return virtualwebauthn.CreateAssertionResponse(rp, virtualwebauthn.NewAuthenticatorWithOptions(o), c, virtualwebauthn.AssertionOptions{Challenge: challenge})
}

// edit changes an answer's JSON.
func edit(t testing.TB, answer string, change func(all, response map[string]any)) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(answer), &all); err != nil {
		t.Fatal(err)
	}
	change(all, all["response"].(map[string]any))
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func decode(t testing.TB, text any) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text.(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// client changes what the client says.
func client(t testing.TB, answer, from, to string) string {
	t.Helper()
	return edit(t, answer, func(_, r map[string]any) {
		data := strings.Replace(string(decode(t, r["clientDataJSON"])), from, to, 1)
		r["clientDataJSON"] = base64.RawURLEncoding.EncodeToString([]byte(data))
	})
}

// authData changes what the authenticator says at registration, without an
// attestation.
func authData(t testing.TB, answer string, change func(b []byte) []byte) string {
	t.Helper()
	return edit(t, answer, func(_, r map[string]any) {
		var o struct {
			AuthData []byte `json:"authData"`
		}
		if err := webauthncbor.Unmarshal(decode(t, r["attestationObject"]), &o); err != nil {
			t.Fatal(err)
		}
		b, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": change(o.AuthData)})
		if err != nil {
			t.Fatal(err)
		}
		r["attestationObject"] = base64.RawURLEncoding.EncodeToString(b)
	})
}

// key is a registration of another COSE_Key.
func key(t testing.TB, answer string, cose map[int]any) string {
	t.Helper()
	b, err := webauthncbor.Marshal(cose)
	if err != nil {
		t.Fatal(err)
	}
	return authData(t, answer, func(d []byte) []byte { return append(slices.Clone(d[:55+32]), b...) })
}

func refused(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestOptions(t *testing.T) {
	b, err := passkey.CreationOptions(here, passkey.User{ID: []byte("the sub"), Name: "ann", DisplayName: "Ann"}, challenge,
		[]passkey.Credential{{ID: []byte{255}, Transports: []string{"usb"}}, {ID: []byte{1}}})
	if err != nil {
		t.Fatal(err)
	}
	const creation = `{"rp":{"id":"example.com","name":"example.com"},"user":{"id":"dGhlIHN1Yg","name":"ann","displayName":"Ann"},` +
		`"challenge":"YSBjaGFsbGVuZ2Ugb2YgdGhpcnR5LXR3byBieXRlcy4","pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],` +
		`"timeout":60000,"excludeCredentials":[{"type":"public-key","id":"_w","transports":["usb"]},{"type":"public-key","id":"AQ"}],` +
		`"authenticatorSelection":{"requireResidentKey":true,"residentKey":"required","userVerification":"preferred"},"attestation":"none"}`
	if string(b) != creation {
		t.Errorf("creation:\n%s\nwant\n%s", b, creation)
	}
	text, err := passkey.RequestOptions(strict, challenge, []passkey.Credential{{ID: []byte{1}}})
	if err != nil {
		t.Fatal(err)
	}
	const request = `{"challenge":"YSBjaGFsbGVuZ2Ugb2YgdGhpcnR5LXR3byBieXRlcy4","timeout":60000,"rpId":"example.com",` +
		`"allowCredentials":[{"type":"public-key","id":"AQ"}],"userVerification":"required"}`
	if text != request {
		t.Errorf("request:\n%s\nwant\n%s", text, request)
	}
}

func TestVerifyRegistration(t *testing.T) {
	for _, kind := range []virtualwebauthn.KeyType{virtualwebauthn.KeyTypeEC2, virtualwebauthn.KeyTypeRSA} {
		k := newKey(kind)
		k.Counter = 7
		answer := edit(t, create(page, virtualwebauthn.AuthenticatorOptions{BackupEligible: true}, k, challenge), func(all, r map[string]any) {
			all["authenticatorAttachment"], all["clientExtensionResults"] = "platform", map[string]any{"credProps": map[string]any{"rk": true}}
			r["transports"] = []string{"internal", "hybrid"}
		})
		c, err := passkey.VerifyRegistration(strict, challenge, []byte(answer))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(c.ID, k.ID) || c.SignCount != 7 || !slices.Equal(c.Transports, []string{"internal", "hybrid"}) || c.Attachment != "platform" ||
			len(c.AAGUID) != 36 || !c.UserVerified || !c.BackupEligible || c.BackedUp || c.Name() != "Passkey" {
			t.Errorf("%s: %+v", kind, c)
		}
	}
}

func TestVerifyRegistration_refused(t *testing.T) {
	k := newKey(virtualwebauthn.KeyTypeEC2)
	good := create(page, virtualwebauthn.AuthenticatorOptions{}, k, challenge)
	verify := func(what string, rp passkey.RelyingParty, answer string, want error) {
		t.Helper()
		_, err := passkey.VerifyRegistration(rp, challenge, []byte(answer))
		refused(t, what, err, want)
	}
	if _, err := passkey.VerifyRegistration(here, challenge, []byte(good)); err != nil {
		t.Fatal(err)
	}
	if _, err := passkey.VerifyRegistration(here, nil, []byte(client(t, good, base64.RawURLEncoding.EncodeToString(challenge), ""))); !errors.Is(err, passkey.ErrChallenge) {
		t.Errorf("no challenge at all: %v", err)
	}
	verify("another challenge", here, create(page, virtualwebauthn.AuthenticatorOptions{}, k, []byte("another")), passkey.ErrChallenge)
	verify("an assertion", here, get(page, virtualwebauthn.AuthenticatorOptions{}, k, challenge), passkey.ErrMalformed)
	verify("another ceremony", here, client(t, good, "webauthn.create", "webauthn.get"), passkey.ErrMalformed)
	verify("another relying party", here, create(virtualwebauthn.RelyingParty{ID: "login.example.com", Origin: page.Origin}, virtualwebauthn.AuthenticatorOptions{}, k, challenge), passkey.ErrRelyingParty)
	verify("in a frame", here, client(t, good, "{", `{"crossOrigin":true,`), passkey.ErrOrigin)
	verify("in a frame of", here, client(t, good, "{", `{"topOrigin":"https://example.org",`), passkey.ErrOrigin)
	verify("user not present", here, create(page, virtualwebauthn.AuthenticatorOptions{UserNotPresent: true}, k, challenge), passkey.ErrUser)
	unverified := create(page, virtualwebauthn.AuthenticatorOptions{UserNotVerified: true}, k, challenge)
	verify("user not verified", strict, unverified, passkey.ErrUser)
	if c, err := passkey.VerifyRegistration(here, challenge, []byte(unverified)); err != nil || c.UserVerified {
		t.Errorf("verification is only preferred: %+v, %v", c, err)
	}
	verify("backed up and not eligible", here, create(page, virtualwebauthn.AuthenticatorOptions{BackupState: true}, k, challenge), passkey.ErrMalformed)

	x, y := k.Key.AttestationData()[10:42], k.Key.AttestationData()[45:77]
	modulus := bytes.Repeat([]byte{0xff}, 256)
	for what, cose := range map[string]map[int]any{
		"EdDSA":                {1: 1, 3: -8, -1: 6, -2: bytes.Repeat([]byte{1}, 32)},
		"ES384":                {1: 2, 3: -35, -1: 2, -2: bytes.Repeat([]byte{1}, 48), -3: bytes.Repeat([]byte{1}, 48)},
		"a point off":          {1: 2, 3: -7, -1: 1, -2: y, -3: x},
		"PS256":                {1: 3, 3: -37, -1: modulus, -2: []byte{1, 0, 1}},
		"RS1":                  {1: 3, 3: -65535, -1: modulus, -2: []byte{1, 0, 1}},
		"RSA, 1024 bits":       {1: 3, 3: -257, -1: modulus[:128], -2: []byte{1, 0, 1}},
		"RSA, 8192 bits":       {1: 3, 3: -257, -1: bytes.Repeat(modulus, 4), -2: []byte{1, 0, 1}},
		"RSA, exponent 1":      {1: 3, 3: -257, -1: modulus, -2: []byte{1}},
		"RSA, long exponent":   {1: 3, 3: -257, -1: modulus, -2: []byte{127, 255, 255, 255}},
		"RSA that says ES256":  {1: 3, 3: -7, -1: modulus, -2: []byte{1, 0, 1}},
		"P-256 that says RSA":  {1: 2, 3: -257, -1: 1, -2: x, -3: y},
		"a key with a payload": {1: 2, 3: -7, -1: 1, -2: x, -3: y, -100: bytes.Repeat([]byte{1}, 2000)},
		"no key":               {},
	} {
		verify(what, here, key(t, good, cose), passkey.ErrUnsupported)
	}
	if _, err := passkey.VerifyRegistration(here, challenge, []byte(key(t, good, map[int]any{1: 2, 3: -7, -1: 1, -2: x, -3: y}))); err != nil {
		t.Errorf("the same key: %v", err)
	}

	other := base64.RawURLEncoding.EncodeToString([]byte("somebody else's credential, 32 b"))
	for what, answer := range map[string]string{
		"nothing": "", "no object": `"x"`, "an array": "[]", "empty": "{}", "cut": good[:len(good)-1], "more": good + "{}", "null": "null",
		"a member twice":   strings.Replace(good, `"id"`, `"type":"public-key","id"`, 1),
		"too large":        strings.Replace(good, "{", "{"+strings.Repeat(" ", 64<<10), 1),
		"deep":             strings.Repeat(`{"response":`, 20_000),
		"another id":       edit(t, good, func(all, _ map[string]any) { all["id"], all["rawId"] = other, other }),
		"two ids":          edit(t, good, func(all, _ map[string]any) { all["rawId"] = other }),
		"no id":            edit(t, good, func(all, _ map[string]any) { all["id"], all["rawId"] = "", "" }),
		"another type":     edit(t, good, func(all, _ map[string]any) { all["type"] = "password" }),
		"bad base64":       edit(t, good, func(_, r map[string]any) { r["attestationObject"] = "!" }),
		"bad CBOR":         edit(t, good, func(_, r map[string]any) { r["attestationObject"] = "_w" }),
		"bad client data":  edit(t, good, func(_, r map[string]any) { r["clientDataJSON"] = "_w" }),
		"bad transport":    edit(t, good, func(_, r map[string]any) { r["transports"] = []string{"<usb>"} }),
		"many transports":  edit(t, good, func(_, r map[string]any) { r["transports"] = slices.Repeat([]string{"usb"}, 17) }),
		"short":            authData(t, good, func(b []byte) []byte { return b[:36] }),
		"no credential":    authData(t, good, func(b []byte) []byte { b = slices.Clone(b[:37]); b[32] &^= 0x40; return b }),
		"a long id":        authData(t, good, func(b []byte) []byte { b = slices.Clone(b); b[53], b[54] = 255, 255; return b }),
		"bytes after it":   authData(t, good, func(b []byte) []byte { return append(slices.Clone(b), 0) }),
		"lost extensions":  authData(t, good, func(b []byte) []byte { b = slices.Clone(b); b[32] |= 0x80; return b }),
		"a key that is no": authData(t, good, func(b []byte) []byte { return append(slices.Clone(b[:87]), 0xff) }),
	} {
		verify(what, here, answer, passkey.ErrMalformed)
	}
}

// TestOrigins: the pages of the relying party's domain and of those below.
func TestOrigins(t *testing.T) {
	k := newKey(virtualwebauthn.KeyTypeEC2)
	for _, c := range []struct {
		id, origin string
		ok         bool
	}{
		{"example.com", "https://example.com", true},
		{"example.com", "https://a.b.example.com:444", true},
		{"example.com", "http://example.com", false},
		{"example.com", "https://example.com.evil.org", false},
		{"example.com", "https://badexample.com", false},
		{"example.com", "https://com", false},
		{"example.com", "https://example.com@evil.org", false},
		{"example.com", "https://evil.org@example.com", false},
		{"example.com", "https://example.com/", false},
		{"example.com", "https://example.com?x", false},
		{"example.com", "https://evil.org#.example.com", false},
		{"example.com", "HTTPS://example.com", false},
		{"example.com", "ftp://example.com", false},
		{"example.com", "example.com", false},
		{"example.com", "null", false},
		{"example.com", "", false},
		{"example.com", "android:apk-key-hash:0123456789abcdefghijklmnopqrstuvwxyz0123456", false},
		{"example.com", "chrome-extension://example.com", false},
		{"localhost", "http://localhost:3000", true},
		{"localhost", "https://localhost", true},
		{"localhost", "http://app.localhost", true},
		{"app.localhost", "http://app.localhost:1", true},
		{"app.localhost", "http://localhost:1", false},
		{"localhost", "http://127.0.0.1", false}, // no domain: browsers make no passkey there
		{"", "https://example.com", false},
		{"", "https://example.com.", false},
	} {
		answer := create(virtualwebauthn.RelyingParty{ID: c.id, Origin: c.origin}, virtualwebauthn.AuthenticatorOptions{}, k, challenge)
		_, err := passkey.VerifyRegistration(passkey.RelyingParty{ID: c.id}, challenge, []byte(answer))
		if c.ok && err != nil || !c.ok && !errors.Is(err, passkey.ErrOrigin) {
			t.Errorf("%q for %q: %v", c.origin, c.id, err)
		}
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{"localhost": true, "example.com": true, "login.example.co.uk": true, "app.localhost": true, "a.github.io": true,
		"com": false, "co.uk": false, "github.io": false, "intranet": false, "": false, ".": false, "example.com.": false, ".example.com": false, "a..com": false,
		"Example.com": false, "https://example.com": false, "example.com:443": false, "example.com/x": false, "-a.com": false, "a-.com": false, "127.0.0.1": false,
		"[::1]": false, "bücher.example": false, "xn--bcher-kva.example": true, "*.example.com": false, strings.Repeat("a", 64) + ".com": false} {
		if got := passkey.ValidID(id); got != want {
			t.Errorf("%q: %v", id, got)
		}
	}
}

func registered(t *testing.T, k virtualwebauthn.Credential) passkey.Credential {
	t.Helper()
	c, err := passkey.VerifyRegistration(here, challenge, []byte(create(page, virtualwebauthn.AuthenticatorOptions{}, k, challenge)))
	if err != nil {
		t.Fatal(err)
	}
	c.UserHandle = []byte("ann")
	return *c
}

func TestVerifyAssertion(t *testing.T) {
	for _, kind := range []virtualwebauthn.KeyType{virtualwebauthn.KeyTypeEC2, virtualwebauthn.KeyTypeRSA} {
		k, spare := newKey(kind), newKey(kind)
		list := []passkey.Credential{registered(t, spare), registered(t, k)}
		// without a counter
		used, verified, err := passkey.VerifyAssertion(strict, challenge, list, get(page, virtualwebauthn.AuthenticatorOptions{}, k, challenge))
		if err != nil || !verified || !bytes.Equal(used.ID, k.ID) || used.SignCount != 0 {
			t.Fatalf("%s: %+v, %v, %v", kind, used, verified, err)
		}
		// with one, a user handle and no verification
		k.Counter = 5
		used, verified, err = passkey.VerifyAssertion(here, challenge, list,
			get(page, virtualwebauthn.AuthenticatorOptions{UserNotVerified: true, UserHandle: []byte("ann")}, k, challenge))
		if err != nil || verified || used.SignCount != 5 {
			t.Fatalf("%s: %+v, %v, %v", kind, used, verified, err)
		}
		if list[1].SignCount != 0 {
			t.Error("the caller's list was changed")
		}
	}
}

func TestVerifyAssertion_refused(t *testing.T) {
	k, stranger := newKey(virtualwebauthn.KeyTypeEC2), newKey(virtualwebauthn.KeyTypeEC2)
	c := registered(t, k)
	verify := func(what string, rp passkey.RelyingParty, count uint32, answer string, want error) {
		t.Helper()
		stored := c
		stored.SignCount = count
		used, verified, err := passkey.VerifyAssertion(rp, challenge, []passkey.Credential{stored}, answer)
		refused(t, what, err, want)
		if used != nil || verified {
			t.Errorf("%s: refused with %+v, %v", what, used, verified)
		}
	}
	plain := virtualwebauthn.AuthenticatorOptions{}
	good := get(page, plain, k, challenge)
	if _, _, err := passkey.VerifyAssertion(here, challenge, []passkey.Credential{c}, good); err != nil {
		t.Fatal(err)
	}
	verify("another challenge", here, 0, get(page, plain, k, []byte("another")), passkey.ErrChallenge)
	verify("another origin", here, 0, get(virtualwebauthn.RelyingParty{ID: page.ID, Origin: "https://example.org"}, plain, k, challenge), passkey.ErrOrigin)
	verify("another relying party", here, 0, get(virtualwebauthn.RelyingParty{ID: "com", Origin: page.Origin}, plain, k, challenge), passkey.ErrRelyingParty)
	verify("a registration", here, 0, create(page, plain, k, challenge), passkey.ErrMalformed)
	verify("another ceremony", here, 0, client(t, good, "webauthn.get", "webauthn.create"), passkey.ErrMalformed)
	verify("in a frame", here, 0, client(t, good, "{", `{"crossOrigin":true,`), passkey.ErrOrigin)
	verify("user not present", here, 0, get(page, virtualwebauthn.AuthenticatorOptions{UserNotPresent: true}, k, challenge), passkey.ErrUser)
	verify("user not verified", strict, 0, get(page, virtualwebauthn.AuthenticatorOptions{UserNotVerified: true}, k, challenge), passkey.ErrUser)
	verify("somebody else's key", here, 0, get(page, plain, stranger, challenge), passkey.ErrCredential)
	verify("another user's handle", here, 0, get(page, virtualwebauthn.AuthenticatorOptions{UserHandle: []byte("bob")}, k, challenge), passkey.ErrCredential)
	verify("a key that can be backed up now", here, 0, get(page, virtualwebauthn.AuthenticatorOptions{BackupEligible: true}, k, challenge), passkey.ErrMalformed)
	stranger.ID = k.ID
	verify("signed by another key", here, 0, get(page, plain, stranger, challenge), passkey.ErrSignature)
	verify("client data changed", here, 0, client(t, good, "{", `{"x":1,`), passkey.ErrSignature)
	verify("authenticator data changed", here, 0, edit(t, good, func(_, r map[string]any) {
		d := decode(t, r["authenticatorData"])
		d[36] = 9
		r["authenticatorData"] = base64.RawURLEncoding.EncodeToString(d)
	}), passkey.ErrSignature)
	verify("no signature", here, 0, edit(t, good, func(_, r map[string]any) { r["signature"] = "" }), passkey.ErrSignature)
	verify("a counter that stopped", here, 1, good, passkey.ErrSignCount)
	k.Counter = 5
	counted := get(page, plain, k, challenge)
	verify("the same count", here, 5, counted, passkey.ErrSignCount)
	verify("a lower count", here, 6, counted, passkey.ErrSignCount)
	for what, answer := range map[string]string{"nothing": "", "no object": "[]", "cut": good[:len(good)-1], "more": good + "x", "null": "null",
		"too large":      strings.Replace(good, "{", "{"+strings.Repeat(" ", 64<<10), 1),
		"two ids":        edit(t, good, func(all, _ map[string]any) { all["rawId"] = "AAAA" }),
		"another type":   edit(t, good, func(all, _ map[string]any) { all["type"] = "password" }),
		"no client data": edit(t, good, func(_, r map[string]any) { delete(r, "clientDataJSON") }),
		"short":          edit(t, good, func(_, r map[string]any) { r["authenticatorData"] = "AAAA" })} {
		verify(what, here, 0, answer, passkey.ErrMalformed)
	}
	if _, _, err := passkey.VerifyAssertion(here, challenge, nil, good); !errors.Is(err, passkey.ErrCredential) {
		t.Errorf("a user without passkeys: %v", err)
	}
}

// FuzzVerifyRegistration and FuzzVerifyAssertion: no answer breaks the parsers,
// and none that was changed is taken where something was signed.
func FuzzVerifyRegistration(f *testing.F) {
	good := create(page, virtualwebauthn.AuthenticatorOptions{}, newKey(virtualwebauthn.KeyTypeEC2), challenge)
	var object []byte
	edit(f, good, func(_, r map[string]any) { object = decode(f, r["attestationObject"]) })
	f.Add([]byte(good), object)
	f.Add([]byte("{}"), []byte{0xa1, 0x61, 0x61, 0x01})
	f.Fuzz(func(t *testing.T, whole, object []byte) {
		answers := []string{string(whole), edit(t, good, func(_, r map[string]any) { r["attestationObject"] = base64.RawURLEncoding.EncodeToString(object) })}
		for _, answer := range answers {
			c, err := passkey.VerifyRegistration(here, challenge, []byte(answer))
			if (c == nil) == (err == nil) {
				t.Errorf("%+v, %v", c, err)
			}
			if c != nil && (len(c.ID) == 0 || len(c.ID) > 1023 || len(c.PublicKey) > 1024) {
				t.Errorf("taken: %+v", c)
			}
		}
	})
}

func FuzzVerifyAssertion(f *testing.F) {
	k := newKey(virtualwebauthn.KeyTypeEC2)
	answer := create(page, virtualwebauthn.AuthenticatorOptions{}, k, challenge)
	c, err := passkey.VerifyRegistration(here, challenge, []byte(answer))
	if err != nil {
		f.Fatal(err)
	}
	good := get(page, virtualwebauthn.AuthenticatorOptions{}, k, challenge)
	var data []byte
	edit(f, good, func(_, r map[string]any) { data = decode(f, r["authenticatorData"]) })
	f.Add([]byte(good), data)
	f.Fuzz(func(t *testing.T, whole, d []byte) {
		answers := []string{string(whole), edit(t, good, func(_, r map[string]any) { r["authenticatorData"] = base64.RawURLEncoding.EncodeToString(d) })}
		for i, answer := range answers {
			used, _, err := passkey.VerifyAssertion(here, challenge, []passkey.Credential{*c}, answer)
			if (used == nil) == (err == nil) {
				t.Errorf("%+v, %v", used, err)
			}
			if i == 1 && used != nil && !bytes.Equal(d, data) {
				t.Errorf("other authenticator data was taken: %x", d)
			}
		}
	})
}
