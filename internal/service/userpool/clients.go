package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/store"
)

// CreateUserPoolClient makes an app client with Cognito's defaults.
func (s *Service) CreateUserPoolClient(ctx context.Context, in *cognitoidp.CreateUserPoolClientInput) (*cognitoidp.CreateUserPoolClientOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	settings := &cognitoidp.UserPoolClientType{
		RefreshTokenValidity: in.RefreshTokenValidity, AccessTokenValidity: in.AccessTokenValidity, IdTokenValidity: in.IdTokenValidity,
		TokenValidityUnits: in.TokenValidityUnits, ReadAttributes: in.ReadAttributes, WriteAttributes: in.WriteAttributes,
		ExplicitAuthFlows: in.ExplicitAuthFlows, SupportedIdentityProviders: in.SupportedIdentityProviders,
		CallbackURLs: in.CallbackURLs, LogoutURLs: in.LogoutURLs, DefaultRedirectURI: in.DefaultRedirectURI,
		AllowedOAuthFlows: in.AllowedOAuthFlows, AllowedOAuthScopes: in.AllowedOAuthScopes,
		AllowedOAuthFlowsUserPoolClient: in.AllowedOAuthFlowsUserPoolClient, AnalyticsConfiguration: in.AnalyticsConfiguration,
		PreventUserExistenceErrors: in.PreventUserExistenceErrors, EnableTokenRevocation: in.EnableTokenRevocation,
		EnablePropagateAdditionalUserContextData: in.EnablePropagateAdditionalUserContextData,
		AuthSessionValidity:                      in.AuthSessionValidity, RefreshTokenRotation: in.RefreshTokenRotation,
	}
	setClientDefaults(settings)
	if err := checkClient(p, settings); err != nil {
		return nil, err
	}
	row := &store.UserPoolClient{ID: randomText(lowerAlnum, 26), PoolID: p.ID, Name: *in.ClientName, CreatedAt: s.Now(), UpdatedAt: s.Now()}
	var secrets []pool.Secret
	switch {
	case in.ClientSecret != nil:
		secrets = s.newSecret(row.ID, string(*in.ClientSecret))
	case api.Value(in.GenerateSecret):
		secrets = s.newSecret(row.ID, randomText(lowerAlnum, 52))
	}
	if err := s.insertClient(ctx, row, settings, secrets); err != nil {
		return nil, err
	}
	out, err := describeClient(row)
	return &cognitoidp.CreateUserPoolClientOutput{UserPoolClient: out}, err
}

func (s *Service) newSecret(clientID, value string) []pool.Secret {
	return []pool.Secret{{ID: clientID + "--" + strconv.FormatInt(s.Now().Unix(), 10), Value: value, CreatedAt: s.Now()}}
}

// insertClient writes a new client of a pool that is still there.
func (s *Service) insertClient(ctx context.Context, row *store.UserPoolClient, settings *cognitoidp.UserPoolClientType, secrets []pool.Secret) error {
	text, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	row.Settings = string(text)
	if len(secrets) > 0 {
		if row.Secrets, err = json.Marshal(secrets); err != nil {
			return err
		}
	}
	return s.inPool(ctx, row.PoolID, func(tx *store.Tx, _ *pool.Pool) error {
		if err := checkReferences(tx, row.PoolID, settings); err != nil {
			return err
		}
		return store.PutUserPoolClient(tx, row)
	})
}

// describeClient is a client as the API shows it, with its newest secret.
func describeClient(row *store.UserPoolClient) (*cognitoidp.UserPoolClientType, error) {
	c, err := pool.ClientFromRow(row)
	if err != nil {
		return nil, err
	}
	if n := len(c.Secrets); n > 0 {
		c.Settings.ClientSecret = new(api.Secret(c.Secrets[n-1].Value))
	}
	return c.Settings, nil
}

// setClientDefaults fills what was not given (user-pools.md, section 2).
func setClientDefaults(c *cognitoidp.UserPoolClientType) {
	if api.Value(c.RefreshTokenValidity) == 0 {
		c.RefreshTokenValidity = new(30)
		if c.TokenValidityUnits != nil && c.TokenValidityUnits.RefreshToken != nil {
			u := *c.TokenValidityUnits
			u.RefreshToken = new(cognitoidp.TimeUnitsTypeDays)
			c.TokenValidityUnits = &u
		}
	}
	if c.ExplicitAuthFlows == nil {
		c.ExplicitAuthFlows = []cognitoidp.ExplicitAuthFlowsType{cognitoidp.ExplicitAuthFlowsTypeAllowRefreshTokenAuth,
			cognitoidp.ExplicitAuthFlowsTypeAllowUserSrpAuth, cognitoidp.ExplicitAuthFlowsTypeAllowCustomAuth}
		if c.RefreshTokenRotation != nil && *c.RefreshTokenRotation.Feature == cognitoidp.FeatureTypeEnabled {
			c.ExplicitAuthFlows = c.ExplicitAuthFlows[1:]
		}
	}
	c.AllowedOAuthFlowsUserPoolClient = or(c.AllowedOAuthFlowsUserPoolClient, false)
	c.EnableTokenRevocation = or(c.EnableTokenRevocation, true)
	c.EnablePropagateAdditionalUserContextData = or(c.EnablePropagateAdditionalUserContextData, false)
	c.AuthSessionValidity = or(c.AuthSessionValidity, 3)
}

