package clients_test

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/document"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// TestPages_branded: a style of managed login shows in a browser, in both colour
// schemes, and the pages stay accessible with colours that are.
func TestPages_branded(t *testing.T) {
	s := gatehousetest.Start(t, on(t, storetest.Kinds(t)[0])...)
	d := newDomain(t, s, "team-a", nil)
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := d.root.IDP.UpdateUserPoolDomain(t.Context(), &idp.UpdateUserPoolDomainInput{UserPoolId: &d.pool, Domain: aws.String("team-a"), ManagedLoginVersion: aws.Int32(2)})
	ok(err)
	mode := func(page, card, ink, accent, on string) map[string]any {
		return map[string]any{"pageBackground": map[string]any{"color": page}, "form": map[string]any{"backgroundColor": card},
			"pageText": map[string]any{"bodyColor": ink, "headingColor": ink}, "primaryButton": map[string]any{"defaults": map[string]any{"backgroundColor": accent, "textColor": on}}}
	}
	components := map[string]any{}
	for m, colors := range map[string]map[string]any{"lightMode": mode("fff3e0ff", "fffdf8ff", "3b2410ff", "8a3b12ff", "ffffffff"), "darkMode": mode("1c1208ff", "2a1c10ff", "fbe9d7ff", "ffb27aff", "2a1c10ff")} {
		for name, v := range colors {
			c, _ := components[name].(map[string]any)
			if c == nil {
				c = map[string]any{}
				components[name] = c
			}
			c[m] = v
		}
	}
	logo := func(fill string) []byte {
		return []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="160" height="40"><style>text{font:700 28px sans-serif}</style><text y="30" fill="` + fill + `">Bakery</text></svg>`)
	}
	stripes := []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"><path stroke="#c98" stroke-opacity=".3" stroke-width="12" d="M0 400 400 0M0 200 200 0M200 400 400 200"/></svg>`)
	_, err = d.root.IDP.CreateManagedLoginBranding(t.Context(), &idp.CreateManagedLoginBrandingInput{UserPoolId: &d.pool, ClientId: &d.client, Settings: document.NewLazyDocument(map[string]any{"components": components}),
		Assets: []types.AssetType{{Category: "FORM_LOGO", ColorMode: "LIGHT", Extension: "SVG", Bytes: logo("#8a3b12")}, {Category: "FORM_LOGO", ColorMode: "DARK", Extension: "SVG", Bytes: logo("#ffb27a")},
			{Category: "PAGE_BACKGROUND", ColorMode: "DYNAMIC", Extension: "SVG", Bytes: stripes}}})
	ok(err)
	for name, link := range map[string]string{"terms-of-use": "https://example.com/terms", "privacy-policy": "https://example.com/privacy"} {
		_, err = d.root.IDP.CreateTerms(t.Context(), &idp.CreateTermsInput{UserPoolId: &d.pool, ClientId: &d.client, TermsName: &name, TermsSource: "LINK", Enforcement: "NONE", Links: map[string]string{"cognito:default": link}})
		ok(err)
	}
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: run `make test`, which installs the Node packages", err)
	}
	b := newBrowser(t)
	for _, page := range []string{"login", "signup"} {
		b.visit(d.at("/" + page))
		b.sees("img.logo")
		b.axe("branded-"+page, string(axe))
		if got := b.evaluate("String(document.querySelector('img.logo').naturalWidth)"); got != "160" {
			t.Errorf("%s: the logo is %s wide", page, got)
		}
	}
	b.visit(d.at("/signup", "lang", "ar"))
	b.axe("branded-signup-ar", string(axe))
}
