package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// keySet fetches the pool's public keys.
func (n *tenant) keySet() (*jose.JSONWebKeySet, error) {
	resp, err := n.http.Get(n.server.URL + "/" + n.pool + "/.well-known/jwks.json")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	set := &jose.JSONWebKeySet{}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the key set answers %s", resp.Status)
	}
	return set, json.NewDecoder(resp.Body).Decode(set)
}

// verifies checks a token as an application does, by another library, and
// says which key signed it.
func (n *tenant) verifies(set *jose.JSONWebKeySet, text string) (kid string, err error) {
	parsed, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return "", err
	}
	kid = parsed.Headers[0].KeyID
	keys := set.Key(kid)
	if len(keys) != 1 {
		return kid, fmt.Errorf("kid %s names %d of %d keys", kid, len(keys), len(set.Keys))
	}
	var claims jwt.Claims
	if err := parsed.Claims(keys[0], &claims); err != nil {
		return kid, err
	}
	return kid, claims.ValidateWithLeeway(jwt.Expected{Time: n.server.Now()}, 0)
}

// kids are the names of a key set's keys.
func kids(set *jose.JSONWebKeySet) map[string]bool {
	m := map[string]bool{}
	for _, k := range set.Keys {
		m[k.KeyID] = true
	}
	return m
}

// daily makes a client whose tokens live as long as tokens can.
func (n *tenant) daily() {
	id, _ := n.newClient(func(in *idp.CreateUserPoolClientInput) {
		in.AccessTokenValidity, in.IdTokenValidity = aws.Int32(24), aws.Int32(24)
	})
	n.client = id
}

// TestKeyRotation walks along the schedule of a rotation, with a second one on
// the way: at each step every token that has not expired verifies against the
// published keys, on every node.
func TestKeyRotation(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		n := ns[0]
		n.daily()
		ns[len(ns)-1].client = n.client
		ann := n.user("ann")
		type given struct {
			*types.AuthenticationResultType
			kids [2]string
			ends time.Time
		}
		var all []given
		published := map[string]time.Time{} // when each key was first seen
		lastUse := map[string]time.Time{}   // when the last token of each key ends
		session := n.tokens(ann)

		look := func() *jose.JSONWebKeySet {
			n.Helper()
			var set *jose.JSONWebKeySet
			n.within(time.Second, "", func() (err error) { // the nodes hear of new keys within a second
				if set, err = n.keySet(); err != nil {
					return err
				}
				for _, at := range ns[1:] {
					if other, err := at.keySet(); err != nil {
						return err
					} else if !maps.Equal(kids(other), kids(set)) {
						return fmt.Errorf("the nodes publish %v and %v", kids(set), kids(other))
					}
				}
				return nil
			})
			for kid := range kids(set) {
				if _, ok := published[kid]; !ok {
					published[kid] = n.server.Now()
				}
			}
			return set
		}
		// step signs in at each node and looks at every token there is.
		step := func(what string) {
			n.Helper()
			set := look()
			for i, at := range ns {
				tokens := at.tokens(ann)
				renewed, err := at.refresh(*session.RefreshToken)
				at.ok(err)
				for _, r := range []*types.AuthenticationResultType{tokens, renewed.AuthenticationResult} {
					g := given{AuthenticationResultType: r, ends: at.server.Now().Add(24 * time.Hour)}
					for use, text := range []string{*r.IdToken, *r.AccessToken} {
						if g.kids[use], err = at.verifies(set, text); err != nil {
							at.Errorf("%s: a token that node %d has just given: %v", what, i, err)
						}
						lastUse[g.kids[use]] = g.ends
					}
					all = append(all, g)
				}
			}
			for i, g := range all {
				for _, at := range ns {
					alive := at.server.Now().Add(5 * time.Second).Before(g.ends)
					_, err := at.getUser(*g.AccessToken)
					switch {
					case alive && err != nil:
						at.Errorf("%s: token %d, of %v left: %v", what, i, g.ends.Sub(at.server.Now()), err)
					case at.server.Now().After(g.ends):
						at.refused(err, "NotAuthorizedException", "/^(Access Token has expired|Could not verify signature for Access Token)$/")
					}
					for _, text := range []string{*g.IdToken, *g.AccessToken} {
						if _, err := at.verifies(set, text); alive != (err == nil) && (alive || at.server.Now().After(g.ends)) {
							at.Errorf("%s: token %d, of %v left, verifies: %v", what, i, g.ends.Sub(at.server.Now()), err)
						}
					}
				}
			}
			for kid, ends := range lastUse {
				if n.server.Now().Before(ends) && !kids(set)[kid] {
					n.Errorf("%s: the key %s has left %v before its last token ends", what, kid, ends.Sub(n.server.Now()))
				}
			}
		}
		advance := func(d time.Duration) {
			for _, at := range ns {
				at.server.Advance(d)
			}
		}
		rotate := func(at *tenant) {
			n.Helper()
			before := kids(look())
			at.server.RotateKeys(at.pool)
			at.within(time.Second, "", func() error {
				set, err := at.keySet()
				if err == nil && len(set.Keys) != len(before)+2 {
					err = fmt.Errorf("%d keys, there were %d", len(set.Keys), len(before))
				}
				return err
			})
			after := kids(look())
			for kid := range before {
				if !after[kid] {
					n.Errorf("the key %s went when others came", kid)
				}
			}
		}

		step("before")
		first := slices.Collect(maps.Keys(kids(look())))
		rotate(n)
		step("rotated")
		if len(lastUse) != 2 {
			n.Errorf("a new key signs at once: %d keys have signed", len(lastUse))
		}
		advance(30 * time.Minute)
		step("half an hour later")
		rotate(ns[len(ns)-1]) // again, before the new keys have signed
		advance(29 * time.Minute)
		step("a minute before the new keys sign")
		if len(lastUse) != 2 {
			n.Errorf("a new key signs early: %d keys have signed", len(lastUse))
		}
		advance(2 * time.Minute)
		step("the new keys sign")
		if len(lastUse) != 4 {
			n.Errorf("an hour after the rotation %d keys have signed, want 4", len(lastUse))
		}
		advance(30 * time.Minute)
		step("the keys of the second rotation sign")
		if len(lastUse) != 6 {
			n.Errorf("an hour after the second rotation %d keys have signed, want 6", len(lastUse))
		}
		advance(23*time.Hour + 27*time.Minute)
		step("just before the first keys' last tokens end")
		advance(4 * time.Minute)
		step("just after")
		set := kids(look())
		for _, kid := range first {
			if set[kid] {
				n.Errorf("the key %s is still published %v after its last token ended", kid, n.server.Now().Sub(lastUse[kid]))
			}
		}
		advance(time.Hour)
		step("only the youngest keys are left")
		if len(look().Keys) != 2 {
			n.Errorf("%d keys are published", len(look().Keys))
		}
		rotate(n) // which removes what has retired
		step("the next rotation")
		for kid, signed := range lastUse {
			if since := signed.Add(-24 * time.Hour).Sub(published[kid]); !slices.Contains(first, kid) && since < 59*time.Minute {
				n.Errorf("the key %s signed %v after it was published", kid, since)
			}
		}
	})
}

