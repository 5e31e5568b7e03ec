package store

import (
	"errors"
	"fmt"
	"time"
)

// An IAMOIDCProvider is an OpenID Connect provider. Its URL is in its ARN.
type IAMOIDCProvider struct {
	ARN                    string
	ClientIDs, Thumbprints []string
	Tags                   []IAMTag
	CreatedAt              time.Time
}

const iamOIDCColumns = `arn, client_ids, thumbprints, tags, created_at`

func scanIAMOIDCProvider(row scanner) (*IAMOIDCProvider, error) {
	p := &IAMOIDCProvider{}
	var clients, thumbprints, tags string
	var created int64
	if err := row.Scan(&p.ARN, &clients, &thumbprints, &tags, &created); err != nil {
		return nil, err
	}
	p.CreatedAt = fromMicros(created)
	if err := errors.Join(fromJSON(clients, &p.ClientIDs), fromJSON(thumbprints, &p.Thumbprints), fromJSON(tags, &p.Tags)); err != nil {
		return nil, fmt.Errorf("store: lists of %s: %w", p.ARN, err)
	}
	return p, nil
}

// InsertIAMOIDCProvider creates a provider; ErrConflict when there is one of
// that ARN, and the transaction goes on.
func InsertIAMOIDCProvider(tx *Tx, p *IAMOIDCProvider) error {
	tx.ConfigChanged()
	n, err := tx.exec(`insert into iam_oidc_providers (`+iamOIDCColumns+`) values ($1, $2, $3, $4, $5) on conflict do nothing`,
		p.ARN, toJSON(p.ClientIDs), toJSON(p.Thumbprints), toJSON(p.Tags), micros(p.CreatedAt))
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// UpdateIAMOIDCProvider writes a provider's lists.
func UpdateIAMOIDCProvider(tx *Tx, p *IAMOIDCProvider) error {
	tx.ConfigChanged()
	return tx.execOne(`update iam_oidc_providers set client_ids = $2, thumbprints = $3, tags = $4 where arn = $1`,
		p.ARN, toJSON(p.ClientIDs), toJSON(p.Thumbprints), toJSON(p.Tags))
}

// IAMOIDCProviderByARN is the provider, or ErrNotFound.
func IAMOIDCProviderByARN(tx *Tx, arn string) (*IAMOIDCProvider, error) {
	return scanIAMOIDCProvider(tx.queryRow(`select `+iamOIDCColumns+` from iam_oidc_providers where arn = $1`, arn))
}

// IAMOIDCProviders lists providers by ARN, at most limit of them.
func IAMOIDCProviders(tx *Tx, limit int) ([]*IAMOIDCProvider, error) {
	return collect(tx, scanIAMOIDCProvider, `select `+iamOIDCColumns+` from iam_oidc_providers order by arn limit $1`, limit)
}

// DeleteIAMOIDCProvider removes a provider; one that is not there is fine.
func DeleteIAMOIDCProvider(tx *Tx, arn string) error {
	tx.ConfigChanged()
	_, err := tx.exec(`delete from iam_oidc_providers where arn = $1`, arn)
	return err
}
