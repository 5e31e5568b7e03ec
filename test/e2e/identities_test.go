package e2e_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// providersOf is the providers of an identity's logins.
func (e *env) providersOf(identity string) ([]string, error) {
	out, err := e.root.Identity.DescribeIdentity(e.Context(), &cognitoidentity.DescribeIdentityInput{IdentityId: &identity})
	if err != nil {
		return nil, err
	}
	if out.CreationDate == nil || out.LastModifiedDate == nil || *out.IdentityId != identity {
		e.Errorf("DescribeIdentity answered %+v", out)
	}
	return out.Logins, nil
}

// identityIDs lists a pool's identities page by page.
func (f *federation) identityIDs(page int32, hideDisabled bool) (ids []string) {
	f.Helper()
	in := &cognitoidentity.ListIdentitiesInput{IdentityPoolId: &f.id, MaxResults: &page, HideDisabled: hideDisabled}
	for {
		out, err := f.root.Identity.ListIdentities(f.Context(), in)
		f.ok(err)
		if len(out.Identities) > int(page) {
			f.Errorf("a page of %d has %d", page, len(out.Identities))
		}
		for _, i := range out.Identities {
			ids = append(ids, *i.IdentityId)
		}
		if out.NextToken == nil {
			return ids
		}
		in.NextToken = out.NextToken
	}
}

// TestIdentities: what administrators see of identities, and their end.
func TestIdentities(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		f := n.federation("List", func(in *cognitoidentity.CreateIdentityPoolInput) { in.AllowUnauthenticatedIdentities = true })
		logins := f.logins(*n.tokens("ann").IdToken)
		ann, err := f.getID(logins)
		e.ok(err)
		var all []string
		for range 4 {
			id, err := f.getID(nil)
			e.ok(err)
			all = append(all, id)
		}
		_, err = f.credentials(all[0], logins) // merged into ann
		e.ok(err)
		merged := all[0]
		all = append(all, ann)
		slices.Sort(all)
		if got := f.identityIDs(2, false); !slices.Equal(got, all) {
			e.Errorf("the list is %v, want %v", got, all)
		}
		if got := f.identityIDs(60, true); len(got) != 4 || slices.Contains(got, merged) {
			e.Errorf("without the disabled the list is %v", got)
		}
		if got, err := e.providersOf(ann); err != nil || len(got) != 1 || got[0] != f.provider() {
			e.Errorf("ann's logins are %v, %v", got, err)
		}
		if got, err := e.providersOf(all[slices.IndexFunc(all, func(id string) bool { return id != ann && id != merged })]); err != nil || len(got) != 0 {
			e.Errorf("a guest's logins are %v, %v", got, err)
		}
		missing := e.server.Region + ":00000000-0000-0000-0000-000000000000"
		_, err = e.providersOf(missing)
		e.refused(err, "ResourceNotFoundException", "Identity '"+missing+"' not found.")
		_, err = e.root.Identity.ListIdentities(e.Context(), &cognitoidentity.ListIdentitiesInput{IdentityPoolId: &f.id, MaxResults: aws.Int32(1), NextToken: aws.String("x")})
		e.refused(err, "InvalidParameterException", "Invalid NextToken")
		_, err = e.root.Identity.ListIdentities(e.Context(), &cognitoidentity.ListIdentitiesInput{IdentityPoolId: &missing, MaxResults: aws.Int32(1)})
		e.refused(err, "ResourceNotFoundException", "")

		out, err := e.root.Identity.DeleteIdentities(e.Context(), &cognitoidentity.DeleteIdentitiesInput{IdentityIdsToDelete: []string{ann, merged, missing}})
		e.ok(err)
		if len(out.UnprocessedIdentityIds) != 0 {
			e.Errorf("not deleted: %+v", out.UnprocessedIdentityIds)
		}
		_, err = f.credentials(ann, logins)
		e.refused(err, "ResourceNotFoundException", "Identity '"+ann+"' not found.")
		if id, err := f.getID(logins); err != nil || id == ann {
			e.Errorf("after the deletion ann is %s, was %s (%v)", id, ann, err)
		}
	})
}

