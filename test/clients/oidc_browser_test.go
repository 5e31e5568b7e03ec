package clients_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// TestBrowser_oidc lets oidc-client-ts, unmodified, sign a user in from a page of
// another origin: discovery, the pages, the token endpoint and userInfo across
// origins, renewal by the refresh token, sign-out.
func TestBrowser_oidc(t *testing.T) {
	depends(t, "page/oidc.html")
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			d := newDomain(t, gatehousetest.Start(t, on(t, kind)...), "party", nil)
			settings := map[string]string{"authority": d.s.URL + "/" + d.pool}
			app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/oidc-client-ts.min.js" {
					http.ServeFile(w, r, "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js")
					return
				}
				text, err := json.Marshal(settings)
				if err != nil {
					t.Error(err)
				}
				http.SetCookie(w, &http.Cookie{Name: "settings", Value: url.QueryEscape(string(text)), Path: "/"})
				w.Header().Set("Cache-Control", "no-store")
				http.ServeFile(w, r, "page/oidc.html")
			}))
			t.Cleanup(app.Close)
			origin := strings.Replace(app.URL, "127.0.0.1", "localhost", 1)
			c, err := d.root.IDP.CreateUserPoolClient(t.Context(), &idp.CreateUserPoolClientInput{UserPoolId: &d.pool, ClientName: aws.String("Single Page"),
				AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: []types.OAuthFlowType{"code"}, AllowedOAuthScopes: []string{"openid", "email"},
				CallbackURLs: []string{origin + "/callback"}, LogoutURLs: []string{origin + "/bye"}, SupportedIdentityProviders: []string{"COGNITO"}})
			if err != nil {
				t.Fatal(err)
			}
			settings["client_id"] = *c.UserPoolClient.ClientId

			b := newBrowser(t)
			b.open(origin + "/")
			b.evaluate("start() && ''")
			b.sees("input[name=password]")
			b.fill("username", "ann", "password", annsPassword)
			b.press("button.primary", "#status")
			b.wait("signed in: ann@example.com ann ann")
			b.evaluate("document.getElementById('status').textContent = '…'; renew() && ''")
			b.wait("renewed: ann@example.com")
			b.evaluate("leave() && ''")
			b.at(origin + "/bye")
			b.wait("signed out")
			// the browser has to sign in again
			b.evaluate("start() && ''")
			b.sees("input[name=password]")
			// a page whose address is not registered is not answered
			settings["client_id"] = d.client
			b.open(origin + "/")
			b.evaluate("start() && ''")
			b.at(d.s.URL + "/" + d.pool + "/error")
		})
	}
}
