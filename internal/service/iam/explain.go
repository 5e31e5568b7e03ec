package iam

import (
	"context"
	"errors"
	"strings"

	"gatehouse/internal/api/iam"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// PrincipalByARN is who calls with an ARN: the root user, a user, a role or a
// role's session, and the condition keys that are the entity's own. It is for
// explanations; whoever calls proves it with a key.
func (s *Service) PrincipalByARN(ctx context.Context, arn string) (policy.Principal, policy.Context, error) {
	p := policy.Principal{Type: policy.Account, Account: s.Account, ARN: arn, ID: s.Account}
	if arn == s.rootARN() {
		return p, nil, nil
	}
	keys := policy.Context{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		var e *store.IAMEntity
		var err error
		session, isSession := strings.CutPrefix(arn, "arn:aws:sts::"+s.Account+":assumed-role/")
		role, session, _ := strings.Cut(session, "/")
		if isSession {
			e, err = store.IAMEntityByName(tx, store.IAMRole, role)
		} else {
			e, err = s.entityByARN(tx, arn)
		}
		if errors.Is(err, store.ErrNotFound) || err == nil && e.Kind == store.IAMGroup {
			return &iam.NoSuchEntityException{Message: "The entity with ARN " + arn + " cannot be found."}
		}
		if err != nil {
			return err
		}
		p.Type, p.ID, p.UniqueID = policy.User, e.ID, e.ID
		if e.Kind == store.IAMRole {
			p.Type, p.RoleARN, p.ID = policy.AssumedRole, s.arn(e), e.ID+":"+session
		} else {
			keys["aws:username"] = []string{e.Name}
		}
		for _, t := range e.Tags {
			keys["aws:principaltag/"+strings.ToLower(t.Key)] = []string{t.Value}
		}
		return nil
	})
	return p, keys, err
}
