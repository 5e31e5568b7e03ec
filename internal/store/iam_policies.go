package store

import (
	"fmt"
	"time"
)

// An IAMPolicy is a customer managed policy.
type IAMPolicy struct {
	ARN, ID, Name, Path, Description string
	Tags                             []IAMTag
	// DefaultVersion is in force; LastVersion is the highest number that was
	// ever given, since numbers are not given twice.
	DefaultVersion, LastVersion int64
	CreatedAt, UpdatedAt        time.Time

	// Attached and Boundaries count the entities that have it as a policy and
	// as a permissions boundary. They are read, never written.
	Attached, Boundaries int
}

// An IAMPolicyVersion is one version of a customer managed policy.
type IAMPolicyVersion struct {
	Version   int64
	Document  string
	CreatedAt time.Time
}

const iamPolicyColumns = `p.arn, p.id, p.name, p.path, p.description, p.tags, p.default_version, p.last_version, p.created_at, p.updated_at,
	(select count(*) from iam_attachments a where a.policy_arn = p.arn), (select count(*) from iam_entities b where b.boundary = p.arn)`

func scanIAMPolicy(row scanner) (*IAMPolicy, error) {
	p := &IAMPolicy{}
	var tags string
	var created, updated int64
	if err := row.Scan(&p.ARN, &p.ID, &p.Name, &p.Path, &p.Description, &tags, &p.DefaultVersion, &p.LastVersion, &created, &updated,
		&p.Attached, &p.Boundaries); err != nil {
		return nil, err
	}
	p.CreatedAt, p.UpdatedAt = fromMicros(created), fromMicros(updated)
	if err := fromJSON(tags, &p.Tags); err != nil {
		return nil, fmt.Errorf("store: tags of %s: %w", p.ARN, err)
	}
	return p, nil
}

