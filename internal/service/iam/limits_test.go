package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/internal/store/storetest"
	. "gatehouse/test/iamtest"
)

// TestLimits_inline: the sum of an entity's inline policies, white space not
// counted (IAM user guide, "IAM and AWS STS quotas").
func TestLimits_inline(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		name := aws.String("it")
		_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: name})
		if err == nil {
			_, err = c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: name})
		}
		if err == nil {
			_, err = c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(anyone)})
		}
		if err != nil {
			t.Fatal(err)
		}
		for kind, put := range map[string]func(policy, document string) error{
			"user": func(p, d string) error {
				_, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: &p, PolicyDocument: &d})
				return err
			},
			"group": func(p, d string) error {
				_, err := c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: name, PolicyName: &p, PolicyDocument: &d})
				return err
			},
			"role": func(p, d string) error {
				_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: &p, PolicyDocument: &d})
				return err
			},
		} {
			most := map[string]int{"user": 2048, "group": 5120, "role": 10240}[kind]
			if err := put("a", *sized(most / 2)); err != nil {
				t.Fatal(kind, err)
			}
			if err := put("b", *sized(most / 2)); err != nil {
				t.Errorf("%s: the limit itself: %v", kind, err)
			}
			Want(t, put("b", *sized(most/2 + 1)), "LimitExceeded", fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s it", most, kind))
			Want(t, put("c", *sized(200)), "LimitExceeded", "")
			if err := put("a", *sized(most/2 - 1)); err != nil { // in place of the old one
				t.Errorf("%s: %v", kind, err)
			}
		}
	})
}

// TestLimits_attached: ten managed policies for each of the three kinds; one that
// is there already counts once.
func TestLimits_attached(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		name := aws.String("it")
		_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: name})
		if err == nil {
			_, err = c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: name})
		}
		if err != nil {
			t.Fatal(err)
		}
		var arns []*string
		for n := range 11 {
			p, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String(fmt.Sprint("p", n)), PolicyDocument: aws.String(Allow("s3:GetObject", "*"))})
			if err != nil {
				t.Fatal(err)
			}
			arns = append(arns, p.Policy.Arn)
		}
		for kind, attach := range map[string]func(arn *string) error{
			"User": func(arn *string) error {
				_, err := c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: name, PolicyArn: arn})
				return err
			},
			"Group": func(arn *string) error {
				_, err := c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: name, PolicyArn: arn})
				return err
			},
		} {
			for _, arn := range arns[:10] {
				if err := attach(arn); err != nil {
					t.Fatal(kind, err)
				}
			}
			if err := attach(arns[0]); err != nil {
				t.Error(kind, err)
			}
			Want(t, attach(arns[10]), "LimitExceeded", "Cannot exceed quota for PoliciesPer"+kind+": 10")
		}
	})
}

// TestLimits_tags: fifty tags on whatever has tags, and the texts' lengths.
func TestLimits_tags(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		name := aws.String("it")
		var fifty []types.Tag
		for n := range 50 {
			fifty = append(fifty, types.Tag{Key: aws.String(fmt.Sprintf("K%02d", n)), Value: aws.String("v")})
		}
		_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: name, Tags: fifty})
		if err == nil {
			_, err = c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(anyone), Tags: fifty})
		}
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: name, PolicyDocument: aws.String(Allow("s3:GetObject", "*")), Tags: fifty})
		if err != nil {
			t.Fatal(err)
		}
		o, err := c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://login.example.com"), Tags: fifty})
		if err != nil {
			t.Fatal(err)
		}
		for what, tag := range map[string]func(key, value string) error{
			"user": func(k, v string) error {
				_, err := c.TagUser(ctx, &iam.TagUserInput{UserName: name, Tags: []types.Tag{{Key: &k, Value: &v}}})
				return err
			},
			"role": func(k, v string) error {
				_, err := c.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: []types.Tag{{Key: &k, Value: &v}}})
				return err
			},
			"policy": func(k, v string) error {
				_, err := c.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: p.Policy.Arn, Tags: []types.Tag{{Key: &k, Value: &v}}})
				return err
			},
			"provider": func(k, v string) error {
				_, err := c.TagOpenIDConnectProvider(ctx, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: o.OpenIDConnectProviderArn, Tags: []types.Tag{{Key: &k, Value: &v}}})
				return err
			},
		} {
			Want(t, tag("more", "v"), "LimitExceeded", "")
			if err := tag("k00", strings.Repeat("v", 256)); err != nil { // K00, whatever its case
				t.Errorf("%s: %v", what, err)
			}
			Want(t, tag("k00", strings.Repeat("v", 257)), "ValidationError", "")
			Want(t, tag(strings.Repeat("k", 129), "v"), "ValidationError", "")
			Want(t, tag("aws:k", "v"), "InvalidInput", "")
			Want(t, tag("k\n", "v"), "ValidationError", "")
		}
		tags, err := c.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: name})
		if err != nil || len(tags.Tags) != 50 || *tags.Tags[0].Key != "k00" {
			t.Errorf("%d tags, %v", len(tags.Tags), err)
		}
	})
}

