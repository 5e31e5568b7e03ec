package userpool

import (
	"context"
	"encoding/json"
	"errors"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/store"
)

// The kinds of records that a pool keeps, and what identifies one of each.
const (
	kindResourceServer = pool.KindResourceServer // identifier
	kindProvider       = "identity provider"     // name
	kindIdentifier     = "provider identifier"   // identifier; owned by its provider, which the body names
	kindCertificate    = "signing certificate"   // wholePool
	kindUI             = "ui customization"      // client id, or ALL
	kindBranding       = "branding"              // UUID; named for its client
	kindTerms          = "terms"                 // UUID; named for its client and document
	kindRisk           = risk.RecordKind         // client id, or wholePool
	kindLogDelivery    = "log delivery"          // wholePool
)

// wholePool is the id of a record that a pool has once. No client is called so.
const wholePool = risk.OfPool

// inPool writes records of a pool. The pool is read in the same transaction, so
// that one that is being deleted gets no more of them, and its tier is the one
// of this moment.
func (s *Service) inPool(ctx context.Context, poolID string, change func(tx *store.Tx, p *pool.Pool) error) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		row, err := store.UserPoolByID(tx, poolID)
		if errors.Is(err, store.ErrNotFound) {
			return pool.NotFound(poolID)
		}
		if err != nil {
			return err
		}
		p, err := pool.FromRow(row)
		if err != nil {
			return err
		}
		return change(tx, p)
	})
}

// needClient sees that a client is there and that it is the pool's.
func needClient(tx *store.Tx, poolID, clientID string) error {
	c, err := store.UserPoolClientByID(tx, clientID)
	if errors.Is(err, store.ErrNotFound) || err == nil && c.PoolID != poolID {
		return pool.ClientNotFound(clientID)
	}
	return err
}

// record reads a record of a pool. One that is not there is the error missing,
// or nil without an error when missing is nil.
func (s *Service) record(ctx context.Context, poolID, kind, id string, missing error) (r *store.PoolRecord, err error) {
	if _, err := s.Pools.Pool(ctx, poolID); err != nil {
		return nil, err
	}
	err = s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		r, err = store.PoolRecordByID(tx, poolID, kind, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing
	}
	return r, err
}

// records reads a page of records of a kind.
func (s *Service) records(ctx context.Context, operation, poolID, kind string, token *string, n int) ([]*store.PoolRecord, *string, error) {
	if _, err := s.Pools.Pool(ctx, poolID); err != nil {
		return nil, nil, err
	}
	return page(ctx, s, operation+"/"+poolID, token, n,
		func(tx *store.Tx, from position, n int) ([]*store.PoolRecord, error) {
			return store.PoolRecords(tx, poolID, kind, from.ID, n)
		},
		func(r *store.PoolRecord) position { return position{ID: r.ID} })
}

// deleteRecord removes a record of a pool, or answers missing.
func (s *Service) deleteRecord(ctx context.Context, poolID, kind, id string, missing error) error {
	err := s.inPool(ctx, poolID, func(tx *store.Tx, _ *pool.Pool) error { return store.DeletePoolRecord(tx, poolID, kind, id) })
	if errors.Is(err, store.ErrNotFound) {
		return missing
	}
	return err
}

// body is the body of a record.
func body(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only types of this package and the API come here, which marshal
	}
	return string(b)
}

// newClientID is the member ClientId of an answer.
func newClientID(id string) *api.Secret { return new(api.Secret(id)) }

func notFound(message string) error {
	return &cognitoidp.ResourceNotFoundException{Message: message}
}
