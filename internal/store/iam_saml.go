package store

import (
	"fmt"
	"time"
)

// An IAMSAMLProvider is a SAML provider. Its name is in its ARN.
type IAMSAMLProvider struct {
	ARN, ID    string
	Metadata   string    // XML
	ValidUntil time.Time // zero where the metadata does not say
	Tags       []IAMTag
	CreatedAt  time.Time
}

const iamSAMLColumns = `arn, id, metadata, valid_until, tags, created_at`

func scanIAMSAMLProvider(row scanner) (*IAMSAMLProvider, error) {
	p := &IAMSAMLProvider{}
	var tags string
	var until, created int64
	if err := row.Scan(&p.ARN, &p.ID, &p.Metadata, &until, &tags, &created); err != nil {
		return nil, err
	}
	p.ValidUntil, p.CreatedAt = fromMicros(until), fromMicros(created)
	if err := fromJSON(tags, &p.Tags); err != nil {
		return nil, fmt.Errorf("store: tags of %s: %w", p.ARN, err)
	}
	return p, nil
}

// InsertIAMSAMLProvider creates a provider; ErrConflict when there is one of
// that ARN, and the transaction goes on.
func InsertIAMSAMLProvider(tx *Tx, p *IAMSAMLProvider) error {
	tx.ConfigChanged()
	n, err := tx.exec(`insert into iam_saml_providers (`+iamSAMLColumns+`) values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
		p.ARN, p.ID, p.Metadata, micros(p.ValidUntil), toJSON(p.Tags), micros(p.CreatedAt))
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// UpdateIAMSAMLProvider writes a provider's metadata and tags.
func UpdateIAMSAMLProvider(tx *Tx, p *IAMSAMLProvider) error {
	tx.ConfigChanged()
	return tx.execOne(`update iam_saml_providers set metadata = $2, valid_until = $3, tags = $4 where arn = $1`,
		p.ARN, p.Metadata, micros(p.ValidUntil), toJSON(p.Tags))
}

// IAMSAMLProviderByARN is the provider, or ErrNotFound.
func IAMSAMLProviderByARN(tx *Tx, arn string) (*IAMSAMLProvider, error) {
	return scanIAMSAMLProvider(tx.queryRow(`select `+iamSAMLColumns+` from iam_saml_providers where arn = $1`, arn))
}

// IAMSAMLProviders lists providers by ARN, at most limit of them.
func IAMSAMLProviders(tx *Tx, limit int) ([]*IAMSAMLProvider, error) {
	return collect(tx, scanIAMSAMLProvider, `select `+iamSAMLColumns+` from iam_saml_providers order by arn limit $1`, limit)
}

// DeleteIAMSAMLProvider removes a provider, or answers ErrNotFound.
func DeleteIAMSAMLProvider(tx *Tx, arn string) error {
	tx.ConfigChanged()
	return tx.execOne(`delete from iam_saml_providers where arn = $1`, arn)
}