// TestLimits_names: the lengths and characters of names, paths and durations,
// and what a boundary may be.
func TestLimits_names(t *testing.T) {
	s := Start(t, storetest.SQLite(t), nil)
	c, ctx := s.IAMClient(s.Root), t.Context()
	long := func(n int) *string { return aws.String(strings.Repeat("n", n)) }
	role := func(change func(in *iam.CreateRoleInput)) error {
		in := &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(anyone)}
		change(in)
		_, err := c.CreateRole(ctx, in)
		return err
	}
	user := func(name, path *string) error {
		_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: name, Path: path})
		return err
	}
	document := aws.String(Allow("s3:GetObject", "*"))
	for what, err := range map[string]error{
		"user 65": user(long(65), nil), "user with a blank": user(aws.String("a b"), nil), "path without an end": user(long(1), aws.String("/a")),
		"path 513":        user(long(1), aws.String("/"+strings.Repeat("p", 511)+"/")),
		"role 65":         role(func(in *iam.CreateRoleInput) { in.RoleName = long(65) }),
		"duration 3599":   role(func(in *iam.CreateRoleInput) { in.MaxSessionDuration = aws.Int32(3599) }),
		"duration 43201":  role(func(in *iam.CreateRoleInput) { in.MaxSessionDuration = aws.Int32(43201) }),
		"trust of U+0100": role(func(in *iam.CreateRoleInput) { in.AssumeRolePolicyDocument = aws.String(anyone + "Ā") }),
		"group 129":       func() error { _, err := c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: long(129)}); return err }(),
		"policy 129": func() error {
			_, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: long(129), PolicyDocument: document})
			return err
		}(),
		"inline policy 129": func() error {
			_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("r"), PolicyName: long(129), PolicyDocument: document})
			return err
		}(),
	} {
		t.Run(what, func(t *testing.T) { Want(t, err, "ValidationError", "") })
	}
	for what, err := range map[string]error{
		"user 64": user(long(64), nil), "path 512": user(aws.String("p"), aws.String("/"+strings.Repeat("p", 510)+"/")),
		"role 64":        role(func(in *iam.CreateRoleInput) { in.RoleName = long(64) }),
		"duration 43200": role(func(in *iam.CreateRoleInput) { in.MaxSessionDuration = aws.Int32(43200) }),
		"group 128":      func() error { _, err := c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: long(128)}); return err }(),
		"policy 128": func() error {
			_, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: long(128), PolicyDocument: document})
			return err
		}(),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	boundary := func(arn string) error {
		_, err := c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: aws.String("r"), PermissionsBoundary: &arn})
		return err
	}
	absent := "arn:aws:iam::123456789012:policy/absent"
	Want(t, boundary(absent), "NoSuchEntity", "Policy "+absent+" does not exist or is not attachable.")
	Want(t, boundary("arn:aws:iam::aws:policy/AmazonEC2FullAccess"), "NoSuchEntity", "Policy arn:aws:iam::aws:policy/AmazonEC2FullAccess does not exist or is not attachable.")
	Want(t, boundary("arn:aws:iam::123456789012:role/rrrrrrrrrrr"), "InvalidInput", "")
	if err := boundary("arn:aws:iam::aws:policy/AdministratorAccess"); err != nil {
		t.Error(err)
	}
	_, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("r")}) // a boundary holds nothing back
	if err != nil {
		t.Error(err)
	}
}
