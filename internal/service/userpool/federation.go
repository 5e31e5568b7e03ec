package userpool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/outbound/oidc"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// What follows is what the pages of a pool's domain need of its identity
// providers; login.Providers is the interface.

// party is a provider as one where people sign in, or nil for a type that
// nobody can sign in with yet.
func (p *provider) party() *oidc.Party {
	d := p.Secret.Details
	o := &oidc.Party{Name: p.Name, Issuer: d["oidc_issuer"], ClientID: d["client_id"], Secret: d["client_secret"], Scopes: d["authorize_scopes"],
		AuthorizeURL: d["authorize_url"], TokenURL: d["token_url"], KeysURL: d["jwks_uri"], UserInfoURL: d["attributes_url"], UserInfoMethod: d["attributes_request_method"]}
	if o.UserInfoURL != "" && d["attributes_url_add_attributes"] == "true" {
		o.UserInfoURL += strings.Join(p.claims(), ",")
	}
	switch p.Type {
	case cognitoidp.IdentityProviderTypeTypeOidc:
		return o
	case cognitoidp.IdentityProviderTypeTypeFacebook, cognitoidp.IdentityProviderTypeTypeLoginWithAmazon:
		o.Profile = true
		return o
	case cognitoidp.IdentityProviderTypeTypeGoogle:
		// The ID token has name, e-mail and picture; Google's other interface for
		// people is not asked.
		o.Alias, o.NoUserInfo = "accounts.google.com", true
		return o
	case cognitoidp.IdentityProviderTypeTypeSignInWithApple:
		o.SecretKey = &oidc.SecretKey{TeamID: d["team_id"], KeyID: d["key_id"], PrivateKey: d["private_key"]}
		o.NoUserInfo, o.FormPost = true, true
		return o
	}
	return nil
}

// claims are the names of the provider's claims that are mapped.
func (p *provider) claims() (list []string) {
	for _, claim := range p.AttributeMapping {
		list = append(list, claim)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Party is an identity provider of a pool by name; nil when there is none, or
// none that people can sign in with.
func (s *Service) Party(ctx context.Context, in *pool.Pool, name string) (*oidc.Party, error) {
	p, err := s.provider(ctx, in.ID, name)
	var missing *cognitoidp.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return p.party(), nil
}

// ProviderOf is the name of the provider that has an identifier, or "".
func (s *Service) ProviderOf(ctx context.Context, in *pool.Pool, identifier string) (name string, err error) {
	r, err := s.record(ctx, in.ID, kindIdentifier, identifier, errNoIdentifier)
	if err == errNoIdentifier {
		return "", nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(r.Body), &name)
	}
	return name, err
}

// freeName refuses names for a new user that are those of people who sign in by
// a provider of the pool: whoever came first would keep the other out.
func (s *Service) freeName(ctx context.Context, in *pool.Pool, name string) error {
	if !strings.Contains(name, "_") || in.UsesAttributesAsNames() {
		return nil
	}
	var list []*store.PoolRecord
	if err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = store.PoolRecords(tx, in.ID, kindProvider, "", maxProviders)
		return err
	}); err != nil {
		return err
	}
	for _, r := range list {
		if strings.HasPrefix(in.Fold(name), in.Fold(r.ID+"_")) {
			return invalid("Username " + name + " begins like those of the identity provider " + r.ID + ".")
		}
	}
	return nil
}

var errNoIdentifier = errors.New("no provider has the identifier")

// nameForm are the characters of a user name (the model's UsernameType).
var nameForm = regexp.MustCompile(`^[\p{L}\p{M}\p{S}\p{N}\p{P}]+$`)

// maxClaim bounds a mapped value, in characters (federation.md, section 1).
const maxClaim = 2048

