package userpool

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"image"
	_ "image/jpeg" // the formats of a logo
	_ "image/png"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// allClients is the client id that stands for every client without a style of
// its own.
const allClients = "ALL"

// maxLogo is the largest logo in bytes (hosted-ui-oauth.md, section 10).
const maxLogo = 100 << 10

// uiBody is what the record of a customization says.
type uiBody struct {
	CSS   *string `json:",omitempty"`
	Image []byte  `json:",omitempty"`
	Type  string  `json:",omitempty"` // of the image: "png" or "jpeg"
}

func describeUI(r *store.PoolRecord) (*cognitoidp.UICustomizationType, error) {
	var b uiBody
	if err := json.Unmarshal([]byte(r.Body), &b); err != nil {
		return nil, err
	}
	t := &cognitoidp.UICustomizationType{UserPoolId: &r.PoolID, ClientId: newClientID(r.ID), CSS: b.CSS,
		CreationDate: api.At(r.CreatedAt), LastModifiedDate: api.At(r.UpdatedAt)}
	if b.CSS != nil {
		t.CSSVersion = new(r.UpdatedAt.Format(versionForm))
	}
	if len(b.Image) > 0 {
		// The picture itself, where AWS has the address of a copy.
		t.ImageUrl = new("data:image/" + b.Type + ";base64," + base64.StdEncoding.EncodeToString(b.Image))
	}
	return t, nil
}

// GetUICustomization shows the style of a client, else that of all clients,
// else nothing.
func (s *Service) GetUICustomization(ctx context.Context, in *cognitoidp.GetUICustomizationInput) (*cognitoidp.GetUICustomizationOutput, error) {
	id := string(*or(in.ClientId, allClients))
	var err error
	if id == allClients {
		_, err = s.Pools.Pool(ctx, *in.UserPoolId)
	} else {
		_, _, err = s.Pools.ClientOf(ctx, *in.UserPoolId, id)
	}
	if err != nil {
		return nil, err
	}
	r, err := s.record(ctx, *in.UserPoolId, kindUI, id, nil)
	if err == nil && r == nil {
		r, err = s.record(ctx, *in.UserPoolId, kindUI, allClients, nil)
	}
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.GetUICustomizationOutput{UICustomization: &cognitoidp.UICustomizationType{}}
	if r != nil {
		out.UICustomization, err = describeUI(r)
	}
	return out, err
}

// SetUICustomization replaces the style of a client, or of all clients. Without
// a style sheet and a picture the style is removed.
func (s *Service) SetUICustomization(ctx context.Context, in *cognitoidp.SetUICustomizationInput) (*cognitoidp.SetUICustomizationOutput, error) {
	if _, err := s.Pools.Pool(ctx, *in.UserPoolId); err != nil {
		return nil, err
	}
	b := uiBody{CSS: in.CSS, Image: in.ImageFile}
	if err := b.check(); err != nil {
		return nil, err
	}
	r := &store.PoolRecord{PoolID: *in.UserPoolId, Kind: kindUI, ID: string(*or(in.ClientId, allClients)), Body: body(b)}
	if r.ID != allClients {
		r.Owner = store.OwnedByClient(r.ID)
	}
	err := s.inPool(ctx, r.PoolID, func(tx *store.Tx, p *pool.Pool) error {
		if r.ID != allClients {
			if err := needClient(tx, p.ID, r.ID); err != nil {
				return err
			}
		}
		domains, err := store.PoolDomains(tx, p.ID)
		if err != nil {
			return err
		}
		if len(domains) == 0 {
			return invalid("There has to be an existing domain associated with this user pool")
		}
		old, err := store.PoolRecordByID(tx, p.ID, kindUI, r.ID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			r.CreatedAt = tx.Now
		case err != nil:
			return err
		default:
			r.CreatedAt = old.CreatedAt
		}
		r.UpdatedAt = tx.Now
		if b.CSS == nil && len(b.Image) == 0 {
			r.CreatedAt, r.UpdatedAt = time.Time{}, time.Time{}
			if old == nil {
				return nil
			}
			return store.DeletePoolRecord(tx, p.ID, kindUI, r.ID)
		}
		return store.PutPoolRecord(tx, r)
	})
	if err != nil {
		return nil, err
	}
	t, err := describeUI(r)
	return &cognitoidp.SetUICustomizationOutput{UICustomization: t}, err
}

// check sees that a style can be shown, and finds the type of its picture.
func (b *uiBody) check() error {
	if b.CSS != nil {
		if err := checkCSS(*b.CSS); err != nil {
			return invalid("Invalid CSS: " + err.Error() + ".")
		}
	}
	if len(b.Image) == 0 {
		return nil
	}
	if len(b.Image) > maxLogo {
		return invalid("ImageFile must not be larger than 100 KB.")
	}
	_, format, err := image.DecodeConfig(bytes.NewReader(b.Image))
	if err != nil {
		return invalid("ImageFile must be a PNG or JPEG image.")
	}
	b.Type = format
	return nil
}