// InsertIAMPolicy creates a policy without versions; ErrConflict when there is
// one of that name, and the transaction goes on.
func InsertIAMPolicy(tx *Tx, p *IAMPolicy) error {
	tx.ConfigChanged()
	n, err := tx.exec(`insert into iam_policies (arn, id, name, name_key, path, description, tags, default_version, last_version, created_at, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing`,
		p.ARN, p.ID, p.Name, IAMNameKey(p.Name), p.Path, p.Description, toJSON(p.Tags), p.DefaultVersion, p.LastVersion, micros(p.CreatedAt), micros(p.UpdatedAt))
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// UpdateIAMPolicy writes a policy's tags and which of its versions count.
func UpdateIAMPolicy(tx *Tx, p *IAMPolicy) error {
	tx.ConfigChanged()
	return tx.execOne(`update iam_policies set tags = $2, default_version = $3, last_version = $4, updated_at = $5 where arn = $1`,
		p.ARN, toJSON(p.Tags), p.DefaultVersion, p.LastVersion, micros(p.UpdatedAt))
}

// DeleteIAMPolicy removes a policy and its versions.
func DeleteIAMPolicy(tx *Tx, arn string) error {
	tx.ConfigChanged()
	if _, err := tx.exec(`delete from iam_policy_versions where arn = $1`, arn); err != nil {
		return err
	}
	return tx.execOne(`delete from iam_policies where arn = $1`, arn)
}

// IAMPolicyByARN is the policy, or ErrNotFound.
func IAMPolicyByARN(tx *Tx, arn string) (*IAMPolicy, error) {
	return scanIAMPolicy(tx.queryRow(`select `+iamPolicyColumns+` from iam_policies p where p.arn = $1`, arn))
}

// The uses of a policy.
const (
	IAMPermissionsPolicy   = "PermissionsPolicy"
	IAMPermissionsBoundary = "PermissionsBoundary"
)

// IAMPolicies lists policies whose path begins with pathPrefix, by name key,
// after the given one. use, if not empty, keeps those that are in that use;
// inUse those in any.
func IAMPolicies(tx *Tx, pathPrefix, use string, inUse bool, after string, limit int) ([]*IAMPolicy, error) {
	where := ``
	attached, boundary := `exists (select 1 from iam_attachments a where a.policy_arn = p.arn)`, `exists (select 1 from iam_entities b where b.boundary = p.arn)`
	switch {
	case use == IAMPermissionsPolicy:
		where = ` and ` + attached
	case use == IAMPermissionsBoundary:
		where = ` and ` + boundary
	case inUse:
		where = ` and (` + attached + ` or ` + boundary + `)`
	}
	return collect(tx, scanIAMPolicy, `select `+iamPolicyColumns+` from iam_policies p
		where p.path >= $1 and p.path < $2 and p.name_key > $3`+where+` order by p.name_key limit $4`,
		pathPrefix, pathPrefix+lastRune, after, limit)
}

// CountIAMPolicies counts policies and their versions.
func CountIAMPolicies(tx *Tx) (policies, versions int, err error) {
	err = tx.queryRow(`select (select count(*) from iam_policies), (select count(*) from iam_policy_versions)`).Scan(&policies, &versions)
	return policies, versions, err
}

func scanIAMPolicyVersion(row scanner) (IAMPolicyVersion, error) {
	v := IAMPolicyVersion{}
	var created int64
	err := row.Scan(&v.Version, &v.Document, &created)
	v.CreatedAt = fromMicros(created)
	return v, err
}

// InsertIAMPolicyVersion adds a version to a policy.
func InsertIAMPolicyVersion(tx *Tx, arn string, v IAMPolicyVersion) error {
	tx.ConfigChanged()
	_, err := tx.exec(`insert into iam_policy_versions (arn, version, document, created_at) values ($1, $2, $3, $4)`,
		arn, v.Version, v.Document, micros(v.CreatedAt))
	return err
}

// IAMPolicyVersionOf is one version of a policy, or ErrNotFound.
func IAMPolicyVersionOf(tx *Tx, arn string, version int64) (IAMPolicyVersion, error) {
	return scanIAMPolicyVersion(tx.queryRow(`select version, document, created_at from iam_policy_versions where arn = $1 and version = $2`, arn, version))
}

// IAMPolicyVersions are a policy's versions, the newest first.
func IAMPolicyVersions(tx *Tx, arn string) ([]IAMPolicyVersion, error) {
	return collect(tx, scanIAMPolicyVersion, `select version, document, created_at from iam_policy_versions where arn = $1 order by version desc`, arn)
}

// DeleteIAMPolicyVersion removes a version.
func DeleteIAMPolicyVersion(tx *Tx, arn string, version int64) error {
	tx.ConfigChanged()
	return tx.execOne(`delete from iam_policy_versions where arn = $1 and version = $2`, arn, version)
}

// AttachIAMPolicy gives an entity a managed policy; having it already is fine.
func AttachIAMPolicy(tx *Tx, ownerID, arn string) error {
	tx.ConfigChanged()
	_, err := tx.exec(`insert into iam_attachments (owner_id, policy_arn) values ($1, $2) on conflict do nothing`, ownerID, arn)
	return err
}

// DetachIAMPolicy takes a managed policy from an entity, or answers
// ErrNotFound.
func DetachIAMPolicy(tx *Tx, ownerID, arn string) error {
	tx.ConfigChanged()
	return tx.execOne(`delete from iam_attachments where owner_id = $1 and policy_arn = $2`, ownerID, arn)
}

func scanText(row scanner) (text string, err error) {
	err = row.Scan(&text)
	return text, err
}

// IAMAttachedPolicies are the ARNs of an entity's managed policies, which are
// few.
func IAMAttachedPolicies(tx *Tx, ownerID string) ([]string, error) {
	return collect(tx, scanText, `select policy_arn from iam_attachments where owner_id = $1 order by policy_arn`, ownerID)
}

// IAMPolicyUse counts the entities that have a policy attached and as a
// boundary. It is for AWS's policies, which have no row.
func IAMPolicyUse(tx *Tx, arn string) (attached, boundaries int, err error) {
	err = tx.queryRow(`select (select count(*) from iam_attachments a where a.policy_arn = $1), (select count(*) from iam_entities e where e.boundary = $1)`, arn).
		Scan(&attached, &boundaries)
	return attached, boundaries, err
}

// IAMPolicyEntities lists the entities that use a policy, by kind and name key,
// after the given ones. kind and use may be empty for all.
func IAMPolicyEntities(tx *Tx, arn, kind, use, pathPrefix, afterKind, afterKey string, limit int) ([]*IAMEntity, error) {
	attached, boundary := `exists (select 1 from iam_attachments a where a.owner_id = e.id and a.policy_arn = $1)`, `e.boundary = $1`
	where := `(` + attached + ` or ` + boundary + `)`
	switch use {
	case IAMPermissionsPolicy:
		where = attached
	case IAMPermissionsBoundary:
		where = boundary
	}
	args := []any{arn, pathPrefix, pathPrefix + lastRune, afterKind, afterKey, limit}
	if kind != "" {
		where += ` and e.kind = $7`
		args = append(args, kind)
	}
	return collect(tx, scanIAMEntity, `select `+iamEntityColumns+` from iam_entities e
		where `+where+` and e.path >= $2 and e.path < $3 and (e.kind, e.name_key) > ($4, $5) order by e.kind, e.name_key limit $6`, args...)
}

// An IAMInlinePolicy is a policy that is part of an entity.
type IAMInlinePolicy struct{ Name, Document string }

func scanIAMInlinePolicy(row scanner) (p IAMInlinePolicy, err error) {
	err = row.Scan(&p.Name, &p.Document)
	return p, err
}

// PutIAMInlinePolicy creates an entity's inline policy or replaces it.
func PutIAMInlinePolicy(tx *Tx, ownerID string, p IAMInlinePolicy) error {
	tx.ConfigChanged()
	_, err := tx.exec(`insert into iam_inline_policies (owner_id, name, document) values ($1, $2, $3)
		on conflict (owner_id, name) do update set document = excluded.document`, ownerID, p.Name, p.Document)
	return err
}

// IAMInlinePolicies are an entity's inline policies by name; the limit on their
// size keeps them few.
func IAMInlinePolicies(tx *Tx, ownerID string) ([]IAMInlinePolicy, error) {
	return collect(tx, scanIAMInlinePolicy, `select name, document from iam_inline_policies where owner_id = $1 order by name`, ownerID)
}

// IAMInlinePolicyOf is one inline policy of an entity, or ErrNotFound.
func IAMInlinePolicyOf(tx *Tx, ownerID, name string) (IAMInlinePolicy, error) {
	return scanIAMInlinePolicy(tx.queryRow(`select name, document from iam_inline_policies where owner_id = $1 and name = $2`, ownerID, name))
}

// DeleteIAMInlinePolicy removes an inline policy, or answers ErrNotFound.
func DeleteIAMInlinePolicy(tx *Tx, ownerID, name string) error {
	tx.ConfigChanged()
	return tx.execOne(`delete from iam_inline_policies where owner_id = $1 and name = $2`, ownerID, name)
}