// mapped are the attributes that claims give, by the provider's mapping. A claim
// that is not there, or empty, gives none.
func (p *provider) mapped(claims map[string]any) ([]store.Attribute, error) {
	var list []store.Attribute
	for attribute, claim := range p.AttributeMapping {
		if attribute == "username" {
			continue
		}
		value := claimText(claims[claim])
		if value == "" {
			continue
		}
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return nil, unfit("Invalid user attributes: " + attribute + ": The value is no text ")
		}
		if utf8.RuneCountInString(value) > maxClaim {
			return nil, unfit("Invalid user attributes: " + attribute + ": The value is longer than 2048 characters ")
		}
		list = append(list, store.Attribute{Name: attribute, Value: value})
	}
	slices.SortFunc(list, func(a, b store.Attribute) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// claimText is a claim as the text of an attribute: several values are a list in
// brackets, each encoded (federation.md, section 5.1).
func claimText(claim any) string {
	switch v := claim.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		var list []string
		for _, one := range v {
			list = append(list, url.QueryEscape(claimText(one)))
		}
		return "[" + strings.Join(list, ",") + "]"
	case map[string]any:
		if formatted, ok := v["formatted"].(string); ok { // the claim address of OpenID Connect
			return formatted
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(claim) != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}

// Federate signs in the user of an identity that a provider has vouched for, and
// makes that user the first time (federation.md, sections 2 and 5).
func (s *Service) Federate(ctx context.Context, in *pool.Pool, c *pool.Client, name string, claims map[string]any) (*signin.Login, error) {
	p, err := s.provider(ctx, in.ID, name)
	if err != nil {
		return nil, err
	}
	a := &arrival{pool: in, client: c, provider: p, subject: claimText(claims[p.AttributeMapping["username"]])}
	if a.subject == "" {
		return nil, unfit("Invalid user attributes: username: The attribute is required ")
	}
	if !nameForm.MatchString(a.subject) {
		return nil, unfit("Invalid user attributes: username: The value has blanks or control characters ")
	}
	if a.attributes, err = p.mapped(claims); err != nil {
		return nil, err
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	known, err := a.before(ctx, s)
	if err != nil {
		return nil, err
	}
	call := trigger.Call{Pool: in, ClientID: c.ID, User: known}
	if known == nil {
		if a.made, err = a.profile(); err != nil {
			return nil, err
		}
		call.User = a.made
		decision, err := s.Triggers.PreSignUp(ctx, &call, "PreSignUp_ExternalProvider", nil)
		if err != nil {
			return nil, err
		}
		decision.AutoConfirm = false // there is nothing to confirm
		if err := decide(a.made, decision); err != nil {
			return nil, err
		}
	} else if err := s.Triggers.PreAuthentication(ctx, &call, nil); err != nil {
		return nil, err
	}
	var login *signin.Login
	first := false
	seen := s.Risk.Unjudged(in, risk.Public(ctx, c, nil))
	write := func(tx *store.Tx) (err error) {
		var u *store.User
		if u, first, err = a.settle(tx, s); err != nil {
			return err
		}
		if login, err = signin.Federated(tx, u, name, uuid.NewString()); err != nil {
			return err
		}
		call.User = u
		return s.recordEvent(tx, u, seen, cognitoidp.EventTypeSignIn, cognitoidp.EventResponseTypePass)
	}
	err = s.DB.Write(ctx, write)
	if errors.Is(err, store.ErrConflict) {
		err = s.DB.Write(ctx, write) // another browser has just made the user
	}
	if errors.Is(err, store.ErrConflict) && a.made != nil {
		err = a.found()
	}
	if err != nil {
		return nil, err
	}
	if first {
		s.counts.changed()
		return login, s.Triggers.PostConfirmation(ctx, &call, "PostConfirmation_ConfirmSignUp")
	}
	return login, s.Triggers.PostAuthentication(ctx, &call, false)
}

// unfit is of somebody whom the pool cannot take as the provider describes them.
func unfit(text string) error { return &oidc.Fault{Code: "server_error", Text: text} }

// arrival is somebody who comes back from a provider.
type arrival struct {
	pool       *pool.Pool
	client     *pool.Client
	provider   *provider
	subject    string
	attributes []store.Attribute
	made       *store.User // the profile to be made; nil for one that is known
}

// check refuses attributes that the pool or the client cannot take.
func (a *arrival) check() error {
	for _, v := range a.attributes {
		if v.Name != "email_verified" && v.Name != "phone_number_verified" && !a.client.CanWrite(v.Name) {
			return &oidc.Fault{Code: "invalid_request", Text: "user." + v.Name + ": Attribute cannot be updated."}
		}
	}
	return a.pool.Schema.CheckValues(a.attributes)
}

// before is the user who has the identity already, or nil.
func (a *arrival) before(ctx context.Context, s *Service) (u *store.User, err error) {
	err = s.DB.Read(ctx, func(tx *store.Tx) error {
		u, err = a.holder(tx)
		return err
	})
	return u, err
}

// holder is the user to whom the identity is linked, or nil.
func (a *arrival) holder(tx *store.Tx) (*store.User, error) {
	l, err := store.UserIdentity(tx, a.pool.ID, a.provider.Name, subjectAttribute, a.subject)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return userBySub(tx, a.pool, l.Sub)
}

// profile is the user to be made of the identity.
func (a *arrival) profile() (*store.User, error) {
	const longest = 128 // characters of a user name
	u := &store.User{PoolID: a.pool.ID, Sub: uuid.NewString(), Username: federatedName(a.pool, a.provider.Name, a.subject), Enabled: true,
		Status: string(cognitoidp.UserStatusTypeExternalProvider), Attributes: []store.Attribute{}}
	if utf8.RuneCountInString(u.Username) > longest {
		return nil, unfit("1 validation error detected: Value '" + u.Username + "' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 128")
	}
	u.UsernameKey = a.pool.Fold(u.Username)
	a.write(u)
	if missing := a.pool.Schema.Missing(u.Attributes); len(missing) > 0 {
		return nil, unfit("Invalid user attributes: " + missing[0] + ": The attribute is required ")
	}
	return u, nil
}

// write puts the attributes into a user. An address that the provider does not
// call verified is not, once it is another.
func (a *arrival) write(u *store.User) {
	for _, v := range a.attributes {
		old, had := u.Attribute(v.Name)
		u.SetAttribute(v.Name, v.Value)
		if (v.Name == "email" || v.Name == "phone_number") && (!had || old != v.Value) {
			u.SetAttribute(v.Name+"_verified", "false")
		}
	}
	for _, v := range a.attributes { // the provider's word counts
		if strings.HasSuffix(v.Name, "_verified") {
			u.SetAttribute(v.Name, v.Value)
		}
	}
}

// found is of an identity whose name somebody has, or that was linked meanwhile.
func (a *arrival) found() error {
	return &oidc.Fault{Code: "invalid_request", Text: "Already found an entry for username " + a.made.Username}
}

// settle makes the user of the identity, or brings the one that there is up to
// date. Two browsers may come at once: one of them makes the user.
func (a *arrival) settle(tx *store.Tx, s *Service) (u *store.User, first bool, err error) {
	if u, err = a.holder(tx); err != nil {
		return nil, false, err
	}
	if u == nil && a.made == nil {
		return nil, false, errUserNotFound // unlinked, or deleted, a moment ago
	}
	if u == nil {
		return a.join(tx, s)
	}
	if a.made != nil && u.UsernameKey != a.made.UsernameKey {
		// The PreSignUp function has linked the identity meanwhile.
		return nil, false, a.found()
	}
	var fixed *cognitoidp.InvalidParameterException
	if errors.As(a.pool.Schema.CheckMutable(u, a.attributes), &fixed) {
		return nil, false, &oidc.Fault{Code: "invalid_request", Text: strings.TrimSpace(fixed.Message)}
	}
	if err := s.changeUser(tx, a.pool, u, func(u *store.User) error { a.write(u); return nil }); err != nil {
		return nil, false, err
	}
	u, err = store.UserBySub(tx, a.pool.ID, u.Sub)
	return u, false, err
}

// join writes a new profile, its identity and its group.
func (a *arrival) join(tx *store.Tx, s *Service) (*store.User, bool, error) {
	u := *a.made
	if err := insertUser(tx, a.pool, &u); err != nil {
		return nil, false, err // ErrConflict where somebody has the name
	}
	if err := store.LinkUserIdentity(tx, &store.LinkedIdentity{PoolID: a.pool.ID, Provider: a.provider.Name, Attribute: subjectAttribute, Value: a.subject,
		Sub: u.Sub, CreatedAt: tx.Now}); err != nil {
		return nil, false, err
	}
	group := a.pool.ID + "_" + a.provider.Name
	_, err := store.GroupByName(tx, a.pool.ID, group)
	if errors.Is(err, store.ErrNotFound) {
		err = store.InsertGroup(tx, &store.Group{PoolID: a.pool.ID, Name: group, Description: "Autogenerated group for users who sign in using " + a.provider.Name,
			CreatedAt: tx.Now, UpdatedAt: tx.Now})
	}
	if err != nil {
		return nil, false, err
	}
	if err := store.AddToGroup(tx, a.pool.ID, group, u.Sub); err != nil {
		return nil, false, err
	}
	if err := s.showIdentities(tx, a.pool, &u, nil); err != nil {
		return nil, false, err
	}
	made, err := store.UserBySub(tx, a.pool.ID, u.Sub)
	return made, true, err
}
