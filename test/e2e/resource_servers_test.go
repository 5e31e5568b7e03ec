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

// aRefusal is a call that must be refused, and how.
type aRefusal struct {
	what       string
	err        error
	code, want string
}

func (e *env) allRefused(list ...aRefusal) {
	e.Helper()
	for _, r := range list {
		if !e.refused(r.err, r.code, r.want) {
			e.Logf("that was: %s", r.what)
		}
	}
}

func scopes(names ...string) (list []types.ResourceServerScopeType) {
	for _, n := range names {
		list = append(list, types.ResourceServerScopeType{ScopeName: aws.String(n), ScopeDescription: aws.String("may " + n)})
	}
	return list
}

func (n *tenant) resourceServer(identifier string, names ...string) error {
	_, err := n.root.IDP.CreateResourceServer(n.Context(), &idp.CreateResourceServerInput{UserPoolId: &n.pool, Identifier: &identifier, Name: aws.String("api"), Scopes: scopes(names...)})
	return err
}

func scopeNames(list []types.ResourceServerScopeType) (names []string) {
	for _, s := range list {
		names = append(names, *s.ScopeName+"="+*s.ScopeDescription)
	}
	return names
}

func TestResourceServers(t *testing.T) {
	each(t, func(e *env) {
		n, other := e.tenant(nil, nil), e.tenant(nil, nil)
		const id = "https://api.example.com/v1"
		created, err := e.root.IDP.CreateResourceServer(e.Context(), &idp.CreateResourceServerInput{UserPoolId: &n.pool, Identifier: aws.String(id), Name: aws.String("My API"), Scopes: scopes("read", "write")})
		e.ok(err)
		described, err := e.root.IDP.DescribeResourceServer(e.Context(), &idp.DescribeResourceServerInput{UserPoolId: &n.pool, Identifier: aws.String(id)})
		e.ok(err)
		for _, r := range []*types.ResourceServerType{created.ResourceServer, described.ResourceServer} {
			if *r.UserPoolId != n.pool || *r.Identifier != id || *r.Name != "My API" || !slices.Equal(scopeNames(r.Scopes), []string{"read=may read", "write=may write"}) {
				e.Errorf("the resource server is %+v", r)
			}
		}
		e.ok(other.resourceServer(id)) // a name is one pool's

		updated, err := e.root.IDP.UpdateResourceServer(e.Context(), &idp.UpdateResourceServerInput{UserPoolId: &n.pool, Identifier: aws.String(id), Name: aws.String("Other")})
		e.ok(err)
		if r := updated.ResourceServer; *r.Name != "Other" || len(r.Scopes) != 0 {
			e.Errorf("an update without scopes leaves %+v", r)
		}

		missing := "Resource server nothing does not exist."
		noPool := "User pool us-east-1_000000000 does not exist."
		_, describe := e.root.IDP.DescribeResourceServer(e.Context(), &idp.DescribeResourceServerInput{UserPoolId: &n.pool, Identifier: aws.String("nothing")})
		_, update := e.root.IDP.UpdateResourceServer(e.Context(), &idp.UpdateResourceServerInput{UserPoolId: &n.pool, Identifier: aws.String("nothing"), Name: aws.String("x")})
		_, remove := e.root.IDP.DeleteResourceServer(e.Context(), &idp.DeleteResourceServerInput{UserPoolId: &n.pool, Identifier: aws.String("nothing")})
		_, badPool := e.root.IDP.CreateResourceServer(e.Context(), &idp.CreateResourceServerInput{UserPoolId: aws.String("us-east-1_000000000"), Identifier: aws.String("x"), Name: aws.String("x")})
		_, badList := e.root.IDP.ListResourceServers(e.Context(), &idp.ListResourceServersInput{UserPoolId: aws.String("us-east-1_000000000")})
		_, badName := e.root.IDP.CreateResourceServer(e.Context(), &idp.CreateResourceServerInput{UserPoolId: &n.pool, Identifier: aws.String("x"), Name: aws.String("<x>")})
		e.allRefused(
			aRefusal{"describe", describe, "ResourceNotFoundException", missing},
			aRefusal{"update", update, "ResourceNotFoundException", missing},
			aRefusal{"delete", remove, "ResourceNotFoundException", missing},
			aRefusal{"another pool", badPool, "ResourceNotFoundException", noPool},
			aRefusal{"list of another pool", badList, "ResourceNotFoundException", noPool},
			aRefusal{"a name with a bracket", badName, "InvalidParameterException", "/at 'name' failed to satisfy constraint/"},
			aRefusal{"the same again", n.resourceServer(id), "InvalidParameterException", id + " already exists in user pool " + n.pool + "."},
			aRefusal{"a blank", n.resourceServer("a b"), "InvalidParameterException", "/at 'identifier' failed/"},
			aRefusal{"a slash in a scope", n.resourceServer("x", "a/b"), "InvalidParameterException", "/at 'scopes.1.member.scopeName' failed/"},
			aRefusal{"a scope twice", n.resourceServer("x", "a", "b", "a"), "InvalidParameterException", "Scope a is given more than once."},
			aRefusal{"101 scopes", n.resourceServer("x", manyNames(101)...), "InvalidParameterException", "/at 'scopes' failed/"},
		)
		_, err = e.root.IDP.DeleteResourceServer(e.Context(), &idp.DeleteResourceServerInput{UserPoolId: &n.pool, Identifier: aws.String(id)})
		e.ok(err)
		if _, err := e.root.IDP.DescribeResourceServer(e.Context(), &idp.DescribeResourceServerInput{UserPoolId: &other.pool, Identifier: aws.String(id)}); err != nil {
			e.Errorf("another pool's went as well: %v", err)
		}
		e.ok(n.resourceServer("x", manyNames(100)...))
	})
}