// TestUnlinkIdentity: a login is taken away by whom it belongs to.
func TestUnlinkIdentity(t *testing.T) {
	each(t, func(e *env) {
		n, m := e.tenant(nil, nil), e.tenant(nil, nil)
		for _, name := range []string{"ann", "bob"} {
			n.user(name)
			m.user(name)
		}
		f := n.federation("Unlink", func(in *cognitoidentity.CreateIdentityPoolInput) {
			in.AllowUnauthenticatedIdentities = true
			in.CognitoIdentityProviders = append(in.CognitoIdentityProviders, identitytypes.CognitoIdentityProvider{ProviderName: aws.String(m.provider()), ClientId: &m.client})
		})
		first, second := *n.tokens("ann").IdToken, *m.tokens("ann").IdToken
		both := map[string]string{n.provider(): first, m.provider(): second}
		ann, err := f.getID(both)
		e.ok(err)
		unlink := func(logins map[string]string, remove ...string) error {
			_, err := e.anyone.Identity.UnlinkIdentity(e.Context(), &cognitoidentity.UnlinkIdentityInput{IdentityId: &ann, Logins: logins, LoginsToRemove: remove})
			return err
		}
		const dontMatch = "Logins don't match. Please include at least one valid login for this identity or identity pool."
		e.refused(unlink(map[string]string{}, n.provider()), "InvalidParameterException", "")
		e.refused(unlink(n.logins(alter(first)), n.provider()), "NotAuthorizedException", "Invalid login token. Couldn't verify signed token.")
		e.refused(unlink(n.logins(*n.tokens("bob").IdToken), n.provider()), "NotAuthorizedException", dontMatch)
		e.refused(unlink(map[string]string{n.provider(): first, m.provider(): *m.tokens("bob").IdToken}, n.provider()), "NotAuthorizedException", dontMatch)
		e.refused(unlink(both, "accounts.google.com"), "InvalidParameterException", "")
		if got, err := e.providersOf(ann); err != nil || len(got) != 2 {
			e.Errorf("after the refusals ann's logins are %v, %v", got, err)
		}

		e.ok(unlink(n.logins(first), m.provider()))
		_, err = f.credentials(ann, m.logins(second))
		e.refused(err, "NotAuthorizedException", dontMatch)
		if id, err := f.getID(m.logins(second)); err != nil || id == ann {
			e.Errorf("the login that was taken away finds %s (%v)", id, err)
		}
		_, err = f.credentials(ann, n.logins(first))
		e.ok(err)
		e.ok(unlink(n.logins(first), n.provider()))
		for _, logins := range []map[string]string{nil, n.logins(first)} { // it is nobody's, and no guest's
			_, err = f.credentials(ann, logins)
			e.refused(err, "NotAuthorizedException", "Access to Identity '"+ann+"' is forbidden.")
		}
		e.refused(unlink(n.logins(first), n.provider()), "NotAuthorizedException", "Access to Identity '"+ann+"' is forbidden.")
	})
}

// openIDClaims are the claims of an identity pool's token, verified as a
// stranger would: by discovery.
func (e *env) openIDClaims(token string) (map[string]any, error) {
	var doc struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	e.ok(json.Unmarshal(e.get(e.server.URL+"/.well-known/openid-configuration").body, &doc))
	if doc.Issuer != e.server.URL {
		e.Errorf("the issuer is %s", doc.Issuer)
	}
	var set jose.JSONWebKeySet
	e.ok(json.Unmarshal(e.get(doc.Keys).body, &set))
	for _, k := range set.Keys {
		if !k.IsPublic() || k.Use != "sig" {
			e.Errorf("the key set has %+v", k)
		}
	}
	t, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS512})
	e.ok(err)
	var c map[string]any
	if err := t.Claims(set, &c); err != nil {
		return nil, err
	}
	if c["iss"] != doc.Issuer {
		e.Errorf("the token's issuer is %v", c["iss"])
	}
	return c, nil
}

