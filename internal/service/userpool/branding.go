package userpool

import (
	"bytes"
	"context"
	_ "embed" // branding_defaults.json
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// A style of managed login is a settings document and pictures, and belongs to
// one client. Stored is only what somebody chose; the rest of the document is
// this server's, and may change with it.

//go:embed branding_defaults.json
var brandingDefaults []byte

// brandingBody is what the record of a style says.
type brandingBody struct {
	UseCognitoProvidedValues bool
	Settings                 json.RawMessage        `json:",omitempty"` // an object, or absent
	Assets                   []cognitoidp.AssetType `json:",omitempty"`
}

// maxAssets is how many pictures a style can have.
const maxAssets = 40

func noBranding(id string) error {
	return notFound("Managed login branding " + id + " does not exist.")
}

// brandingFromRow is a style as the API shows it; merged, with what the server
// shows where nothing was chosen.
func brandingFromRow(r *store.PoolRecord, merged bool) (*cognitoidp.ManagedLoginBrandingType, error) {
	var b brandingBody
	if err := json.Unmarshal([]byte(r.Body), &b); err != nil {
		return nil, err
	}
	t := &cognitoidp.ManagedLoginBrandingType{ManagedLoginBrandingId: &r.ID, UserPoolId: &r.PoolID, UseCognitoProvidedValues: &b.UseCognitoProvidedValues,
		Settings: b.Settings, Assets: b.Assets, CreationDate: api.At(r.CreatedAt), LastModifiedDate: api.At(r.UpdatedAt)}
	if !merged {
		return t, nil
	}
	settings, err := mergeSettings(brandingDefaults, b.Settings)
	t.Settings = settings
	return t, err
}

// mergeSettings is the document base with all that is in changes. Objects are
// merged member by member, everything else is replaced.
func mergeSettings(base, changes json.RawMessage) (json.RawMessage, error) {
	if base == nil || changes == nil {
		if changes == nil {
			changes = base
		}
		return changes, nil
	}
	a, err := settingsObject(base)
	if err != nil {
		return nil, err
	}
	b, err := settingsObject(changes)
	if err != nil {
		return nil, err
	}
	mergeObject(a, b)
	return json.Marshal(a)
}

func mergeObject(base, changes map[string]any) {
	for name, v := range changes {
		from, both := base[name].(map[string]any)
		to, object := v.(map[string]any)
		if both && object {
			mergeObject(from, to)
		} else {
			base[name] = v
		}
	}
}

var errSettings = errors.New("not an object")

// settingsObject reads a document; numbers keep the form in which they came.
func settingsObject(doc json.RawMessage) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, errSettings
	}
	return o, nil
}

// checkSettingsDocument: an object, with objects where the pages expect objects.
func checkSettingsDocument(doc json.RawMessage) error {
	if doc == nil {
		return nil
	}
	given, err := settingsObject(doc)
	if err != nil {
		return invalid("Settings must be a JSON object.")
	}
	standard, err := settingsObject(brandingDefaults)
	if err != nil {
		return err
	}
	for name := range given {
		if standard[name] == nil {
			return invalid("Invalid Settings: " + name + " is not a member of the settings.")
		}
	}
	return sameShape("", standard, given)
}

