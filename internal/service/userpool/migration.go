package userpool

import (
	"context"
	"errors"
	"maps"
	"slices"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// Adopt makes a user of somebody whom the pool's UserMigration function knows
// (triggers.md, section 5). A CONFIRMED user keeps the password that was typed,
// whatever the policy says; any other must set one. It is signin.Adopter.
func (s *Service) Adopt(ctx context.Context, p *pool.Pool, typed, password string, m *trigger.Migrated) (*store.User, error) {
	given := make([]store.Attribute, 0, len(m.Attributes))
	for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
		given = append(given, store.Attribute{Name: name, Value: m.Attributes[name]})
	}
	u, err := newUser(p, typed, given)
	if err != nil {
		return nil, badMigration(err)
	}
	u.Status = string(cognitoidp.UserStatusTypeResetRequired)
	if m.FinalUserStatus == string(cognitoidp.UserStatusTypeConfirmed) && password != "" {
		u.Status = string(cognitoidp.UserStatusTypeConfirmed)
		if u.Password, err = s.SignIn.PasswordRecord(ctx, p, u, password); err != nil {
			return nil, err
		}
	}
	var made *store.User
	if err := s.DB.Write(ctx, func(tx *store.Tx) (err error) {
		if m.ForceAliasCreation {
			if err := s.takeAliases(tx, p, u); err != nil {
				return err
			}
		}
		if err := insertUser(tx, p, u); err != nil {
			return err
		}
		if m.EnableSMSMFA {
			if err := store.PutFactors(tx, &store.Factors{PoolID: p.ID, Sub: u.Sub, SMS: true}); err != nil {
				return err
			}
		}
		made, err = store.UserBySub(tx, p.ID, u.Sub) // as later requests read it
		return err
	}); err != nil {
		return nil, badMigration(err)
	}
	s.counts.changed()
	return made, nil
}

// badMigration words what is wrong with a user that a function described: the
// sign-in that called it lists none of these errors.
func badMigration(err error) error {
	var values *cognitoidp.InvalidParameterException
	var alias *cognitoidp.AliasExistsException
	switch {
	case errors.As(err, &values):
		return &cognitoidp.InvalidLambdaResponseException{Message: "Invalid lambda function output : " + values.Message}
	case errors.As(err, &alias):
		return &cognitoidp.InvalidLambdaResponseException{Message: "Invalid lambda function output : " + alias.Message}
	}
	return err
}