// TestDeveloperIdentities: users whom the developer's own servers know.
func TestDeveloperIdentities(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		n.user("bob")
		const dev = "login.example"
		f := n.federation("Developer", func(in *cognitoidentity.CreateIdentityPoolInput) {
			in.AllowUnauthenticatedIdentities, in.DeveloperProviderName = true, aws.String(dev)
		})
		_, err := e.root.IAM.AttachRolePolicy(e.Context(), &iam.AttachRolePolicyInput{RoleName: &f.role, PolicyArn: aws.String(s3FullAccess)})
		e.ok(err)
		get := func(identity, user string, change func(*cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput)) (string, string, error) {
			in := &cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput{IdentityPoolId: &f.id, Logins: map[string]string{dev: user}}
			if identity != "" {
				in.IdentityId = &identity
			}
			if change != nil {
				change(in)
			}
			out, err := e.root.Identity.GetOpenIdTokenForDeveloperIdentity(e.Context(), in)
			if err != nil {
				return "", "", err
			}
			return *out.IdentityId, *out.Token, nil
		}
		const invalid, unauthorized, notFound, conflict = "InvalidParameterException", "NotAuthorizedException", "ResourceNotFoundException", "ResourceConflictException"
		_, _, err = get("", "u1", func(in *cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput) {
			in.Logins = map[string]string{"other": "u1"}
		})
		e.refused(err, invalid, "")
		_, _, err = get("", strings.Repeat("u", 1025), nil)
		e.refused(err, invalid, "")
		_, _, err = get("", "u1", func(in *cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput) { in.Logins[n.provider()] = "abc" })
		e.refused(err, unauthorized, "Invalid login token. Not a valid OpenId Connect identity token.")
		_, _, err = get("", "u1", func(in *cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput) { in.TokenDuration = aws.Int64(86401) })
		e.refused(err, invalid, "")
		_, _, err = get("", "u1", func(in *cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput) {
			in.PrincipalTags = map[string]string{"aws:x": "1"}
		})
		e.refused(err, invalid, "")
		_, err = f.getID(map[string]string{dev: "u1"}) // anybody could say so
		e.refused(err, unauthorized, "")

		u1, token, err := get("", "u1", nil)
		e.ok(err)
		if again, _, err := get("", "u1", nil); err != nil || again != u1 {
			e.Errorf("u1 is %s, then %s (%v)", u1, again, err)
		}
		claims, err := e.openIDClaims(token)
		e.ok(err)
		if claims["sub"] != u1 || claims["aud"] != f.id || claims["exp"].(float64)-claims["iat"].(float64) != 900 {
			e.Errorf("the claims are %v", claims)
		}
		if amr, _ := json.Marshal(claims["amr"]); string(amr) != `["authenticated","`+dev+`","`+dev+":"+f.id+`:u1"]` {
			e.Errorf("amr is %s", amr)
		}
		if _, err := e.openIDClaims(alter(token)); err == nil {
			e.Error("an altered token verifies")
		}

		// The token is for credentials alone, and for this identity alone.
		u2, second, err := get("", "u2", nil)
		e.ok(err)
		cognito := func(token string) map[string]string {
			return map[string]string{"cognito-identity.amazonaws.com": token}
		}
		_, err = f.getID(cognito(token))
		e.refused(err, unauthorized, "Invalid login token. Can't pass in a Cognito token.")
		_, err = f.getID(cognito(*n.tokens("ann").IdToken))
		e.refused(err, unauthorized, "Invalid login token. Not a Cognito token.")
		for name, c := range map[string]struct{ token, message string }{
			"a user pool's":      {*n.tokens("ann").IdToken, "Invalid login token. Not a Cognito token."},
			"altered":            {alter(token), "Invalid login token. Not a Cognito token."},
			"unsigned":           {unsigned(token), "Invalid login token. Not a Cognito token."},
			"another identity's": {second, "Logins don't match. Please include at least one valid login for this identity or identity pool."},
		} {
			_, err = f.credentials(u1, cognito(c.token))
			if !e.refused(err, unauthorized, c.message) {
				e.Log(name)
			}
		}
		guest, err := f.getID(nil)
		e.ok(err)
		guests, err := e.anyone.Identity.GetOpenIdToken(e.Context(), &cognitoidentity.GetOpenIdTokenInput{IdentityId: &guest})
		e.ok(err)
		_, err = f.credentials(guest, cognito(*guests.Token)) // a guest's token is nobody's login
		e.refused(err, unauthorized, "")
		c, err := f.credentialsAs(u1, cognito(token), "")
		e.ok(err)
		_, err = c.S3.ListBuckets(e.Context(), &s3.ListBucketsInput{})
		e.ok(err)
		assumed, err := e.anyone.STS.AssumeRoleWithWebIdentity(e.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &f.roleARN, RoleSessionName: aws.String("u1"), WebIdentityToken: &token})
		e.ok(err)
		if *assumed.SubjectFromWebIdentityToken != u1 {
			e.Errorf("the subject is %s", *assumed.SubjectFromWebIdentityToken)
		}

		// Linking: to a guest, to a user of the pool, and never to another's.
		linked, _, err := get(guest, "u3", nil)
		e.ok(err)
		if linked != guest {
			e.Errorf("the guest %s became %s", guest, linked)
		}
		_, _, err = get(u2, "u1", nil)
		e.refused(err, "DeveloperUserAlreadyRegisteredException", "")
		_, _, err = get(u2, "u4", nil)
		e.refused(err, unauthorized, "Logins don't match. Please include at least one valid login for this identity or identity pool.")
		ann, err := f.getID(n.logins(*n.tokens("ann").IdToken))
		e.ok(err)
		if id, _, err := get(ann, "u4", func(in *cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput) {
			in.Logins[n.provider()] = *n.tokens("ann").IdToken
		}); err != nil || id != ann {
			e.Errorf("u4 is %s, not %s (%v)", id, ann, err)
		}
		if got, err := e.providersOf(ann); err != nil || !slices.Equal(got, []string{n.provider(), dev}) {
			e.Errorf("ann's logins are %v, %v", got, err)
		}

		lookup := func(identity, user string) (*cognitoidentity.LookupDeveloperIdentityOutput, error) {
			in := &cognitoidentity.LookupDeveloperIdentityInput{IdentityPoolId: &f.id}
			if identity != "" {
				in.IdentityId = &identity
			}
			if user != "" {
				in.DeveloperUserIdentifier = &user
			}
			return e.root.Identity.LookupDeveloperIdentity(e.Context(), in)
		}
		_, err = lookup("", "")
		e.refused(err, invalid, "")
		_, err = lookup("", "u9")
		e.refused(err, notFound, "")
		_, err = lookup(e.server.Region+":00000000-0000-0000-0000-000000000000", "")
		e.refused(err, notFound, "")
		_, err = lookup(u1, "u2")
		e.refused(err, conflict, "")
		for _, by := range [][2]string{{ann, ""}, {"", "u4"}, {ann, "u4"}} {
			out, err := lookup(by[0], by[1])
			if err != nil || *out.IdentityId != ann || !slices.Equal(out.DeveloperUserIdentifierList, []string{"u4"}) {
				e.Errorf("the look-up by %v finds %+v, %v", by, out, err)
			}
		}

		merge := func(provider, source, destination string) (string, error) {
			out, err := e.root.Identity.MergeDeveloperIdentities(e.Context(), &cognitoidentity.MergeDeveloperIdentitiesInput{IdentityPoolId: &f.id,
				DeveloperProviderName: &provider, SourceUserIdentifier: &source, DestinationUserIdentifier: &destination})
			if err != nil {
				return "", err
			}
			return *out.IdentityId, nil
		}
		_, err = merge("other", "u1", "u2")
		e.refused(err, invalid, "")
		_, err = merge(dev, "u9", "u2")
		e.refused(err, notFound, "")
		bob, _, err := get("", "u5", func(in *cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput) {
			in.Logins[n.provider()] = *n.tokens("bob").IdToken
		})
		e.ok(err)
		_, err = merge(dev, "u4", "u5") // ann and bob are two users of one pool
		e.refused(err, conflict, "")
		if id, err := merge(dev, "u1", "u5"); err != nil || id != bob {
			e.Errorf("the merged identity is %s, not %s (%v)", id, bob, err)
		}
		_, err = f.credentials(u1, cognito(token))
		e.refused(err, unauthorized, "Access to Identity '"+u1+"' is forbidden.")
		out, err := lookup(bob, "")
		if err != nil || !slices.Equal(out.DeveloperUserIdentifierList, []string{"u1", "u5"}) {
			e.Errorf("bob's developer users are %+v, %v", out, err)
		}
		page, err := e.root.Identity.LookupDeveloperIdentity(e.Context(), &cognitoidentity.LookupDeveloperIdentityInput{IdentityPoolId: &f.id, IdentityId: &bob, MaxResults: aws.Int32(1)})
		e.ok(err)
		page, err = e.root.Identity.LookupDeveloperIdentity(e.Context(), &cognitoidentity.LookupDeveloperIdentityInput{IdentityPoolId: &f.id, IdentityId: &bob, MaxResults: aws.Int32(1), NextToken: page.NextToken})
		if err != nil || !slices.Equal(page.DeveloperUserIdentifierList, []string{"u5"}) || page.NextToken != nil {
			e.Errorf("the second page is %+v, %v", page, err)
		}

		unlink := func(identity, provider, user string) error {
			_, err := e.root.Identity.UnlinkDeveloperIdentity(e.Context(), &cognitoidentity.UnlinkDeveloperIdentityInput{IdentityPoolId: &f.id, IdentityId: &identity,
				DeveloperProviderName: &provider, DeveloperUserIdentifier: &user})
			return err
		}
		e.refused(unlink(u2, "other", "u2"), invalid, "")
		e.refused(unlink(u2, dev, "u1"), notFound, "")
		_, old, err := get("", "u5", nil)
		e.ok(err)
		e.ok(unlink(bob, dev, "u5"))
		_, err = f.credentials(bob, cognito(old)) // the token outlives the login by nothing
		e.refused(err, unauthorized, "")
		if id, _, err := get("", "u5", nil); err != nil || id == bob {
			e.Errorf("u5 is %s again (%v)", id, err)
		}
		e.ok(unlink(u2, dev, "u2"))
		_, err = f.credentials(u2, nil)
		e.refused(err, unauthorized, "Access to Identity '"+u2+"' is forbidden.")

		// Expiry, and the tags that the developer passes.
		u6, short, err := get("", "u6", func(in *cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput) {
			in.TokenDuration, in.PrincipalTags = aws.Int64(60), map[string]string{"team": "red"}
		})
		e.ok(err)
		_, err = f.credentials(u6, cognito(short))
		e.refused(err, "InvalidIdentityPoolConfigurationException", "") // no sts:TagSession
		_, err = e.root.IAM.UpdateAssumeRolePolicy(e.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: &f.role, PolicyDocument: aws.String(tagTrust(f.id, `"aws:RequestTag/team":"red",`))})
		e.ok(err)
		_, err = f.credentials(u6, cognito(short))
		e.ok(err)
		e.server.Advance(time.Minute)
		_, err = f.credentials(u6, cognito(short))
		e.refused(err, unauthorized, `/^Invalid login token\. Token expired: [0-9]+ >= [0-9]+$/`)

		_, err = e.root.Identity.UpdateIdentityPool(e.Context(), &cognitoidentity.UpdateIdentityPoolInput{IdentityPoolId: &f.id, IdentityPoolName: aws.String("Developer"),
			DeveloperProviderName: aws.String("other"), CognitoIdentityProviders: f.providers(false)})
		e.refused(err, invalid, "")
		_, err = e.root.Identity.CreateIdentityPool(e.Context(), &cognitoidentity.CreateIdentityPoolInput{IdentityPoolName: aws.String("x"), DeveloperProviderName: aws.String("accounts.google.com"),
			SupportedLoginProviders: map[string]string{"accounts.google.com": "x"}})
		e.refused(err, invalid, "")
	})
}