func checkClient(p *pool.Pool, c *cognitoidp.UserPoolClientType) error {
	legacy, modern := false, false
	for _, f := range c.ExplicitAuthFlows {
		if strings.HasPrefix(string(f), "ALLOW_") {
			modern = true
		} else {
			legacy = true
		}
	}
	if legacy && modern {
		return invalid("Cannot mix legacy ExplicitAuthFlows with ALLOW_ ones.")
	}
	if r := c.RefreshTokenRotation; r != nil && *r.Feature == cognitoidp.FeatureTypeEnabled &&
		slices.Contains(c.ExplicitAuthFlows, cognitoidp.ExplicitAuthFlowsTypeAllowRefreshTokenAuth) {
		return invalid("ALLOW_REFRESH_TOKEN_AUTH cannot be used together with refresh token rotation.")
	}
	if slices.Contains(c.ExplicitAuthFlows, cognitoidp.ExplicitAuthFlowsTypeAllowUserAuth) && !tierIncludes(p.Settings, cognitoidp.UserPoolTierTypeEssentials) {
		return &cognitoidp.FeatureUnavailableInTierException{Message: "ALLOW_USER_AUTH is not available in the LITE tier."}
	}
	if err := checkValidity(c); err != nil {
		return err
	}
	for kind, names := range map[string][]string{"read": c.ReadAttributes, "write": c.WriteAttributes} {
		for _, n := range names {
			if !p.Schema.Has(n) {
				return invalid("Invalid " + kind + " attributes specified while creating a client")
			}
		}
	}
	if c.WriteAttributes != nil {
		for _, n := range p.Schema.Missing(nil) {
			if !slices.Contains(c.WriteAttributes, n) {
				return invalid("Invalid write attributes specified while creating a client")
			}
		}
	}
	return checkOAuth(c)
}

// checkValidity keeps lifetimes in their ranges (tokens.md, section 5).
func checkValidity(c *cognitoidp.UserPoolClientType) error {
	access, id, refresh := token.Validity(c)
	for _, t := range []struct {
		name        string
		d, min, max time.Duration
	}{
		{"AccessTokenValidity", access, 5 * time.Minute, 24 * time.Hour},
		{"IdTokenValidity", id, 5 * time.Minute, 24 * time.Hour},
		{"RefreshTokenValidity", refresh, time.Hour, 3650 * 24 * time.Hour},
	} {
		if t.d < t.min || t.d > t.max {
			return invalid("Invalid range for token validity: " + t.name + " must be between " + t.min.String() + " and " + t.max.String() + ".")
		}
	}
	if access > refresh || id > refresh {
		return invalid("Access and ID token validity must not exceed the refresh token validity.")
	}
	return nil
}

func checkOAuth(c *cognitoidp.UserPoolClientType) error {
	for _, list := range [][]string{c.CallbackURLs, c.LogoutURLs} {
		for _, u := range list {
			if err := checkRedirect(u); err != nil {
				return err
			}
		}
	}
	if d := api.Value(c.DefaultRedirectURI); d != "" && !slices.Contains(c.CallbackURLs, d) {
		return invalid("DefaultRedirectURI must be one of the CallbackURLs.")
	}
	if !*c.AllowedOAuthFlowsUserPoolClient {
		return nil
	}
	if len(c.AllowedOAuthFlows) == 0 || len(c.AllowedOAuthScopes) == 0 {
		return invalid("AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.")
	}
	if slices.Contains(c.AllowedOAuthFlows, cognitoidp.OAuthFlowTypeClientCredentials) && len(c.AllowedOAuthFlows) > 1 {
		return &cognitoidp.InvalidOAuthFlowException{Message: "client_credentials flow can not be selected along with code flow or implicit flow."}
	}
	return nil
}

// checkRedirect: an absolute URL without a fragment, https unless it goes to
// this machine or to an app's own scheme.
func checkRedirect(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Fragment != "" || strings.ContainsAny(text, " \t\r\n") {
		return invalid("Redirect URL " + text + " must be absolute and must not have a fragment.")
	}
	if u.Scheme == "http" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" {
		return invalid("Redirect URL " + text + " must use https, unless it is on localhost.")
	}
	if u.Scheme == "javascript" || u.Scheme == "data" {
		return invalid("Redirect URL " + text + " has a scheme that is not allowed.")
	}
	return nil
}

// changeClient changes a client inside one transaction, so that a secret that
// is deleted meanwhile does not come back, nor a client.
func (s *Service) changeClient(ctx context.Context, poolID, id string, change func(tx *store.Tx, row *store.UserPoolClient) error) (row *store.UserPoolClient, err error) {
	if _, _, err := s.Pools.ClientOf(ctx, poolID, id); err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) (err error) {
		row, err = store.UserPoolClientByID(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			return pool.ClientNotFound(id)
		}
		if err != nil {
			return err
		}
		if err := change(tx, row); err != nil {
			return err
		}
		row.UpdatedAt = tx.Now
		return store.PutUserPoolClient(tx, row)
	})
	return row, err
}

