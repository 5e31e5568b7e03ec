package s3

import (
	"context"
	"strings"

	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// permissions are those of the operations by their actions, in lower case: what
// an ACL gives depends on the action.
var permissions = func() map[string]permission {
	m := map[string]permission{}
	for _, op := range operations {
		for _, p := range op.needs {
			if key := strings.ToLower(p.action); m[key].action == "" {
				m[key] = p
			}
		}
	}
	return m
}()

// Speak adds to a check what a bucket says about it, as a request would find it:
// its policy, the ACLs, Block Public Access. It is for explanations; a bucket or
// object that is not there says nothing, and a note tells so.
func (s *Service) Speak(ctx context.Context, who *policy.Principal, check *access.Check) error {
	note := func(text string) { check.Notes = append(check.Notes, text) }
	_, action, _ := strings.Cut(strings.ToLower(check.Action), ":")
	p, known := permissions[action]
	if !known {
		note("no operation here asks for " + check.Action)
	}
	rest, ok := strings.CutPrefix(check.Resource, bucketARN(""))
	name, key, isObject := strings.Cut(rest, "/")
	if !ok || name == "" || strings.ContainsAny(name, "*?") {
		return nil
	}
	b, err := s.bucket(ctx, name)
	if err != nil {
		return err
	}
	if b == nil {
		note("there is no bucket " + name)
		return nil
	}
	var object *store.Object
	switch {
	case b.upstream != nil && isObject:
		note("the objects of bucket " + name + " live in another store: whether there is one of the key, and its tags, is not known here")
	case isObject && !strings.ContainsAny(key, "*?"):
		if object, err = s.object(ctx, name, key, ""); err != nil {
			return err
		}
		if object == nil || object.Marker {
			note("there is no object " + key + " in the bucket")
			object = nil
		}
	}
	if check.Context == nil {
		check.Context = policy.Context{}
	}
	for _, k := range []string{"s3:resourceaccount", "aws:resourceaccount"} {
		check.Context[k] = []string{s.account}
	}
	if object != nil {
		for _, t := range object.Attributes.Tags {
			check.Context["s3:existingobjecttag/"+strings.ToLower(t.Key)] = []string{t.Value}
		}
	}
	b.speak(check, p, who, object)
	switch {
	case b.enforced() && (b.acl.public() || object != nil && objectACL(object).public()):
		note("ACLs are off (BucketOwnerEnforced): the public grants of the bucket or object count for nothing")
	case b.publicAccess.IgnorePublicAcls && (b.acl.public() || object != nil && objectACL(object).public()):
		note("IgnorePublicAcls is on: the public grants of the bucket or object count for nothing")
	}
	return nil
}
