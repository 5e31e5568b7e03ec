package e2e_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

func pngImage() []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 2))) // a Buffer takes all
	return b.Bytes()
}

func jpegImage() []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 2)), nil)
	return b.Bytes()
}

func (n *tenant) setUI(client, css *string, picture []byte) (*types.UICustomizationType, error) {
	out, err := n.root.IDP.SetUICustomization(n.Context(), &idp.SetUICustomizationInput{UserPoolId: &n.pool, ClientId: client, CSS: css, ImageFile: picture})
	if err != nil {
		return nil, err
	}
	return out.UICustomization, nil
}

func (n *tenant) getUI(client *string) *types.UICustomizationType {
	n.Helper()
	out, err := n.root.IDP.GetUICustomization(n.Context(), &idp.GetUICustomizationInput{UserPoolId: &n.pool, ClientId: client})
	n.ok(err)
	return out.UICustomization
}

func TestUICustomization(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		css, own := ".label-customizable { font-weight: 400; }", "/* ours */ .submitButton-customizable:hover, .banner-customizable { color: red }"
		_, err := n.setUI(nil, &css, nil)
		e.refused(err, "InvalidParameterException", "There has to be an existing domain associated with this user pool")
		if a := e.post(e.root, "cognito-idp", idpTarget+"GetUICustomization", `{"UserPoolId":"`+n.pool+`"}`); string(a.body) != `{"UICustomization":{}}` {
			e.Errorf("no style is %s", a.body)
		}
		e.ok(n.domain("styled"))
		all, err := n.setUI(nil, &css, pngImage())
		e.ok(err)
		if *all.UserPoolId != n.pool || *all.ClientId != "ALL" || *all.CSS != css || len(*all.CSSVersion) != 14 || all.CreationDate == nil || all.LastModifiedDate == nil ||
			*all.ImageUrl != "data:image/png;base64,"+base64.StdEncoding.EncodeToString(pngImage()) {
			e.Errorf("the style is %s", asJSON(all))
		}
		// A client without a style has that of all; with one it has its own whole.
		for _, client := range []*string{nil, aws.String("ALL"), &n.client} {
			if got := n.getUI(client); asJSON(got) != asJSON(all) {
				e.Errorf("for %s the style is %s", aws.ToString(client), asJSON(got))
			}
		}
		_, err = n.setUI(&n.client, &own, nil)
		e.ok(err)
		if got := n.getUI(&n.client); *got.ClientId != n.client || *got.CSS != own || got.ImageUrl != nil {
			e.Errorf("the client's style is %s", asJSON(got))
		}
		e.server.Advance(time.Minute)
		_, err = n.setUI(&n.client, nil, jpegImage())
		e.ok(err)
		got := n.getUI(&n.client)
		if got.CSS != nil || !strings.HasPrefix(*got.ImageUrl, "data:image/jpeg;base64,") || !got.LastModifiedDate.After(*got.CreationDate) {
			e.Errorf("the replaced style is %s", asJSON(got))
		}
		// Nothing given removes it.
		removed, err := n.setUI(&n.client, nil, nil)
		e.ok(err)
		if removed.CSS != nil || removed.ImageUrl != nil || asJSON(n.getUI(&n.client)) != asJSON(all) {
			e.Errorf("removed: %s, then %s", asJSON(removed), asJSON(n.getUI(&n.client)))
		}
		_, err = n.setUI(&n.client, nil, nil)
		e.ok(err)
	})
}

func TestUICustomization_refused(t *testing.T) {
	each(t, func(e *env) {
		n, other := e.tenant(nil, nil), e.tenant(nil, nil)
		e.ok(n.domain("styled"))
		css := ".label-customizable{color:red}"
		before, err := n.setUI(nil, &css, nil)
		e.ok(err)
		set := func(client string, css string, picture []byte) error {
			_, err := n.setUI(&client, &css, picture)
			return err
		}
		_, getForeign := e.root.IDP.GetUICustomization(e.Context(), &idp.GetUICustomizationInput{UserPoolId: &n.pool, ClientId: &other.client})
		_, getNowhere := e.root.IDP.GetUICustomization(e.Context(), &idp.GetUICustomizationInput{UserPoolId: aws.String("us-east-1_000000000")})
		gone := "User pool client " + other.client + " does not exist."
		invalid := "InvalidParameterException"
		large := append(pngImage(), make([]byte, 100<<10)...)
		e.allRefused(
			aRefusal{"another pool's client", set(other.client, css, nil), "ResourceNotFoundException", gone},
			aRefusal{"reading for another pool's client", getForeign, "ResourceNotFoundException", gone},
			aRefusal{"reading for no pool", getNowhere, "ResourceNotFoundException", "User pool us-east-1_000000000 does not exist."},
			aRefusal{"a text as picture", set("ALL", css, []byte("GIF89a")), invalid, "ImageFile must be a PNG or JPEG image."},
			aRefusal{"a large picture", set("ALL", css, large), invalid, "ImageFile must not be larger than 100 KB."},
			aRefusal{"a picture that the model refuses", set("ALL", css, make([]byte, 131073)), invalid, "/at 'imageFile' failed/"},
			aRefusal{"a long style sheet", set("ALL", strings.Repeat(" ", 131073), nil), invalid, "/at 'cSS' failed/"},
			aRefusal{"another class", set("ALL", ".modal{color:red}", nil), invalid, "Invalid CSS: the selector .modal is not allowed."},
			aRefusal{"an import", set("ALL", `@import "https://x";`, nil), invalid, "Invalid CSS: at-rules are not allowed."},
		)
		if got := n.getUI(nil); asJSON(got) != asJSON(before) {
			e.Errorf("refusals left %s", asJSON(got))
		}
	})
}