// clientRow reads a client of a pool afresh.
func (s *Service) clientRow(ctx context.Context, poolID, id string) (p *pool.Pool, row *store.UserPoolClient, err error) {
	if p, _, err = s.Pools.ClientOf(ctx, poolID, id); err != nil {
		return nil, nil, err
	}
	err = s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		row, err = store.UserPoolClientByID(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = pool.ClientNotFound(id)
	}
	return p, row, err
}

// DescribeUserPoolClient shows a client and, if it has one, its secret.
func (s *Service) DescribeUserPoolClient(ctx context.Context, in *cognitoidp.DescribeUserPoolClientInput) (*cognitoidp.DescribeUserPoolClientOutput, error) {
	_, row, err := s.clientRow(ctx, *in.UserPoolId, string(*in.ClientId))
	if err != nil {
		return nil, err
	}
	out, err := describeClient(row)
	return &cognitoidp.DescribeUserPoolClientOutput{UserPoolClient: out}, err
}

// UpdateUserPoolClient replaces a client's settings. What is not given falls
// back to its default; secrets stay.
func (s *Service) UpdateUserPoolClient(ctx context.Context, in *cognitoidp.UpdateUserPoolClientInput) (*cognitoidp.UpdateUserPoolClientOutput, error) {
	p, _, err := s.Pools.ClientOf(ctx, *in.UserPoolId, string(*in.ClientId))
	if err != nil {
		return nil, err
	}
	settings := &cognitoidp.UserPoolClientType{
		RefreshTokenValidity: in.RefreshTokenValidity, AccessTokenValidity: in.AccessTokenValidity, IdTokenValidity: in.IdTokenValidity,
		TokenValidityUnits: in.TokenValidityUnits, ReadAttributes: in.ReadAttributes, WriteAttributes: in.WriteAttributes,
		ExplicitAuthFlows: in.ExplicitAuthFlows, SupportedIdentityProviders: in.SupportedIdentityProviders,
		CallbackURLs: in.CallbackURLs, LogoutURLs: in.LogoutURLs, DefaultRedirectURI: in.DefaultRedirectURI,
		AllowedOAuthFlows: in.AllowedOAuthFlows, AllowedOAuthScopes: in.AllowedOAuthScopes,
		AllowedOAuthFlowsUserPoolClient: in.AllowedOAuthFlowsUserPoolClient, AnalyticsConfiguration: in.AnalyticsConfiguration,
		PreventUserExistenceErrors: in.PreventUserExistenceErrors, EnableTokenRevocation: in.EnableTokenRevocation,
		EnablePropagateAdditionalUserContextData: in.EnablePropagateAdditionalUserContextData,
		AuthSessionValidity:                      in.AuthSessionValidity, RefreshTokenRotation: in.RefreshTokenRotation,
	}
	setClientDefaults(settings)
	if err := checkClient(p, settings); err != nil {
		return nil, err
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	row, err := s.changeClient(ctx, p.ID, string(*in.ClientId), func(tx *store.Tx, row *store.UserPoolClient) error {
		row.Name, row.Settings = *or(in.ClientName, row.Name), string(text)
		return checkReferences(tx, row.PoolID, settings)
	})
	if err != nil {
		return nil, err
	}
	out, err := describeClient(row)
	return &cognitoidp.UpdateUserPoolClientOutput{UserPoolClient: out}, err
}

// DeleteUserPoolClient removes a client; the sessions that it began end.
func (s *Service) DeleteUserPoolClient(ctx context.Context, in *cognitoidp.DeleteUserPoolClientInput) (*cognitoidp.DeleteUserPoolClientOutput, error) {
	_, c, err := s.Pools.ClientOf(ctx, *in.UserPoolId, string(*in.ClientId))
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error { return store.DeleteUserPoolClient(tx, c.PoolID, c.ID) })
	return &cognitoidp.DeleteUserPoolClientOutput{}, err
}

// ListUserPoolClients lists a pool's clients by id.
func (s *Service) ListUserPoolClients(ctx context.Context, in *cognitoidp.ListUserPoolClientsInput) (*cognitoidp.ListUserPoolClientsOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	rows, next, err := page(ctx, s, "ListUserPoolClients/"+p.ID, in.NextToken, limit(in.MaxResults, 60),
		func(tx *store.Tx, from position, n int) ([]store.UserPoolClient, error) {
			return store.UserPoolClients(tx, p.ID, from.ID, n)
		},
		func(row store.UserPoolClient) position { return position{ID: row.ID} })
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.ListUserPoolClientsOutput{UserPoolClients: []cognitoidp.UserPoolClientDescription{}, NextToken: next}
	for _, row := range rows {
		out.UserPoolClients = append(out.UserPoolClients, cognitoidp.UserPoolClientDescription{
			ClientId: new(api.Secret(row.ID)), UserPoolId: new(row.PoolID), ClientName: new(row.Name)})
	}
	return out, nil
}
