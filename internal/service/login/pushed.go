package login

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"gatehouse/internal/authn/dpop"
	"gatehouse/internal/authn/pool"
)

// Pushed authorization requests (RFC 9126) are ours: Cognito has none. What a
// client pushes is sealed into the request_uri that it gets back; nothing is
// kept. The address that the browser sees then says neither what was asked for
// nor lets it be changed.

const (
	pushedPrefix  = "urn:ietf:params:oauth:request_uri:"
	pushedPurpose = "pushed authorization request"
	// PushedLife is how long a browser may take to come with a request_uri.
	PushedLife = 60 * time.Second
	// pushedSeen is how long the pages that the browser was sent to with it may
	// take: as long as a browser's login.
	pushedSeen = time.Hour

	codeInvalidRequestURI = "invalid_request_uri"
)

// pushed is what a request_uri carries.
type pushed struct {
	Values   url.Values `json:"v"`
	IssuedAt int64      `json:"t"` // seconds
}

// Push judges an authorization request that a client sends by itself, and gives
// the request_uri that stands for it for PushedLife. Its error is a *Refusal
// with nowhere to go, unless the server itself is at fault.
func (s *Service) Push(ctx context.Context, p *pool.Pool, f *Form) (string, error) {
	proof, err := ParseProof(f.Authorization, f.Values)
	if err != nil {
		return "", err
	}
	c, err := s.prove(ctx, p, proof)
	if err != nil {
		return "", err
	}
	if f.Values.Has("request_uri") {
		return "", refuse(codeInvalidRequest, "A pushed request has no request_uri.")
	}
	if len(f.Values.Encode()) > maxQuery/2 { // sealed, it must fit into a URL
		return "", refuse(codeInvalidRequest, "The parameters are too long.")
	}
	v := url.Values{}
	for _, name := range append([]string{"redirect_uri"}, parameters...) {
		if all, ok := f.Values[name]; ok {
			v[name] = all
		}
	}
	v.Set("client_id", c.ID)
	// A proof is not spent here: what is pushed with somebody else's binds a code to
	// somebody else's key.
	shown, err := s.proof(&dpop.Request{Method: "POST", URLs: f.URLs}, f.Proofs)
	if err != nil {
		return "", err
	}
	if key := keyOf(shown); key != "" { // as if it were asked for (RFC 9449, section 10.1)
		if v.Has("dpop_jkt") && v.Get("dpop_jkt") != key {
			return "", refuse(codeInvalidProof, "The DPoP proof is of another key than dpop_jkt.")
		}
		v["dpop_jkt"] = append(v["dpop_jkt"][:0], key)
	}
	if _, err := s.judge(ctx, p, v); err != nil {
		return "", withoutRedirect(err)
	}
	b, err := json.Marshal(pushed{v, s.Now().Unix()})
	if err != nil {
		return "", err
	}
	return pushedPrefix + s.Ring.SealToken(pushedPurpose, of(p, c.ID), b), nil
}

// of is whose a sealed text is: a client's of a pool.
func of(p *pool.Pool, clientID string) string { return p.ID + " " + clientID }

// withoutRedirect is a refusal that is told to the client itself.
func withoutRedirect(err error) error {
	if r, ok := err.(*Refusal); ok {
		return refuse(r.Code, r.Description)
	}
	return err
}

// isPushed reports whether a request refers to one that was pushed. Any other
// request_uri is an address, and none is ever fetched.
func isPushed(q url.Values) bool {
	return slices.ContainsFunc(q["request_uri"], func(uri string) bool { return strings.HasPrefix(uri, pushedPrefix) })
}

// pushedOf are the parameters of a request that was pushed at most age ago, by
// the client that the request names. Nothing else of the request counts (RFC
// 9126, section 4). What is wrong with it is shown on a page: nobody has said
// yet where the client is.
func (s *Service) pushedOf(p *pool.Pool, q url.Values, age time.Duration) (url.Values, error) {
	id, wrong := single(q, "client_id")
	if wrong == "" && len(q["request_uri"]) > 1 {
		wrong = "The parameter request_uri is given more than once."
	}
	if wrong != "" {
		return nil, refuse(codeInvalidRequest, wrong)
	}
	if id == "" {
		return nil, refuse(codeMissing, "Required String parameter 'client_id' is not present")
	}
	b, err := s.Ring.OpenToken(pushedPurpose, of(p, id), strings.TrimPrefix(q.Get("request_uri"), pushedPrefix))
	if err != nil {
		return nil, refuse(codeInvalidRequestURI, "The request_uri is not one of this client's.")
	}
	var r pushed
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, err
	}
	if s.Now().Sub(time.Unix(r.IssuedAt, 0)) >= age {
		return nil, refuse(codeInvalidRequestURI, "The request_uri has expired.")
	}
	return r.Values, nil
}
