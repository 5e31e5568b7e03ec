package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/google/uuid"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// defaultLanguage is the link for languages without one of their own.
const defaultLanguage = "cognito:default"

func noTerms(id string) error { return notFound("Terms " + id + " do not exist.") }

// termsName is the second key of terms: a client has one document of each name.
func termsName(t *cognitoidp.TermsType) string { return string(*t.ClientId) + "/" + *t.TermsName }

// termsFromRow reads terms; the members that the row holds itself are not in
// its body.
func termsFromRow(r *store.PoolRecord) (*cognitoidp.TermsType, error) {
	t := &cognitoidp.TermsType{}
	err := json.Unmarshal([]byte(r.Body), t)
	t.TermsId, t.UserPoolId, t.CreationDate, t.LastModifiedDate = &r.ID, &r.PoolID, api.At(r.CreatedAt), api.At(r.UpdatedAt)
	return t, err
}

func termsBody(t *cognitoidp.TermsType) string {
	return body(cognitoidp.TermsType{ClientId: t.ClientId, TermsName: t.TermsName, TermsSource: t.TermsSource, Enforcement: t.Enforcement, Links: t.Links})
}

func checkLinks(links map[string]string) error {
	if links[defaultLanguage] == "" {
		return invalid("Links must have an entry for " + defaultLanguage + ".")
	}
	for language, text := range links {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
			return invalid("The link for " + language + " must be an http or https URL.")
		}
	}
	return nil
}

func termsExist(t *cognitoidp.TermsType) error {
	return &cognitoidp.TermsExistsException{Message: "Terms with the name " + *t.TermsName + " already exist for client " + string(*t.ClientId) + "."}
}

// CreateTerms adds a document to a client: one of each name.
func (s *Service) CreateTerms(ctx context.Context, in *cognitoidp.CreateTermsInput) (*cognitoidp.CreateTermsOutput, error) {
	if _, _, err := s.Pools.ClientOf(ctx, *in.UserPoolId, string(*in.ClientId)); err != nil {
		return nil, err
	}
	if err := checkLinks(in.Links); err != nil {
		return nil, err
	}
	t := &cognitoidp.TermsType{ClientId: in.ClientId, TermsName: in.TermsName, TermsSource: in.TermsSource, Enforcement: in.Enforcement, Links: in.Links}
	r := &store.PoolRecord{PoolID: *in.UserPoolId, Kind: kindTerms, ID: uuid.NewString(), Name: termsName(t),
		Owner: store.OwnedByClient(string(*in.ClientId)), Body: termsBody(t), CreatedAt: s.Now(), UpdatedAt: s.Now()}
	err := s.inPool(ctx, r.PoolID, func(tx *store.Tx, p *pool.Pool) error {
		if err := needClient(tx, p.ID, string(*in.ClientId)); err != nil {
			return err
		}
		return store.InsertPoolRecord(tx, r)
	})
	if errors.Is(err, store.ErrConflict) {
		return nil, termsExist(t)
	}
	if err != nil {
		return nil, err
	}
	t, err = termsFromRow(r)
	return &cognitoidp.CreateTermsOutput{Terms: t}, err
}

// DescribeTerms shows a document.
func (s *Service) DescribeTerms(ctx context.Context, in *cognitoidp.DescribeTermsInput) (*cognitoidp.DescribeTermsOutput, error) {
	r, err := s.record(ctx, *in.UserPoolId, kindTerms, *in.TermsId, noTerms(*in.TermsId))
	if err != nil {
		return nil, err
	}
	t, err := termsFromRow(r)
	return &cognitoidp.DescribeTermsOutput{Terms: t}, err
}

// TermsOf are the links of a client's documents by the documents' names, as the
// pages show them.
func (s *Service) TermsOf(ctx context.Context, poolID, clientID string) (links map[string]map[string]string, err error) {
	links = map[string]map[string]string{}
	err = s.DB.Read(ctx, func(tx *store.Tx) error {
		for _, name := range []string{"terms-of-use", "privacy-policy"} {
			r, err := store.PoolRecordByName(tx, poolID, kindTerms, clientID+"/"+name)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			t, err := termsFromRow(r)
			if err != nil {
				return err
			}
			links[name] = t.Links
		}
		return nil
	})
	return links, err
}

// UpdateTerms changes what is given. Links replace all links.
func (s *Service) UpdateTerms(ctx context.Context, in *cognitoidp.UpdateTermsInput) (*cognitoidp.UpdateTermsOutput, error) {
	if _, err := s.Pools.Pool(ctx, *in.UserPoolId); err != nil {
		return nil, err
	}
	if in.Links != nil {
		if err := checkLinks(in.Links); err != nil {
			return nil, err
		}
	}
	var t *cognitoidp.TermsType
	err := s.inPool(ctx, *in.UserPoolId, func(tx *store.Tx, p *pool.Pool) error {
		r, err := store.PoolRecordByID(tx, p.ID, kindTerms, *in.TermsId)
		if err != nil {
			return err
		}
		if t, err = termsFromRow(r); err != nil {
			return err
		}
		t.TermsName, t.TermsSource = or(in.TermsName, *t.TermsName), or(in.TermsSource, *t.TermsSource)
		t.Enforcement = or(in.Enforcement, *t.Enforcement)
		if in.Links != nil {
			t.Links = in.Links
		}
		r.Name, r.Body, r.UpdatedAt = termsName(t), termsBody(t), tx.Now
		switch other, err := store.PoolRecordByName(tx, p.ID, kindTerms, r.Name); {
		case err == nil && other.ID != r.ID:
			return termsExist(t)
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		}
		t.LastModifiedDate = api.At(r.UpdatedAt)
		return store.PutPoolRecord(tx, r)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noTerms(*in.TermsId)
	}
	if err != nil {
		return nil, err
	}
	return &cognitoidp.UpdateTermsOutput{Terms: t}, nil
}

// DeleteTerms removes a document.
func (s *Service) DeleteTerms(ctx context.Context, in *cognitoidp.DeleteTermsInput) (*cognitoidp.DeleteTermsOutput, error) {
	return &cognitoidp.DeleteTermsOutput{}, s.deleteRecord(ctx, *in.UserPoolId, kindTerms, *in.TermsId, noTerms(*in.TermsId))
}

// ListTerms lists the documents of all clients of a pool, by id.
func (s *Service) ListTerms(ctx context.Context, in *cognitoidp.ListTermsInput) (*cognitoidp.ListTermsOutput, error) {
	list, next, err := s.records(ctx, "ListTerms", *in.UserPoolId, kindTerms, in.NextToken, limit(in.MaxResults, 60))
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.ListTermsOutput{Terms: []cognitoidp.TermsDescriptionType{}, NextToken: next}
	for _, r := range list {
		t, err := termsFromRow(r)
		if err != nil {
			return nil, err
		}
		out.Terms = append(out.Terms, cognitoidp.TermsDescriptionType{TermsId: t.TermsId, TermsName: t.TermsName, Enforcement: t.Enforcement,
			CreationDate: t.CreationDate, LastModifiedDate: t.LastModifiedDate})
	}
	return out, nil
}