func sameShape(path string, standard, given map[string]any) error {
	for name, v := range given {
		expected, known := standard[name]
		if !known {
			continue
		}
		a, wants := expected.(map[string]any)
		b, is := v.(map[string]any)
		if wants != is {
			return invalid("Invalid Settings: " + path + name + " has the wrong type.")
		}
		if wants {
			if err := sameShape(path+name+".", a, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// assetKey is what an asset is for: a style has one of each.
type assetKey struct {
	category cognitoidp.AssetCategoryType
	mode     cognitoidp.ColorSchemeModeType
	resource string // tells the icons of several providers apart
}

func keyOf(a *cognitoidp.AssetType) assetKey {
	return assetKey{*a.Category, *a.ColorMode, api.Value(a.ResourceId)}
}

func checkAssets(list []cognitoidp.AssetType) error {
	seen := map[assetKey]bool{}
	for i := range list {
		a := &list[i]
		if seen[keyOf(a)] {
			return invalid("Asset " + string(*a.Category) + " is given more than once for color mode " + string(*a.ColorMode) + ".")
		}
		seen[keyOf(a)] = true
		if !isImage(*a.Extension, a.Bytes) {
			return invalid("The Bytes of asset " + string(*a.Category) + " are not an image of type " + string(*a.Extension) + ".")
		}
	}
	return nil
}

// mergeAssets is base with each of changes in the place of its like.
func mergeAssets(base, changes []cognitoidp.AssetType) []cognitoidp.AssetType {
	place := map[assetKey]int{}
	for i := range base {
		place[keyOf(&base[i])] = i
	}
	for _, a := range changes {
		if i, ok := place[keyOf(&a)]; ok {
			base[i] = a
		} else {
			base = append(base, a)
		}
	}
	return base
}

// checkBranding refuses what contradicts itself.
func checkBranding(provided *bool, settings json.RawMessage, assets []cognitoidp.AssetType) error {
	if api.Value(provided) && (settings != nil || len(assets) > 0) {
		return invalid("Settings and Assets must not be given when UseCognitoProvidedValues is true.")
	}
	if err := checkSettingsDocument(settings); err != nil {
		return err
	}
	return checkAssets(assets)
}

// given is a document of a request; JSON's null is an absent one.
func given(doc json.RawMessage) json.RawMessage {
	if api.NullDocument(doc) {
		return nil
	}
	return doc
}

// CreateManagedLoginBranding makes the style of a client, which has none yet.
func (s *Service) CreateManagedLoginBranding(ctx context.Context, in *cognitoidp.CreateManagedLoginBrandingInput) (*cognitoidp.CreateManagedLoginBrandingOutput, error) {
	client := string(*in.ClientId)
	if _, _, err := s.Pools.ClientOf(ctx, *in.UserPoolId, client); err != nil {
		return nil, err
	}
	settings := given(in.Settings)
	if !api.Value(in.UseCognitoProvidedValues) && settings == nil && len(in.Assets) == 0 {
		return nil, invalid("Either UseCognitoProvidedValues, or Settings or Assets are required.")
	}
	if err := checkBranding(in.UseCognitoProvidedValues, settings, in.Assets); err != nil {
		return nil, err
	}
	r := &store.PoolRecord{PoolID: *in.UserPoolId, Kind: kindBranding, ID: uuid.NewString(), Name: client, Owner: store.OwnedByClient(client),
		Body:      body(brandingBody{api.Value(in.UseCognitoProvidedValues), settings, in.Assets}),
		CreatedAt: s.Now(), UpdatedAt: s.Now()}
	err := s.inPool(ctx, r.PoolID, func(tx *store.Tx, p *pool.Pool) error {
		if err := needClient(tx, p.ID, client); err != nil {
			return err
		}
		return store.InsertPoolRecord(tx, r)
	})
	if errors.Is(err, store.ErrConflict) {
		return nil, &cognitoidp.ManagedLoginBrandingExistsException{Message: "Client " + client + " already has a managed login branding."}
	}
	if err != nil {
		return nil, err
	}
	t, err := brandingFromRow(r, false)
	return &cognitoidp.CreateManagedLoginBrandingOutput{ManagedLoginBranding: t}, err
}

// DescribeManagedLoginBranding shows a style.
func (s *Service) DescribeManagedLoginBranding(ctx context.Context, in *cognitoidp.DescribeManagedLoginBrandingInput) (*cognitoidp.DescribeManagedLoginBrandingOutput, error) {
	r, err := s.record(ctx, *in.UserPoolId, kindBranding, *in.ManagedLoginBrandingId, noBranding(*in.ManagedLoginBrandingId))
	if err != nil {
		return nil, err
	}
	t, err := brandingFromRow(r, api.Value(in.ReturnMergedResources))
	return &cognitoidp.DescribeManagedLoginBrandingOutput{ManagedLoginBranding: t}, err
}

// DescribeManagedLoginBrandingByClient shows the style of a client.
func (s *Service) DescribeManagedLoginBrandingByClient(ctx context.Context, in *cognitoidp.DescribeManagedLoginBrandingByClientInput) (*cognitoidp.DescribeManagedLoginBrandingByClientOutput, error) {
	client := string(*in.ClientId)
	p, _, err := s.Pools.ClientOf(ctx, *in.UserPoolId, client)
	if err != nil {
		return nil, err
	}
	var r *store.PoolRecord
	err = s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		r, err = store.PoolRecordByName(tx, p.ID, kindBranding, client)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound("Client " + client + " has no managed login branding.")
	}
	if err != nil {
		return nil, err
	}
	t, err := brandingFromRow(r, api.Value(in.ReturnMergedResources))
	return &cognitoidp.DescribeManagedLoginBrandingByClientOutput{ManagedLoginBranding: t}, err
}

// UpdateManagedLoginBranding adds settings and pictures to a style, or goes
// back to the server's. What is not given stays, because a style may be larger
// than one request (its documentation).
func (s *Service) UpdateManagedLoginBranding(ctx context.Context, in *cognitoidp.UpdateManagedLoginBrandingInput) (*cognitoidp.UpdateManagedLoginBrandingOutput, error) {
	var v api.Violations
	v.Required("userPoolId", in.UserPoolId != nil)
	v.Required("managedLoginBrandingId", in.ManagedLoginBrandingId != nil)
	if m := v.Message(); m != "" {
		return nil, invalid(m)
	}
	if _, err := s.Pools.Pool(ctx, *in.UserPoolId); err != nil {
		return nil, err
	}
	settings := given(in.Settings)
	if err := checkBranding(in.UseCognitoProvidedValues, settings, in.Assets); err != nil {
		return nil, err
	}
	var r *store.PoolRecord
	err := s.inPool(ctx, *in.UserPoolId, func(tx *store.Tx, p *pool.Pool) (err error) {
		if r, err = store.PoolRecordByID(tx, p.ID, kindBranding, *in.ManagedLoginBrandingId); err != nil {
			return err
		}
		var b brandingBody
		if err := json.Unmarshal([]byte(r.Body), &b); err != nil {
			return err
		}
		if api.Value(in.UseCognitoProvidedValues) {
			b = brandingBody{UseCognitoProvidedValues: true}
		} else if in.UseCognitoProvidedValues != nil || settings != nil || len(in.Assets) > 0 {
			b.UseCognitoProvidedValues = false
			if b.Settings, err = mergeSettings(b.Settings, settings); err != nil {
				return err
			}
			if b.Assets = mergeAssets(b.Assets, in.Assets); len(b.Assets) > maxAssets {
				return invalid("A managed login branding can have at most 40 assets.")
			}
		}
		r.Body, r.UpdatedAt = body(b), tx.Now
		return store.PutPoolRecord(tx, r)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noBranding(*in.ManagedLoginBrandingId)
	}
	if err != nil {
		return nil, err
	}
	t, err := brandingFromRow(r, false)
	return &cognitoidp.UpdateManagedLoginBrandingOutput{ManagedLoginBranding: t}, err
}

// DeleteManagedLoginBranding removes a style from its client.
func (s *Service) DeleteManagedLoginBranding(ctx context.Context, in *cognitoidp.DeleteManagedLoginBrandingInput) (*cognitoidp.DeleteManagedLoginBrandingOutput, error) {
	return &cognitoidp.DeleteManagedLoginBrandingOutput{}, s.deleteRecord(ctx, *in.UserPoolId, kindBranding, *in.ManagedLoginBrandingId,
		noBranding(*in.ManagedLoginBrandingId))
}