// TestIdentityPoolTags: tags, and policies that go by them.
func TestIdentityPoolTags(t *testing.T) {
	each(t, func(e *env) {
		f := e.tenant(nil, nil).federation("Tagged", func(in *cognitoidentity.CreateIdentityPoolInput) {
			in.IdentityPoolTags = map[string]string{"stage": "test"}
		})
		arn := "arn:aws:cognito-identity:" + e.server.Region + ":" + e.server.Account + ":identitypool/" + f.id
		ann, _ := e.person("ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cognito-identity:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/stage":"test"}}},`+
			`{"Effect":"Deny","Action":"cognito-identity:TagResource","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/stage":"live"}}},`+
			`{"Effect":"Deny","Action":"cognito-identity:UntagResource","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":"stage"}}}]}`)
		tag := func(arn string, tags map[string]string) error {
			_, err := ann.Identity.TagResource(e.Context(), &cognitoidentity.TagResourceInput{ResourceArn: &arn, Tags: tags})
			return err
		}
		untag := func(keys ...string) error {
			_, err := ann.Identity.UntagResource(e.Context(), &cognitoidentity.UntagResourceInput{ResourceArn: &arn, TagKeys: keys})
			return err
		}
		e.refused(tag(arn, map[string]string{"stage": "live"}), "AccessDeniedException", "")
		e.refused(untag("stage"), "AccessDeniedException", "")
		e.refused(tag(arn+"0", map[string]string{"a": "b"}), "AccessDeniedException", "")
		root := func(arn string, tags map[string]string) error {
			_, err := e.root.Identity.TagResource(e.Context(), &cognitoidentity.TagResourceInput{ResourceArn: &arn, Tags: tags})
			return err
		}
		many := map[string]string{}
		for len(many) < 50 {
			many[strings.Repeat("k", len(many)+1)] = "v"
		}
		e.refused(root(arn+"0", map[string]string{"a": "b"}), "ResourceNotFoundException", "")
		e.refused(root(strings.Replace(arn, e.server.Account, "111122223333", 1), map[string]string{"a": "b"}), "InvalidParameterException", "")
		e.refused(root(arn, map[string]string{"aws:a": "b"}), "InvalidParameterException", "")
		e.refused(root(arn, many), "InvalidParameterException", "An identity pool can have at most 50 tags.")

		e.ok(tag(arn, map[string]string{"owner": "ann", "empty": ""}))
		e.ok(untag("empty", "none"))
		out, err := ann.Identity.ListTagsForResource(e.Context(), &cognitoidentity.ListTagsForResourceInput{ResourceArn: &arn})
		e.ok(err)
		if len(out.Tags) != 2 || out.Tags["stage"] != "test" || out.Tags["owner"] != "ann" {
			e.Errorf("the tags are %v", out.Tags)
		}
		p, err := ann.Identity.DescribeIdentityPool(e.Context(), &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: &f.id})
		e.ok(err)
		if len(p.IdentityPoolTags) != 2 {
			e.Errorf("the pool shows the tags %v", p.IdentityPoolTags)
		}
	})
}