func manyNames(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("s%03d", i))
	}
	return list
}

// TestResourceServers_pages: 25 fit, pages lose none, a token stays with its
// listing.
func TestResourceServers_pages(t *testing.T) {
	each(t, func(e *env) {
		n, other := e.tenant(nil, nil), e.tenant(nil, nil)
		for i := range 25 {
			e.ok(n.resourceServer(fmt.Sprintf("api-%02d", i)))
		}
		e.refused(n.resourceServer("one-more"), "LimitExceededException", "A user pool can have at most 25 resource servers.")
		e.refused(n.resourceServer("api-07"), "InvalidParameterException", "/already exists/")
		var got []string
		var token *string
		for pages := 0; ; pages++ {
			out, err := e.root.IDP.ListResourceServers(e.Context(), &idp.ListResourceServersInput{UserPoolId: &n.pool, MaxResults: aws.Int32(10), NextToken: token})
			e.ok(err)
			for _, r := range out.ResourceServers {
				got = append(got, *r.Identifier)
			}
			if token = out.NextToken; token == nil || pages > 3 {
				break
			}
			for what, in := range map[string]*idp.ListResourceServersInput{
				"another pool":    {UserPoolId: &other.pool, NextToken: token},
				"a changed token": {UserPoolId: &n.pool, NextToken: aws.String(*token + "x")},
			} {
				_, err := e.root.IDP.ListResourceServers(e.Context(), in)
				if !e.refused(err, "InvalidParameterException", "Invalid pagination token") {
					e.Log(what)
				}
			}
			_, err = e.root.IDP.ListIdentityProviders(e.Context(), &idp.ListIdentityProvidersInput{UserPoolId: &n.pool, NextToken: token})
			e.refused(err, "InvalidParameterException", "Invalid pagination token")
		}
		if len(got) != 25 || !slices.IsSorted(got) || len(slices.Compact(got)) != 25 {
			e.Errorf("listed %v", got)
		}
		if out, err := e.root.IDP.ListResourceServers(e.Context(), &idp.ListResourceServersInput{UserPoolId: &other.pool}); err != nil || len(out.ResourceServers) != 0 {
			e.Errorf("an empty pool lists %v, %v", out, err)
		}
	})
}

// TestClientReferences: a client's scopes and providers are those of its pool.
func TestClientReferences(t *testing.T) {
	each(t, func(e *env) {
		n, other := e.tenant(nil, nil), e.tenant(nil, nil)
		e.ok(n.resourceServer("https://api/v1", "read"))
		e.ok(other.resourceServer("elsewhere", "read"))
		e.ok(n.oidc("Corp", nil))
		e.ok(other.oidc("Elsewhere", nil))
		create := func(scopes, providers []string) (string, error) {
			out, err := e.root.IDP.CreateUserPoolClient(e.Context(), &idp.CreateUserPoolClientInput{UserPoolId: &n.pool, ClientName: aws.String("c"),
				AllowedOAuthScopes: scopes, SupportedIdentityProviders: providers})
			if err != nil {
				return "", err
			}
			return *out.UserPoolClient.ClientId, nil
		}
		update := func(id string, scopes, providers []string) error {
			_, err := e.root.IDP.UpdateUserPoolClient(e.Context(), &idp.UpdateUserPoolClientInput{UserPoolId: &n.pool, ClientId: &id,
				AllowedOAuthScopes: scopes, SupportedIdentityProviders: providers})
			return err
		}
		good := []string{"openid", "email", "phone", "profile", "aws.cognito.signin.user.admin", "https://api/v1/read"}
		id, err := create(good, []string{"COGNITO", "Corp"})
		e.ok(err)
		for _, bad := range []string{"nothing", "https://api/v1/write", "https://api/read", "read", "https://api/v1/", "/read", "elsewhere/read", "OpenID"} {
			_, err := create([]string{"openid", bad}, nil)
			e.refused(err, "ScopeDoesNotExistException", "Invalid scope requested: "+bad)
			e.refused(update(id, []string{bad}, nil), "ScopeDoesNotExistException", "Invalid scope requested: "+bad)
		}
		for _, bad := range []string{"Nobody", "corp", "Elsewhere", "Google"} {
			want := "The provider " + bad + " does not exist for User Pool " + n.pool + "."
			_, err := create(nil, []string{"COGNITO", bad})
			e.refused(err, "InvalidParameterException", want)
			e.refused(update(id, nil, []string{bad}), "InvalidParameterException", want)
		}
		out, err := e.root.IDP.DescribeUserPoolClient(e.Context(), &idp.DescribeUserPoolClientInput{UserPoolId: &n.pool, ClientId: &id})
		e.ok(err)
		if c := out.UserPoolClient; !slices.Equal(c.AllowedOAuthScopes, good) || strings.Join(c.SupportedIdentityProviders, " ") != "COGNITO Corp" {
			e.Errorf("refused updates left %+v", c)
		}
		// What a client names may go; the client keeps the name, and cannot be
		// given it again.
		_, err = e.root.IDP.UpdateResourceServer(e.Context(), &idp.UpdateResourceServerInput{UserPoolId: &n.pool, Identifier: aws.String("https://api/v1"), Name: aws.String("x")})
		e.ok(err)
		_, err = e.root.IDP.DeleteIdentityProvider(e.Context(), &idp.DeleteIdentityProviderInput{UserPoolId: &n.pool, ProviderName: aws.String("Corp")})
		e.ok(err)
		e.refused(update(id, good, nil), "ScopeDoesNotExistException", "Invalid scope requested: https://api/v1/read")
		e.refused(update(id, nil, []string{"Corp"}), "InvalidParameterException", "/The provider Corp does not exist/")
	})
}
