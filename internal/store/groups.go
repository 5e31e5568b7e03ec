package store

import "time"

// Group is a group of a user pool. A lower precedence wins; nil counts last.
type Group struct {
	PoolID, Name, Description, RoleARN string
	Precedence                         *int
	CreatedAt, UpdatedAt               time.Time
}

const groupColumns = `g.pool_id, g.name, g.description, g.role_arn, g.precedence, g.created_at, g.updated_at`

func scanGroup(r scanner) (*Group, error) {
	g := &Group{}
	var precedence *int64
	var created, updated int64
	err := r.Scan(&g.PoolID, &g.Name, &g.Description, &g.RoleARN, &precedence, &created, &updated)
	if precedence != nil {
		g.Precedence = new(int(*precedence))
	}
	g.CreatedAt, g.UpdatedAt = fromMicros(created), fromMicros(updated)
	return g, err
}

// InsertGroup adds a group; ErrConflict when the name is taken.
func InsertGroup(tx *Tx, g *Group) error {
	tx.ConfigChanged()
	_, err := tx.exec(`insert into user_groups (pool_id, name, description, role_arn, precedence, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7)`,
		g.PoolID, g.Name, g.Description, g.RoleARN, precedenceArg(g), micros(g.CreatedAt), micros(g.UpdatedAt))
	return err
}

func precedenceArg(g *Group) any {
	if g.Precedence == nil {
		return nil
	}
	return int64(*g.Precedence)
}

// UpdateGroup replaces what can change of a group.
func UpdateGroup(tx *Tx, g *Group) error {
	tx.ConfigChanged()
	return tx.execOne(`update user_groups set description = $3, role_arn = $4, precedence = $5, updated_at = $6 where pool_id = $1 and name = $2`,
		g.PoolID, g.Name, g.Description, g.RoleARN, precedenceArg(g), micros(g.UpdatedAt))
}

// DeleteGroup removes a group and its memberships; ErrNotFound.
func DeleteGroup(tx *Tx, poolID, name string) error {
	tx.ConfigChanged()
	if _, err := tx.exec(`delete from user_group_members where pool_id = $1 and group_name = $2`, poolID, name); err != nil {
		return err
	}
	return tx.execOne(`delete from user_groups where pool_id = $1 and name = $2`, poolID, name)
}

// GroupByName is the group, or ErrNotFound.
func GroupByName(tx *Tx, poolID, name string) (*Group, error) {
	return scanGroup(tx.queryRow(`select `+groupColumns+` from user_groups g where g.pool_id = $1 and g.name = $2`, poolID, name))
}

// Groups lists a pool's groups by name, after the given one.
func Groups(tx *Tx, poolID, after string, limit int) ([]*Group, error) {
	return collect(tx, scanGroup, `select `+groupColumns+` from user_groups g where g.pool_id = $1 and g.name > $2 order by g.name limit $3`, poolID, after, limit)
}

// AddToGroup makes a user a member. Twice is no error.
func AddToGroup(tx *Tx, poolID, group, sub string) error {
	_, err := tx.exec(`insert into user_group_members (pool_id, group_name, sub) values ($1, $2, $3) on conflict (pool_id, group_name, sub) do nothing`, poolID, group, sub)
	return err
}

// RemoveFromGroup ends a membership. That there was none is no error.
func RemoveFromGroup(tx *Tx, poolID, group, sub string) error {
	_, err := tx.exec(`delete from user_group_members where pool_id = $1 and group_name = $2 and sub = $3`, poolID, group, sub)
	return err
}

// GroupsOfUser lists a user's groups by name, after the given one.
func GroupsOfUser(tx *Tx, poolID, sub, after string, limit int) ([]*Group, error) {
	return collect(tx, scanGroup, `select `+groupColumns+` from user_group_members m join user_groups g on g.pool_id = m.pool_id and g.name = m.group_name
		where m.pool_id = $1 and m.sub = $2 and m.group_name > $3 order by m.group_name limit $4`, poolID, sub, after, limit)
}

// UsersInGroup lists a group's members by sub, after the given one.
func UsersInGroup(tx *Tx, poolID, group, afterSub string, limit int) ([]*User, error) {
	return collect(tx, func(r scanner) (*User, error) { return tx.scanUser(r) }, `select `+userColumns+` from user_group_members m
		join users u on u.pool_id = m.pool_id and u.sub = m.sub
		where m.pool_id = $1 and m.group_name = $2 and m.sub > $3 order by m.sub limit $4`, poolID, group, afterSub, limit)
}

// HasGroups reports whether a pool has any group at all.
func HasGroups(tx *Tx, poolID string) (bool, error) {
	list, err := Groups(tx, poolID, "", 1)
	return len(list) > 0, err
}

// CountGroups is the number of groups of a pool.
func CountGroups(tx *Tx, poolID string) (n int, err error) {
	err = tx.queryRow(`select count(*) from user_groups where pool_id = $1`, poolID).Scan(&n)
	return n, err
}
