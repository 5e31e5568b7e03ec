package sts

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"gatehouse/internal/api/sts"
	"gatehouse/internal/authz/policy"
)

// Limits of what may be given to a session (IAM user guide, "IAM and AWS STS
// quotas"). All of it is carried in the session token, packed; packedLimit
// bounds its bytes.
const (
	maxPolicy     = 2048
	maxPolicyARNs = 10
	maxTags       = 50
	maxTagKey     = 128
	maxTagValue   = 256
	packedLimit   = 6144
)

// Narrowing is what limits a session below its role: inline session policies
// and managed ones.
type Narrowing struct {
	Policies   []string // JSON
	PolicyARNs []string
}

// given says that there is anything.
func (n Narrowing) given() bool { return len(n.Policies)+len(n.PolicyARNs) > 0 }

// narrowing reads the session policies of a request. What they refer to is
// checked later, by check: only somebody who is allowed the session may learn
// which managed policies exist.
func narrowing(inline *string, arns []sts.PolicyDescriptorType) (n Narrowing, err error) {
	if inline != nil {
		n.Policies = []string{*inline}
		if utf8.RuneCountInString(*inline) > maxPolicy {
			return n, validationError("1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to " + strconv.Itoa(maxPolicy))
		}
	}
	if len(arns) > maxPolicyARNs {
		return n, validationError("1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to " + strconv.Itoa(maxPolicyARNs))
	}
	for _, d := range arns {
		if d.Arn == nil {
			return n, validationError("1 validation error detected: Value null at 'policyArns' failed to satisfy constraint: Member must not be null")
		}
		n.PolicyARNs = append(n.PolicyARNs, *d.Arn)
	}
	return n, nil
}

// check sees that session policies are policies, and that managed ones exist.
func (s *Service) check(ctx context.Context, n Narrowing) error {
	for _, text := range n.Policies {
		if _, err := policy.Parse(text, policy.SessionKind); err != nil {
			return &sts.MalformedPolicyDocumentException{Message: err.Error()}
		}
	}
	for _, arn := range n.PolicyARNs {
		src, err := s.Roles.Managed(ctx, arn)
		if err != nil {
			return err
		}
		if src.Document == nil {
			return invalidParameter("Policy " + arn + " does not exist or is not attachable.")
		}
	}
	return nil
}

// packed is how much of the space for policies and tags is used, in percent;
// nil when neither is given.
func (n Narrowing) packed(tags map[string]string) (*int, error) {
	size := 0
	for _, list := range [][]string{n.Policies, n.PolicyARNs} {
		for _, text := range list {
			size += len(text)
		}
	}
	for k, v := range tags {
		size += len(k) + len(v)
	}
	if size == 0 {
		return nil, nil
	}
	used := (size*100 + packedLimit - 1) / packedLimit
	if used > 100 {
		return nil, &sts.PackedPolicyTooLargeException{Message: "Packed policy consumes " + percent(used) + " of allotted space, please use smaller policy."}
	}
	return new(used), nil
}

// tagMap reads session tags, whose keys are unique ignoring case.
func tagMap(list []sts.Tag) (map[string]string, error) {
	tags, seen := map[string]string{}, map[string]bool{}
	for _, t := range list {
		if k := strings.ToLower(*t.Key); seen[k] {
			return nil, invalidParameter("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		} else if strings.HasPrefix(k, "aws:") {
			return nil, invalidParameter("Tag keys that begin with aws: are reserved.")
		} else {
			seen[k] = true
		}
		tags[*t.Key] = *t.Value
	}
	return tags, nil
}

// putTags adds the condition keys of the tags that a request passes.
func putTags(c policy.Context, list []sts.Tag) {
	for _, t := range list {
		putTag(c, *t.Key, *t.Value)
	}
}

func putTag(c policy.Context, key, value string) {
	c["aws:requesttag/"+strings.ToLower(key)] = []string{value}
	c["aws:tagkeys"] = append(c["aws:tagkeys"], key)
}

// putPrincipalTags adds the condition keys of a session's tags.
func putPrincipalTags(c policy.Context, tags map[string]string) {
	for k, v := range tags {
		c["aws:principaltag/"+strings.ToLower(k)] = []string{v}
	}
}
