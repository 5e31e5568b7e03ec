package iam

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"gatehouse/internal/api/iam"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// Sizes of policies in characters, white space not counted (IAM user guide,
// "IAM and AWS STS quotas").
const (
	maxTrust   = 2048
	maxManaged = 6144
)

// maxInline is the sum of an entity's inline policies.
var maxInline = map[string]int{store.IAMUser: 2048, store.IAMRole: 10240, store.IAMGroup: 5120}

// parse reads a policy or answers MalformedPolicyDocument.
func parse(text string, kind policy.Kind) (*policy.Document, error) {
	d, err := policy.Parse(text, kind)
	if err != nil {
		return nil, &iam.MalformedPolicyDocumentException{Message: err.Error()}
	}
	return d, nil
}

// checkTrust checks a trust policy's form and size, before a transaction.
func checkTrust(text string) (*policy.Document, error) {
	if policy.CountCharacters(text) > maxTrust {
		return nil, limitExceeded("Cannot exceed quota for ACLSizePerRole: " + strconv.Itoa(maxTrust))
	}
	return parse(text, policy.TrustKind)
}

// checkManaged checks a managed policy's form and size.
func checkManaged(text string) error {
	if policy.CountCharacters(text) > maxManaged {
		return limitExceeded("Cannot exceed quota for PolicySize: " + strconv.Itoa(maxManaged))
	}
	_, err := parse(text, policy.IdentityKind)
	return err
}

// bind finds the unique ids of the users and roles that a trust policy names.
// One that does not exist makes the policy invalid.
func (s *Service) bind(tx *store.Tx, d *policy.Document) (map[string]string, error) {
	ids := map[string]string{}
	for _, arn := range d.EntityARNs() {
		e, err := s.entityByARN(tx, arn)
		if errors.Is(err, store.ErrNotFound) {
			return nil, &iam.MalformedPolicyDocumentException{Message: `Invalid principal in policy: "AWS":"` + arn + `"`}
		}
		if err != nil {
			return nil, err
		}
		ids[arn] = e.ID
	}
	return ids, nil
}

// entityByARN is the user, role or group of an ARN, path included, or
// store.ErrNotFound.
func (s *Service) entityByARN(tx *store.Tx, arn string) (*store.IAMEntity, error) {
	rest, ours := strings.CutPrefix(arn, "arn:aws:iam::"+s.Account+":")
	kind, path, found := strings.Cut(rest, "/")
	if !ours || !found || titles[kind] == "" {
		return nil, store.ErrNotFound
	}
	e, err := store.IAMEntityByName(tx, kind, path[strings.LastIndexByte(path, '/')+1:])
	if err == nil && s.arn(e) != arn {
		return nil, store.ErrNotFound
	}
	return e, err
}

// EntityIDs finds the unique ids of users and roles by their ARNs, so that a
// resource's policy can be bound to them (policy.Document.BindPrincipals). Those
// that do not exist are missing from the answer.
func (s *Service) EntityIDs(ctx context.Context, arns []string) (map[string]string, error) {
	var ids map[string]string
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		ids = map[string]string{}
		for _, arn := range arns {
			e, err := s.entityByARN(tx, arn)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			ids[arn] = e.ID
		}
		return nil
	})
	return ids, err
}

// encoded is a policy as answers carry it: URL-encoded (RFC 3986, so that a
// blank is %20).
func encoded(document string) *string {
	return new(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}