// TestKeyRotation_underLoad: while keys come, nobody meets a token that does not
// verify.
func TestKeyRotation_underLoad(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		ns[0].daily() // the clock runs while tokens are looked at
		ns[len(ns)-1].client = ns[0].client
		ann := ns[0].user("ann")
		stop := make(chan struct{})
		var all sync.WaitGroup
		for i := range 4 {
			n := ns[i%len(ns)]
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					out, err := n.login(ann, password)
					if err != nil {
						n.Errorf("sign in: %v", err)
						return
					}
					for _, at := range ns {
						set, err := at.keySet()
						if err == nil {
							_, err = at.verifies(set, *out.AuthenticationResult.IdToken)
						}
						if err == nil {
							_, err = at.getUser(*out.AuthenticationResult.AccessToken)
						}
						if err != nil {
							at.Errorf("a token that has just been given: %v", err)
							return
						}
					}
				}
			})
		}
		for i := range 6 {
			ns[i%len(ns)].server.RotateKeys(ns[0].pool)
			time.Sleep(100 * time.Millisecond)
			for _, n := range ns {
				n.server.Advance(25 * time.Minute)
			}
		}
		close(stop)
		all.Wait()
	})
}

// TestKeys_altered: no bit of a token can be another one.
func TestKeys_altered(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		text := *n.tokens("ann").AccessToken
		_, err := n.getUser(text)
		e.ok(err)
		parts := strings.Split(text, ".")
		for part, name := range []string{"header", "payload", "signature"} {
			raw, err := base64.RawURLEncoding.DecodeString(parts[part])
			e.ok(err)
			for bit := part; bit < 8*len(raw); bit += 13 {
				raw[bit/8] ^= 1 << (bit % 8)
				altered := slices.Clone(parts)
				altered[part] = base64.RawURLEncoding.EncodeToString(raw)
				raw[bit/8] ^= 1 << (bit % 8)
				_, err := n.getUser(strings.Join(altered, "."))
				if !e.refused(err, "NotAuthorizedException", "/^(Invalid Access Token|Could not verify signature for Access Token)$/") {
					e.Fatalf("bit %d of the %s is altered", bit, name)
				}
			}
		}
		// 256 bytes leave four bits of the last letter unused: one spelling of them.
		const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		last := strings.IndexByte(letters, text[len(text)-1])
		for i := range letters {
			if i != last {
				_, err := n.getUser(text[:len(text)-1] + letters[i:i+1])
				e.refused(err, "NotAuthorizedException", "Could not verify signature for Access Token")
			}
		}
		_, err = n.getUser(text)
		e.ok(err)
	})
}
