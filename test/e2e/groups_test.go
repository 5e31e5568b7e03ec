package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

func (n *tenant) group(name string, precedence *int32, role string) {
	n.Helper()
	in := &idp.CreateGroupInput{UserPoolId: &n.pool, GroupName: &name, Precedence: precedence}
	if role != "" {
		in.RoleArn = &role
	}
	_, err := n.root.IDP.CreateGroup(n.Context(), in)
	n.ok(err)
}

func (n *tenant) join(user string, groups ...string) {
	n.Helper()
	for _, g := range groups {
		_, err := n.root.IDP.AdminAddUserToGroup(n.Context(), &idp.AdminAddUserToGroupInput{UserPoolId: &n.pool, Username: &user, GroupName: &g})
		n.ok(err)
	}
}

// roleARN is an ARN that nobody looks up: a group may name any role.
func roleARN(name string) string { return "arn:aws:iam::000000000000:role/" + name }

// TestGroups_claims: what groups put into tokens (user-pools.md, section 8).
func TestGroups_claims(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.group("admins", aws.Int32(0), roleARN("admin"))
		n.group("users", aws.Int32(1), roleARN("user"))
		n.group("editors", aws.Int32(1), roleARN("editor"))
		n.group("plain", nil, "")
		n.group("again", aws.Int32(5), roleARN("user"))
		for _, c := range []struct {
			user      string
			groups    []string
			want      string // cognito:groups
			roles     string
			preferred any
		}{
			{"nobody", nil, "", "", nil},
			{"plain", []string{"plain"}, "plain", "", nil},
			{"john", []string{"users"}, "users", "user", roleARN("user")},
			{"rose", []string{"users", "admins", "plain"}, "admins users plain", "admin user", roleARN("admin")},
			{"tie", []string{"users", "editors"}, "editors users", "editor user", nil},
			{"same", []string{"users", "again"}, "users again", "user", roleARN("user")},
		} {
			n.user(c.user)
			n.join(c.user, c.groups...)
			out := n.tokens(c.user)
			id, access := claimsOf(e, *out.IdToken), claimsOf(e, *out.AccessToken)
			list := func(v any) string {
				var s []string
				for _, x := range v.([]any) {
					s = append(s, strings.TrimPrefix(x.(string), roleARN("")))
				}
				return strings.Join(s, " ")
			}
			for name, want := range map[string]string{"cognito:groups": c.want, "cognito:roles": c.roles} {
				if want == "" {
					if id[name] != nil {
						e.Errorf("%s: %s is %v, must be absent", c.user, name, id[name])
					}
				} else if got := list(id[name]); got != want {
					e.Errorf("%s: %s is %q, want %q", c.user, name, got, want)
				}
			}
			if c.want != "" && list(access["cognito:groups"]) != c.want || access["cognito:roles"] != nil {
				e.Errorf("%s: access token has %v and %v", c.user, access["cognito:groups"], access["cognito:roles"])
			}
			if id["cognito:preferred_role"] != c.preferred {
				e.Errorf("%s: preferred role %v, want %v", c.user, id["cognito:preferred_role"], c.preferred)
			}
		}
		// Groups are read again at a refresh.
		out := n.tokens("rose")
		_, err := n.root.IDP.AdminRemoveUserFromGroup(n.Context(), &idp.AdminRemoveUserFromGroupInput{UserPoolId: &n.pool, Username: aws.String("rose"), GroupName: aws.String("admins")})
		n.ok(err)
		_, err = n.root.IDP.DeleteGroup(n.Context(), &idp.DeleteGroupInput{UserPoolId: &n.pool, GroupName: aws.String("plain")})
		n.ok(err)
		fresh, err := n.refresh(*out.RefreshToken)
		n.ok(err)
		if got := fmt.Sprint(claimsOf(e, *fresh.AuthenticationResult.IdToken)["cognito:groups"]); got != "[users]" {
			e.Errorf("after the refresh: %s", got)
		}
	})
}

