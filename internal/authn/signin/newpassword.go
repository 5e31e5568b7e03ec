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
func (e *Engine) askNewPassword(ctx context.Context, pr *proof) (*Step, error) {
	if e.temporaryExpired(pr) {
		return nil, errTemporaryExpired
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
	return e.ask(ctx, pr, cognitoidp.ChallengeNameTypeNewPasswordRequired, map[string]string{
		"USER_ID_FOR_SRP": pr.user.Username, "requiredAttributes": string(requiredText), "userAttributes": string(attributesText)})
}

// newPassword takes the answer to NEW_PASSWORD_REQUIRED: the password and the
// attributes that were missing.
func (e *Engine) newPassword(ctx context.Context, r *Reply) (*Step, error) {
	text, err := required(r.Responses, "NEW_PASSWORD")
	if err != nil {
		return nil, err
	}
	pr, _, err := e.resume(ctx, r, r.Challenge)
	if err != nil {
		return nil, err
	}
	u := pr.user
	if u.Status != string(cognitoidp.UserStatusTypeForceChangePassword) {
		return nil, errSession
	}
	changes, err := e.givenAttributes(r, u)
	if err != nil {
		return nil, err
	}
	record, err := e.NewPassword(ctx, r.Pool, u, text)
	if err != nil {
		return nil, err
	}
	if block, _, err := e.Risk.PasswordLeaked(ctx, r.Pool, r.Client, cognitoidp.EventFilterTypePasswordChange, text); err != nil {
		return nil, err
	} else if block {
		return nil, ErrLeaked
	}
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
	pr.Replaced = true
	return e.proceed(ctx, pr)
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
