package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The kinds of IAMEntity.
const (
	IAMUser  = "user"
	IAMRole  = "role"
	IAMGroup = "group"
)

// RootOwner is the owner id of the root user's access keys.
const RootOwner = "root"

// An IAMTag is a tag. Tags keep the order in which they were given.
type IAMTag struct {
	Key   string `json:"k"`
	Value string `json:"v"`
}

// An IAMEntity is a user, a role or a group.
type IAMEntity struct {
	ID, Kind, Name, Path string // ID is the unique id: AIDA…, AROA…, AGPA…
	Boundary             string // ARN of the permissions boundary, or empty
	Tags                 []IAMTag
	CreatedAt            time.Time

	// Only of roles. TrustIDs are the unique ids of the users and roles that
	// the trust policy names, by their ARNs.
	Trust, Description string
	TrustIDs           map[string]string
	MaxSession         time.Duration
}

// IAMNameKey is the form in which names are unique.
func IAMNameKey(name string) string { return strings.ToLower(name) }

const iamEntityColumns = `e.id, e.kind, e.name, e.path, e.boundary, e.tags, e.trust, e.trust_ids, e.description, e.max_session, e.created_at`

func scanIAMEntity(row scanner) (*IAMEntity, error) {
	e := &IAMEntity{}
	var tags, ids string
	var seconds, created int64
	if err := row.Scan(&e.ID, &e.Kind, &e.Name, &e.Path, &e.Boundary, &tags, &e.Trust, &ids, &e.Description, &seconds, &created); err != nil {
		return nil, err
	}
	e.MaxSession, e.CreatedAt = time.Duration(seconds)*time.Second, fromMicros(created)
	if err := fromJSON(tags, &e.Tags); err != nil {
		return nil, fmt.Errorf("store: tags of %s: %w", e.ID, err)
	}
	if err := fromJSON(ids, &e.TrustIDs); err != nil {
		return nil, fmt.Errorf("store: trust ids of %s: %w", e.ID, err)
	}
	return e, nil
}

// fromJSON reads a column that holds JSON, or nothing.
func fromJSON(text string, v any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), v)
}

// toJSON is the inverse of fromJSON for lists and maps of strings.
func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings always encode
	}
	if string(b) == "null" {
		return ""
	}
	return string(b)
}

// InsertIAMEntity creates an entity; ErrConflict when its kind has one of that
// name, and the transaction goes on.
func InsertIAMEntity(tx *Tx, e *IAMEntity) error {
	tx.ConfigChanged()
	n, err := tx.exec(`insert into iam_entities (id, kind, name, name_key, path, boundary, tags, trust, trust_ids, description, max_session, created_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing`,
		e.ID, e.Kind, e.Name, IAMNameKey(e.Name), e.Path, e.Boundary, toJSON(e.Tags), e.Trust, toJSON(e.TrustIDs), e.Description,
		int64(e.MaxSession/time.Second), micros(e.CreatedAt))
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// UpdateIAMEntity writes all of an entity but its id, kind and creation. A name
// that another one has is a failed statement: look first.
func UpdateIAMEntity(tx *Tx, e *IAMEntity) error {
	tx.ConfigChanged()
	return tx.execOne(`update iam_entities set name = $2, name_key = $3, path = $4, boundary = $5, tags = $6, trust = $7, trust_ids = $8,
		description = $9, max_session = $10 where id = $1`,
		e.ID, e.Name, IAMNameKey(e.Name), e.Path, e.Boundary, toJSON(e.Tags), e.Trust, toJSON(e.TrustIDs), e.Description, int64(e.MaxSession/time.Second))
}

// DeleteIAMEntity removes an entity and whatever belongs to it.
func DeleteIAMEntity(tx *Tx, id string) error {
	tx.ConfigChanged()
	for _, statement := range []string{
		`delete from iam_group_members where user_id = $1`,
		`delete from iam_group_members where group_id = $1`,
		`delete from iam_access_keys where owner_id = $1`,
		`delete from iam_attachments where owner_id = $1`,
		`delete from iam_inline_policies where owner_id = $1`,
	} {
		if _, err := tx.exec(statement, id); err != nil {
			return err
		}
	}
	return tx.execOne(`delete from iam_entities where id = $1`, id)
}

// IAMEntityByName is the entity of that kind and name, in whatever case, or
// ErrNotFound.
func IAMEntityByName(tx *Tx, kind, name string) (*IAMEntity, error) {
	return scanIAMEntity(tx.queryRow(`select `+iamEntityColumns+` from iam_entities e where e.kind = $1 and e.name_key = $2`, kind, IAMNameKey(name)))
}

// IAMEntityByID is the entity of a unique id, or ErrNotFound.
func IAMEntityByID(tx *Tx, id string) (*IAMEntity, error) {
	return scanIAMEntity(tx.queryRow(`select `+iamEntityColumns+` from iam_entities e where e.id = $1`, id))
}

// lastRune ends a range of all texts that begin alike.
const lastRune = "\U0010FFFF"

// IAMEntities lists the entities of a kind whose path begins with pathPrefix,
// by name key, after the given one.
func IAMEntities(tx *Tx, kind, pathPrefix, after string, limit int) ([]*IAMEntity, error) {
	return collect(tx, scanIAMEntity, `select `+iamEntityColumns+` from iam_entities e
		where e.kind = $1 and e.path >= $2 and e.path < $3 and e.name_key > $4 order by e.name_key limit $5`,
		kind, pathPrefix, pathPrefix+lastRune, after, limit)
}

// CountIAM counts entities of a kind.
func CountIAM(tx *Tx, kind string) (n int, err error) {
	err = tx.queryRow(`select count(*) from iam_entities where kind = $1`, kind).Scan(&n)
	return n, err
}

// AddIAMGroupMember puts a user into a group; being there already is fine.
func AddIAMGroupMember(tx *Tx, groupID, userID string) error {
	tx.ConfigChanged()
	_, err := tx.exec(`insert into iam_group_members (group_id, user_id) values ($1, $2) on conflict do nothing`, groupID, userID)
	return err
}

// RemoveIAMGroupMember takes a user out of a group, or answers ErrNotFound.
func RemoveIAMGroupMember(tx *Tx, groupID, userID string) error {
	tx.ConfigChanged()
	return tx.execOne(`delete from iam_group_members where group_id = $1 and user_id = $2`, groupID, userID)
}

// IAMGroupMembers lists a group's users by name key, after the given one.
func IAMGroupMembers(tx *Tx, groupID, after string, limit int) ([]*IAMEntity, error) {
	return collect(tx, scanIAMEntity, `select `+iamEntityColumns+` from iam_group_members m join iam_entities e on e.id = m.user_id
		where m.group_id = $1 and e.name_key > $2 order by e.name_key limit $3`, groupID, after, limit)
}

// IAMGroupsOfUser lists a user's groups by name key, after the given one.
func IAMGroupsOfUser(tx *Tx, userID, after string, limit int) ([]*IAMEntity, error) {
	return collect(tx, scanIAMEntity, `select `+iamEntityColumns+` from iam_group_members m join iam_entities e on e.id = m.group_id
		where m.user_id = $1 and e.name_key > $2 order by e.name_key limit $3`, userID, after, limit)
}
