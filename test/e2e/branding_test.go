package e2e_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/document"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// doc is a settings document of an answer.
func doc(e *env, d document.Interface) string {
	e.Helper()
	if d == nil {
		return ""
	}
	var v any
	e.ok(d.UnmarshalSmithyDocument(&v))
	return asJSON(v)
}

func settingsOf(v map[string]any) document.Interface { return document.NewLazyDocument(v) }

func asset(category types.AssetCategoryType, mode types.ColorSchemeModeType, extension types.AssetExtensionType, b []byte) types.AssetType {
	return types.AssetType{Category: category, ColorMode: mode, Extension: extension, Bytes: b}
}

func (n *tenant) brand(in *idp.CreateManagedLoginBrandingInput) (*types.ManagedLoginBrandingType, error) {
	in.UserPoolId = &n.pool
	if in.ClientId == nil {
		in.ClientId = &n.client
	}
	out, err := n.root.IDP.CreateManagedLoginBranding(n.Context(), in)
	if err != nil {
		return nil, err
	}
	return out.ManagedLoginBranding, nil
}

func TestBranding(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		colors := map[string]any{"components": map[string]any{"pageBackground": map[string]any{"lightMode": map[string]any{"color": "ff0000ff"}}}}
		created, err := n.brand(&idp.CreateManagedLoginBrandingInput{Settings: settingsOf(colors), Assets: []types.AssetType{asset("FORM_LOGO", "LIGHT", "PNG", pngImage())}})
		e.ok(err)
		id := created.ManagedLoginBrandingId
		if len(*id) != 36 || (*id)[14] != '4' || *created.UserPoolId != n.pool || created.UseCognitoProvidedValues || len(created.Assets) != 1 ||
			doc(e, created.Settings) != asJSON(colors) || created.CreationDate == nil {
			e.Errorf("created is %s", asJSON(created))
		}
		describe := func(merged bool) *types.ManagedLoginBrandingType {
			e.Helper()
			out, err := e.root.IDP.DescribeManagedLoginBranding(e.Context(), &idp.DescribeManagedLoginBrandingInput{UserPoolId: &n.pool, ManagedLoginBrandingId: id, ReturnMergedResources: merged})
			e.ok(err)
			by, err := e.root.IDP.DescribeManagedLoginBrandingByClient(e.Context(), &idp.DescribeManagedLoginBrandingByClientInput{UserPoolId: &n.pool, ClientId: &n.client, ReturnMergedResources: merged})
			e.ok(err)
			if doc(e, by.ManagedLoginBranding.Settings) != doc(e, out.ManagedLoginBranding.Settings) || *by.ManagedLoginBranding.ManagedLoginBrandingId != *id {
				e.Errorf("by its client the style is another one")
			}
			return out.ManagedLoginBranding
		}
		if got := describe(false); doc(e, got.Settings) != asJSON(colors) || string(got.Assets[0].Bytes) != string(pngImage()) {
			e.Errorf("described is %s", asJSON(got))
		}
		merged := doc(e, describe(true).Settings)
		for _, part := range []string{`"color":"ff0000ff"`, `"authMethodOrder"`, `"componentClasses"`, `"primaryButton"`} {
			if !strings.Contains(merged, part) {
				e.Errorf("the merged settings lack %s", part)
			}
		}
		// An update adds: what is not given stays.
		e.server.Advance(time.Minute)
		update := func(in *idp.UpdateManagedLoginBrandingInput) (*types.ManagedLoginBrandingType, error) {
			in.UserPoolId, in.ManagedLoginBrandingId = &n.pool, id
			out, err := e.root.IDP.UpdateManagedLoginBranding(e.Context(), in)
			if err != nil {
				return nil, err
			}
			return out.ManagedLoginBranding, nil
		}
		got, err := update(&idp.UpdateManagedLoginBrandingInput{
			Settings: settingsOf(map[string]any{"components": map[string]any{"pageBackground": map[string]any{"darkMode": map[string]any{"color": "00ff00ff"}}}}),
			Assets: []types.AssetType{asset("FORM_LOGO", "LIGHT", "JPEG", jpegImage()), asset("FORM_LOGO", "DARK", "PNG", pngImage()),
				asset("FAVICON_SVG", "DYNAMIC", "SVG", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>`))}})
		e.ok(err)
		if want := `{"components":{"pageBackground":{"darkMode":{"color":"00ff00ff"},"lightMode":{"color":"ff0000ff"}}}}`; doc(e, got.Settings) != want ||
			len(got.Assets) != 3 || got.Assets[0].Extension != "JPEG" || !got.LastModifiedDate.After(*got.CreationDate) {
			e.Errorf("updated is %s with %s", doc(e, got.Settings), asJSON(got))
		}
		if got, err = update(&idp.UpdateManagedLoginBrandingInput{}); err != nil || len(got.Assets) != 3 {
			e.Errorf("an update of nothing: %v, %s", err, asJSON(got))
		}
		got, err = update(&idp.UpdateManagedLoginBrandingInput{UseCognitoProvidedValues: true})
		e.ok(err)
		if !got.UseCognitoProvidedValues || got.Settings != nil || len(got.Assets) != 0 {
			e.Errorf("back to the defaults is %s", asJSON(got))
		}
		if plain := doc(e, describe(true).Settings); strings.Contains(plain, "ff0000ff") || !strings.Contains(plain, "primaryButton") {
			e.Errorf("the defaults are %s", plain)
		}
		_, err = e.root.IDP.DeleteManagedLoginBranding(e.Context(), &idp.DeleteManagedLoginBrandingInput{UserPoolId: &n.pool, ManagedLoginBrandingId: id})
		e.ok(err)
		_, err = n.brand(&idp.CreateManagedLoginBrandingInput{UseCognitoProvidedValues: true})
		e.ok(err)
	})
}

func TestBranding_refused(t *testing.T) {
	each(t, func(e *env) {
		n, other := e.tenant(nil, nil), e.tenant(nil, nil)
		foreign, err := other.brand(&idp.CreateManagedLoginBrandingInput{UseCognitoProvidedValues: true})
		e.ok(err)
		free, _ := n.newClient(nil)
		create := func(in *idp.CreateManagedLoginBrandingInput) error {
			if in.ClientId == nil {
				in.ClientId = &free
			}
			_, err := n.brand(in)
			return err
		}
		object := func(v any) document.Interface { return document.NewLazyDocument(v) }
		one := func(a types.AssetType) *idp.CreateManagedLoginBrandingInput {
			return &idp.CreateManagedLoginBrandingInput{Assets: []types.AssetType{a}}
		}
		svg := func(text string) *idp.CreateManagedLoginBrandingInput {
			return one(asset("FORM_LOGO", "LIGHT", "SVG", []byte(`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">`+text+`</svg>`)))
		}
		var many []types.AssetType
		for i := range 41 {
			a := asset("IDP_BUTTON_ICON", "LIGHT", "PNG", pngImage())
			a.ResourceId = aws.String(fmt.Sprint("idp ", i))
			many = append(many, a)
		}
		mine, err := n.brand(&idp.CreateManagedLoginBrandingInput{Assets: many[:40]})
		e.ok(err)
		update := func(in *idp.UpdateManagedLoginBrandingInput) error {
			in.UserPoolId = &n.pool
			if in.ManagedLoginBrandingId == nil {
				in.ManagedLoginBrandingId = mine.ManagedLoginBrandingId
			}
			_, err := e.root.IDP.UpdateManagedLoginBranding(e.Context(), in)
			return err
		}
		_, describe := e.root.IDP.DescribeManagedLoginBranding(e.Context(), &idp.DescribeManagedLoginBrandingInput{UserPoolId: &n.pool, ManagedLoginBrandingId: foreign.ManagedLoginBrandingId})
		_, byClient := e.root.IDP.DescribeManagedLoginBrandingByClient(e.Context(), &idp.DescribeManagedLoginBrandingByClientInput{UserPoolId: &n.pool, ClientId: &other.client})
		_, without := e.root.IDP.DescribeManagedLoginBrandingByClient(e.Context(), &idp.DescribeManagedLoginBrandingByClientInput{UserPoolId: &n.pool, ClientId: &free})
		_, remove := e.root.IDP.DeleteManagedLoginBranding(e.Context(), &idp.DeleteManagedLoginBrandingInput{UserPoolId: &n.pool, ManagedLoginBrandingId: foreign.ManagedLoginBrandingId})
		_, badID := e.root.IDP.DescribeManagedLoginBranding(e.Context(), &idp.DescribeManagedLoginBrandingInput{UserPoolId: &n.pool, ManagedLoginBrandingId: aws.String("x")})
		invalid, missing := "InvalidParameterException", "ResourceNotFoundException"
		noStyle := "Managed login branding " + *foreign.ManagedLoginBrandingId + " does not exist."
		noClient := "User pool client " + other.client + " does not exist."
		const provided = "Settings and Assets must not be given when UseCognitoProvidedValues is true."
		e.allRefused(
			aRefusal{"a second style", create(&idp.CreateManagedLoginBrandingInput{ClientId: &n.client, UseCognitoProvidedValues: true}), "ManagedLoginBrandingExistsException", ""},
			aRefusal{"another pool's client", create(&idp.CreateManagedLoginBrandingInput{ClientId: &other.client, UseCognitoProvidedValues: true}), missing, noClient},
			aRefusal{"nothing", create(&idp.CreateManagedLoginBrandingInput{}), invalid, "Either UseCognitoProvidedValues, or Settings or Assets are required."},
			aRefusal{"both", create(&idp.CreateManagedLoginBrandingInput{UseCognitoProvidedValues: true, Settings: object(map[string]any{})}), invalid, provided},
			aRefusal{"both, with pictures", create(&idp.CreateManagedLoginBrandingInput{UseCognitoProvidedValues: true, Assets: many[:1]}), invalid, provided},
			aRefusal{"a list as settings", create(&idp.CreateManagedLoginBrandingInput{Settings: object([]string{"x"})}), invalid, "Settings must be a JSON object."},
			aRefusal{"an unknown member", create(&idp.CreateManagedLoginBrandingInput{Settings: object(map[string]any{"colours": 1})}), invalid, "/colours is not a member/"},
			aRefusal{"a wrong type", create(&idp.CreateManagedLoginBrandingInput{Settings: object(map[string]any{"components": map[string]any{"form": "x"}})}), invalid, "/components.form has the wrong type/"},
			aRefusal{"41 pictures", create(&idp.CreateManagedLoginBrandingInput{Assets: many}), invalid, "/at 'assets' failed/"},
			aRefusal{"a picture twice", create(&idp.CreateManagedLoginBrandingInput{Assets: []types.AssetType{many[0], many[0]}}), invalid, "/given more than once/"},
			aRefusal{"a picture of another type", create(one(asset("FORM_LOGO", "LIGHT", "JPEG", pngImage()))), invalid, "/are not an image of type JPEG/"},
			aRefusal{"no bytes", create(one(asset("FORM_LOGO", "LIGHT", "PNG", nil))), invalid, "/are not an image of type PNG/"},
			aRefusal{"a script", create(svg(`<script>alert(1)</script>`)), invalid, "/not an image of type SVG/"},
			aRefusal{"a handler", create(svg(`<path onload="alert(1)"/>`)), invalid, "/not an image of type SVG/"},
			aRefusal{"a link", create(svg(`<a xlink:href="javascript:alert(1)"/>`)), invalid, "/not an image of type SVG/"},
			aRefusal{"a foreign object", create(svg(`<foreignObject/>`)), invalid, "/not an image of type SVG/"},
			aRefusal{"an update to both", update(&idp.UpdateManagedLoginBrandingInput{UseCognitoProvidedValues: true, Assets: many[:1]}), invalid, provided},
			aRefusal{"a 41st picture", update(&idp.UpdateManagedLoginBrandingInput{Assets: many[40:]}), invalid, "A managed login branding can have at most 40 assets."},
			aRefusal{"update of another pool's", update(&idp.UpdateManagedLoginBrandingInput{ManagedLoginBrandingId: foreign.ManagedLoginBrandingId}), missing, noStyle},
			aRefusal{"describe another pool's", describe, missing, noStyle},
			aRefusal{"delete another pool's", remove, missing, noStyle},
			aRefusal{"by another pool's client", byClient, missing, noClient},
			aRefusal{"by a client without", without, missing, "Client " + free + " has no managed login branding."},
			aRefusal{"an id that is none", badID, invalid, "/at 'managedLoginBrandingId' failed/"},
		)
		if a := e.post(e.root, "cognito-idp", idpTarget+"UpdateManagedLoginBranding", `{}`); a.kind() != invalid || !strings.Contains(a.message(), "Value null at 'userPoolId' failed") {
			e.Errorf("an update without a pool: %d %s", a.status, a.body)
		}
	})
}

// TestBranding_size: a request may have two megabytes, a picture one.
func TestBranding_size(t *testing.T) {
	e := start(t)
	n := e.tenant(nil, nil)
	create := func(size int, padding string) *answer {
		b := append(pngImage(), make([]byte, size)...)
		return e.post(e.root, "cognito-idp", idpTarget+"CreateManagedLoginBranding", `{"UserPoolId":"`+n.pool+`","ClientId":"`+n.client+
			`","Assets":[{"Category":"FORM_LOGO","ColorMode":"LIGHT","Extension":"PNG","Bytes":"`+base64.StdEncoding.EncodeToString(b)+`"}],"Ignored":"`+padding+`"}`)
	}
	if a := create(0, strings.Repeat("x", 2<<20)); a.status != http.StatusRequestEntityTooLarge {
		e.Errorf("more than 2 MB: %d %.200s", a.status, a.body)
	}
	if a := create(1_000_000, ""); a.kind() != "InvalidParameterException" {
		e.Errorf("a picture of more than 1 MB: %d %.200s", a.status, a.body)
	}
	if a := create(990_000, ""); a.status != http.StatusOK {
		e.Errorf("a picture of less than 1 MB: %d %.200s", a.status, a.body)
	}
	if a := e.post(e.root, "cognito-idp", idpTarget+"ListUserPools", `{"MaxResults":1,"Ignored":"`+strings.Repeat("x", 1<<20)+`"}`); a.status != http.StatusRequestEntityTooLarge {
		e.Errorf("more than 1 MB for another operation: %d %.200s", a.status, a.body)
	}
}
