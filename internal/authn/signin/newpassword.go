package signin

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

var errTemporaryExpired = notAuthorized("Temporary password has expired and must be reset by an administrator.")

// temporaryExpired reports whether a temporary password is too old.
func (e *Engine) temporaryExpired(pr *proof) bool {
	days := *pr.pool.PasswordPolicy().TemporaryPasswordValidityDays
	return e.Now().Sub(pr.user.PasswordAt) >= time.Duration(days)*24*time.Hour
}

// askNewPassword answers a right temporary password with NEW_PASSWORD_REQUIRED.
// The secret block of an SRP handshake is spent here, because its answer was
// right and must not be right twice.
func (e *Engine) askNewPassword(ctx context.Context, pr *proof) (*Step, error) {
	if e.temporaryExpired(pr) {
		return nil, errTemporaryExpired
	}
	if pr.spend != nil {
		if err := e.DB.Write(ctx, pr.spend); err != nil {
			return nil, spentOr(err)
		}
	}
	text, err := e.sealSession(pr.client, pr.user, cognitoidp.ChallengeNameTypeNewPasswordRequired)
	if err != nil {
		return nil, err
	}
	missing := []string{}
	for _, name := range pr.pool.Schema.Missing(pr.user.Attributes) {
		missing = append(missing, "userAttributes."+name)
	}
	have := map[string]string{}
	for _, a := range pr.user.Attributes {
		if pr.client.CanRead(a.Name) {
			have[a.Name] = a.Value
		}
	}
	requiredText, err := json.Marshal(missing)
	if err != nil {
		return nil, err
	}
	attributesText, err := json.Marshal(have)
	if err != nil {
		return nil, err
	}
	return &Step{Challenge: cognitoidp.ChallengeNameTypeNewPasswordRequired, Session: text, Parameters: map[string]string{
		"USER_ID_FOR_SRP": pr.user.Username, "requiredAttributes": string(requiredText), "userAttributes": string(attributesText)}}, nil
}

// newPassword takes the answer to NEW_PASSWORD_REQUIRED: the password and the
// attributes that were missing.
func (e *Engine) newPassword(ctx context.Context, r *Reply) (*Step, error) {
	typed, err := required(r.Responses, "USERNAME")
	if err != nil {
		return nil, err
	}
	text, err := required(r.Responses, "NEW_PASSWORD")
	if err != nil {
		return nil, err
	}
	s, err := e.openSession(r.Client, r.Session, r.Challenge)
	if err != nil {
		return nil, err
	}
	var u, named *store.User
	err = e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if u, err = store.UserBySub(tx, r.Pool.ID, s.Sub); err != nil {
			return err
		}
		named, err = r.Pool.FindUser(tx, typed)
		return err
	})
	if err != nil {
		return nil, notFoundIsSession(err)
	}
	if named.Sub != u.Sub || u.PasswordAt.UnixMicro() != s.PasswordAt || u.Status != string(cognitoidp.UserStatusTypeForceChangePassword) {
		return nil, errSession
	}
	if err := r.Client.CheckSecretHash(string(r.Responses["SECRET_HASH"]), true, typed, u.Username); err != nil {
		return nil, err
	}
	changes, err := e.givenAttributes(r, u)
	if err != nil {
		return nil, err
	}
	record, err := e.NewPassword(ctx, r.Pool, u, text)
	if err != nil {
		return nil, err
	}
	pr := &proof{pool: r.Pool, client: r.Client, user: u, spend: s.spend(r.Client)}
	if e.temporaryExpired(pr) {
		return nil, errTemporaryExpired
	}
	pr.change = func(tx *store.Tx, u *store.User) error {
		if err := SetPassword(tx, pr.pool, u, record); err != nil {
			return err
		}
		u.Status = string(cognitoidp.UserStatusTypeConfirmed)
		for _, a := range changes {
			u.SetAttribute(a.Name, a.Value)
		}
		return nil
	}
	return e.finish(ctx, pr)
}

// givenAttributes reads userAttributes.<name> responses: what the client may
// write and the user does not have yet, and all that is required.
func (e *Engine) givenAttributes(r *Reply, u *store.User) ([]store.Attribute, error) {
	var list []store.Attribute
	for key, value := range r.Responses {
		name, ok := strings.CutPrefix(key, "userAttributes.")
		if !ok {
			continue
		}
		if old, has := u.Attribute(name); has {
			if old != string(value) {
				return nil, notAuthorized("Cannot modify an already provided " + name)
			}
			continue
		}
		list = append(list, store.Attribute{Name: name, Value: string(value)})
	}
	slices.SortFunc(list, func(a, b store.Attribute) int { return strings.Compare(a.Name, b.Name) })
	if err := r.Client.CheckWrite(list); err != nil {
		return nil, err
	}
	if err := r.Pool.Schema.CheckValues(list); err != nil {
		return nil, err
	}
	for _, name := range r.Pool.Schema.Missing(append(slices.Clone(u.Attributes), list...)) {
		return nil, invalid("Invalid attributes given, " + name + " is missing")
	}
	return list, nil
}

func notFoundIsSession(err error) error {
	if notFoundIsPassword(err) == errPassword {
		return errSession
	}
	return err
}