func TestGroups(t *testing.T) {
	each(t, func(e *env) {
		n, other := e.tenant(nil, nil), e.tenant(nil, nil)
		n.group("g", aws.Int32(3), "")
		n.user("jane")
		other.user("eve")
		c := n.root.IDP
		name, none := aws.String("g"), aws.String("none")
		for what, call := range map[string]func() error{
			"ResourceNotFoundException: Group not found.": func() error {
				_, err := c.GetGroup(n.Context(), &idp.GetGroupInput{UserPoolId: &n.pool, GroupName: none})
				return err
			},
			"ResourceNotFoundException: Group not found. ": func() error { // of another pool
				_, err := c.GetGroup(n.Context(), &idp.GetGroupInput{UserPoolId: &other.pool, GroupName: name})
				return err
			},
			"ResourceNotFoundException: Group not found.  ": func() error {
				_, err := c.AdminAddUserToGroup(n.Context(), &idp.AdminAddUserToGroupInput{UserPoolId: &n.pool, GroupName: none, Username: aws.String("jane")})
				return err
			},
			"ResourceNotFoundException: Group not found.   ": func() error {
				_, err := c.DeleteGroup(n.Context(), &idp.DeleteGroupInput{UserPoolId: &n.pool, GroupName: none})
				return err
			},
			"ResourceNotFoundException: Group not found.    ": func() error {
				_, err := c.UpdateGroup(n.Context(), &idp.UpdateGroupInput{UserPoolId: &n.pool, GroupName: none})
				return err
			},
			"UserNotFoundException: User does not exist.": func() error { // a user of another pool
				_, err := c.AdminAddUserToGroup(n.Context(), &idp.AdminAddUserToGroupInput{UserPoolId: &n.pool, GroupName: name, Username: aws.String("eve")})
				return err
			},
			"UserNotFoundException: User does not exist. ": func() error {
				_, err := c.AdminListGroupsForUser(n.Context(), &idp.AdminListGroupsForUserInput{UserPoolId: &n.pool, Username: aws.String("eve")})
				return err
			},
			"GroupExistsException: A group with the name already exists.": func() error {
				_, err := c.CreateGroup(n.Context(), &idp.CreateGroupInput{UserPoolId: &n.pool, GroupName: name})
				return err
			},
			"ResourceNotFoundException: User pool us-east-1_none does not exist.": func() error {
				_, err := c.ListGroups(n.Context(), &idp.ListGroupsInput{UserPoolId: aws.String("us-east-1_none")})
				return err
			},
			"InvalidParameterException: Invalid pagination token": func() error {
				_, err := c.ListGroups(n.Context(), &idp.ListGroupsInput{UserPoolId: &n.pool, NextToken: aws.String("forged")})
				return err
			},
		} {
			code, message, _ := strings.Cut(strings.TrimSpace(what), ": ")
			n.refused(call(), code, message)
		}
		n.join("jane", "g", "g") // twice is no error
		_, err := c.UpdateGroup(n.Context(), &idp.UpdateGroupInput{UserPoolId: &n.pool, GroupName: name, Description: aws.String("d")})
		n.ok(err)
		got, err := c.GetGroup(n.Context(), &idp.GetGroupInput{UserPoolId: &n.pool, GroupName: name})
		n.ok(err)
		if *got.Group.Description != "d" || *got.Group.Precedence != 3 || got.Group.RoleArn != nil {
			n.Errorf("what was not given must stay: %+v", got.Group)
		}
		in, err := c.ListUsersInGroup(n.Context(), &idp.ListUsersInGroupInput{UserPoolId: &n.pool, GroupName: name})
		n.ok(err)
		if len(in.Users) != 1 || *in.Users[0].Username != "jane" || in.NextToken != nil {
			n.Errorf("members: %+v", in.Users)
		}
	})
}

// TestGroups_passRole: who sets a group's role must be allowed to pass it.
func TestGroups_passRole(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.group("g", nil, "")
		c, _ := e.person("half", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cognito-idp:*","Resource":"*"},
			{"Effect":"Allow","Action":"iam:PassRole","Resource":"`+roleARN("mine")+`","Condition":{"StringEquals":{"iam:PassedToService":"cognito-idp.amazonaws.com"}}}]}`)
		set := func(role string) error {
			_, err := c.IDP.UpdateGroup(e.Context(), &idp.UpdateGroupInput{UserPoolId: &n.pool, GroupName: aws.String("g"), RoleArn: aws.String(roleARN(role))})
			return err
		}
		e.ok(set("mine"))
		e.refused(set("admin"), "NotAuthorizedException", "/is not authorized to perform: iam:PassRole on resource: "+roleARN("admin")+"/")
	})
}

// TestGroups_pages: pages neither repeat nor lose anything.
func TestGroups_pages(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("jane")
		var want []string
		for i := range 7 {
			want = append(want, fmt.Sprintf("g%d", i))
			n.group(want[i], nil, "")
			n.join("jane", want[i])
		}
		var got []string
		for token := (*string)(nil); ; {
			out, err := n.root.IDP.ListGroups(n.Context(), &idp.ListGroupsInput{UserPoolId: &n.pool, Limit: aws.Int32(3), NextToken: token})
			n.ok(err)
			got = append(got, groupNames(out.Groups)...)
			if token = out.NextToken; token == nil {
				break
			}
			_, err = n.root.IDP.AdminListGroupsForUser(n.Context(), &idp.AdminListGroupsForUserInput{UserPoolId: &n.pool, Username: aws.String("jane"), NextToken: token})
			n.refused(err, "InvalidParameterException", "Invalid pagination token") // a token of another call
		}
		if !slices.Equal(got, want) {
			n.Errorf("ListGroups gave %v", got)
		}
		got = nil
		for token := (*string)(nil); ; {
			out, err := n.root.IDP.AdminListGroupsForUser(n.Context(), &idp.AdminListGroupsForUserInput{UserPoolId: &n.pool, Username: aws.String("jane"), Limit: aws.Int32(7), NextToken: token})
			n.ok(err)
			got = append(got, groupNames(out.Groups)...)
			if token = out.NextToken; token == nil {
				break
			}
		}
		if !slices.Equal(got, want) {
			n.Errorf("AdminListGroupsForUser gave %v", got)
		}
	})
}

func groupNames(list []types.GroupType) (names []string) {
	for _, g := range list {
		names = append(names, *g.GroupName)
	}
	return names
}
