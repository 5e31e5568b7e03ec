package store

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Attribute is an attribute of a user. All values are text.
type Attribute struct{ Name, Value string }

// User is a user's row.
type User struct {
	PoolID, Sub        string
	Username           string // as shown
	UsernameKey        string // as compared: folded where the pool ignores case
	Status             string // UserStatusType
	Enabled            bool
	Attributes         []Attribute // without sub
	Password           []byte      // password.Record, sealed at rest; nil for none
	PasswordAt         time.Time   // when the password was set
	Counter            FailureCounter
	CreatedAt, Updated time.Time
}

// FailureCounter counts failed password checks: those in a row, the last of
// them, and those of the day that began at DayStart. A user has one, for all
// doors.
type FailureCounter struct {
	Failures    int
	FailedAt    time.Time
	DayFailures int
	DayStart    time.Time
}

// Attribute is the value of an attribute and whether there is one.
func (u *User) Attribute(name string) (string, bool) {
	if name == "sub" {
		return u.Sub, true
	}
	for _, a := range u.Attributes {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// SetAttribute sets an attribute; an empty value removes it.
func (u *User) SetAttribute(name, value string) {
	for i, a := range u.Attributes {
		if a.Name == name {
			if value == "" {
				u.Attributes = append(u.Attributes[:i:i], u.Attributes[i+1:]...)
			} else {
				u.Attributes[i].Value = value
			}
			return
		}
	}
	if value != "" {
		u.Attributes = append(u.Attributes, Attribute{name, value})
	}
}

// Indexed are the attributes that ListUsers can search, besides the user name,
// sub and status, which have columns.
var Indexed = []string{"email", "phone_number", "name", "given_name", "family_name", "preferred_username"}

const userColumns = `u.pool_id, u.sub, u.username, u.username_key, u.status, u.enabled, u.attributes, u.password, u.password_at,
	u.failures, u.failed_at, u.day_failures, u.day_start, u.created_at, u.updated_at`

func (tx *Tx) scanUser(r scanner, more ...any) (*User, error) {
	u := &User{}
	var attributes string
	var sealed []byte
	var passwordAt, failedAt, dayStart, created, updated int64
	err := r.Scan(append([]any{&u.PoolID, &u.Sub, &u.Username, &u.UsernameKey, &u.Status, &u.Enabled, &attributes, &sealed, &passwordAt,
		&u.Counter.Failures, &failedAt, &u.Counter.DayFailures, &dayStart, &created, &updated}, more...)...)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(attributes), &u.Attributes); err != nil {
		return nil, err
	}
	if len(sealed) > 0 {
		if u.Password, err = tx.open("password", u.PoolID+"/"+u.Sub, sealed); err != nil {
			return nil, err
		}
	}
	u.PasswordAt, u.Counter.FailedAt, u.Counter.DayStart = fromMicros(passwordAt), fromMicros(failedAt), fromMicros(dayStart)
	u.CreatedAt, u.Updated = fromMicros(created), fromMicros(updated)
	return u, nil
}

func (tx *Tx) userArgs(u *User) ([]any, error) {
	if u.Attributes == nil {
		u.Attributes = []Attribute{}
	}
	attributes, err := json.Marshal(u.Attributes)
	if err != nil {
		return nil, err
	}
	var sealed []byte
	if len(u.Password) > 0 {
		sealed = tx.seal("password", u.PoolID+"/"+u.Sub, u.Password)
	}
	return []any{u.PoolID, u.Sub, u.Username, u.UsernameKey, u.Status, u.Enabled, string(attributes), sealed, micros(u.PasswordAt),
		u.Counter.Failures, micros(u.Counter.FailedAt), u.Counter.DayFailures, micros(u.Counter.DayStart), micros(u.CreatedAt), micros(u.Updated)}, nil
}

// InsertUser adds a user; ErrConflict when the name is taken.
func InsertUser(tx *Tx, u *User) error {
	args, err := tx.userArgs(u)
	if err != nil {
		return err
	}
	if _, err := tx.exec(`insert into users (pool_id, sub, username, username_key, status, enabled, attributes, password, password_at,
		failures, failed_at, day_failures, day_start, created_at, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`, args...); err != nil {
		return err
	}
	return tx.indexUser(u, nil)
}

// UpdateUser replaces a user's row; old is the row as it was read in this
// transaction.
func UpdateUser(tx *Tx, u, old *User) error {
	args, err := tx.userArgs(u)
	if err != nil {
		return err
	}
	n, err := tx.exec(`update users set username = $3, username_key = $4, status = $5, enabled = $6, attributes = $7, password = $8,
		password_at = $9, failures = $10, failed_at = $11, day_failures = $12, day_start = $13, created_at = $14, updated_at = $15
		where pool_id = $1 and sub = $2`, args...)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return err
	}
	return tx.indexUser(u, old)
}

// UpdateCounters writes only the failure counter of a user.
func UpdateCounters(tx *Tx, u *User) error {
	_, err := tx.exec(`update users set failures = $3, failed_at = $4, day_failures = $5, day_start = $6 where pool_id = $1 and sub = $2`,
		u.PoolID, u.Sub, u.Counter.Failures, micros(u.Counter.FailedAt), u.Counter.DayFailures, micros(u.Counter.DayStart))
	return err
}

// RenewPassword keeps the same password in another record: nothing else of the
// user changes, PasswordAt included.
func RenewPassword(tx *Tx, u *User, record []byte) error {
	u.Password = record
	_, err := tx.exec(`update users set password = $3 where pool_id = $1 and sub = $2`, u.PoolID, u.Sub, tx.seal("password", u.PoolID+"/"+u.Sub, record))
	return err
}

// NameCounter is the counter of a name that no user has. It is kept so that
// such a name is locked out exactly as a user's is, and nobody can tell them
// apart. digest stands for the name.
func NameCounter(tx *Tx, poolID, digest string) (c FailureCounter, err error) {
	var failedAt, dayStart int64
	err = tx.queryRow(`select failures, failed_at, day_failures, day_start from unknown_names where pool_id = $1 and digest = $2`, poolID, digest).
		Scan(&c.Failures, &failedAt, &c.DayFailures, &dayStart)
	if errors.Is(err, ErrNotFound) {
		return FailureCounter{}, nil
	}
	c.FailedAt, c.DayStart = fromMicros(failedAt), fromMicros(dayStart)
	return c, err
}

// PutNameCounter writes the counter of a name that no user has, until expires.
func PutNameCounter(tx *Tx, poolID, digest string, c FailureCounter, expires time.Time) error {
	_, err := tx.exec(`insert into unknown_names (pool_id, digest, failures, failed_at, day_failures, day_start, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7) on conflict (pool_id, digest) do update set failures = excluded.failures, failed_at = excluded.failed_at,
		day_failures = excluded.day_failures, day_start = excluded.day_start, expires_at = excluded.expires_at`,
		poolID, digest, c.Failures, micros(c.FailedAt), c.DayFailures, micros(c.DayStart), micros(expires))
	return err
}

// indexUser keeps user_index to the searchable attributes.
func (tx *Tx) indexUser(u, old *User) error {
	for _, name := range Indexed {
		value, _ := u.Attribute(name)
		was := ""
		if old != nil {
			was, _ = old.Attribute(name)
		}
		if value == was {
			continue
		}
		if was != "" {
			if _, err := tx.exec(`delete from user_index where pool_id = $1 and name = $2 and value = $3 and sub = $4`, u.PoolID, name, was, u.Sub); err != nil {
				return err
			}
		}
		if value != "" {
			if _, err := tx.exec(`insert into user_index (pool_id, name, value, sub) values ($1, $2, $3, $4)`, u.PoolID, name, value, u.Sub); err != nil {
				return err
			}
		}
	}
	return nil
}

// UserBySub is the user, or ErrNotFound.
func UserBySub(tx *Tx, poolID, sub string) (*User, error) {
	return tx.scanUser(tx.queryRow(`select `+userColumns+` from users u where u.pool_id = $1 and u.sub = $2`, poolID, sub))
}

// UserByName is the user of that name, or ErrNotFound. The name is folded
// already where the pool ignores case.
func UserByName(tx *Tx, poolID, usernameKey string) (*User, error) {
	return tx.scanUser(tx.queryRow(`select `+userColumns+` from users u where u.pool_id = $1 and u.username_key = $2`, poolID, usernameKey))
}

// UserByAlias is the user who holds an alias, or ErrNotFound.
func UserByAlias(tx *Tx, poolID, name, value string) (*User, error) {
	return tx.scanUser(tx.queryRow(`select `+userColumns+` from user_aliases a join users u on u.pool_id = a.pool_id and u.sub = a.sub
		where a.pool_id = $1 and a.name = $2 and a.value = $3`, poolID, name, value))
}

// SetAlias gives an alias to a user; ErrConflict when somebody else holds it.
func SetAlias(tx *Tx, poolID, name, value, sub string) error {
	_, err := tx.exec(`insert into user_aliases (pool_id, name, value, sub) values ($1, $2, $3, $4)`, poolID, name, value, sub)
	return err
}

// DropAlias takes an alias from a user.
func DropAlias(tx *Tx, poolID, name, value, sub string) error {
	_, err := tx.exec(`delete from user_aliases where pool_id = $1 and name = $2 and value = $3 and sub = $4`, poolID, name, value, sub)
	return err
}

// DeleteUser removes a user and all that belongs to the user.
func DeleteUser(tx *Tx, u *User) error {
	if err := tx.indexUser(&User{PoolID: u.PoolID, Sub: u.Sub}, u); err != nil {
		return err
	}
	for _, table := range []string{"user_sessions", "user_attempts", "user_codes", "user_aliases", "user_group_members", "user_passwords", "user_identities",
		"user_software_tokens", "user_factors", "user_devices", "user_passkeys", "user_auth_events", "user_logins", "authorization_codes", "users"} {
		if _, err := tx.exec(`delete from `+table+` where pool_id = $1 and sub = $2`, u.PoolID, u.Sub); err != nil {
			return err
		}
	}
	return nil
}

// UserFilter selects users of a pool. Name is "", "sub", "username", "status"
// (the UserStatus), "enabled" ("true" or "false") or one of Indexed. Value is compared exactly, or
// as a prefix.
type UserFilter struct {
	Name, Value string
	Prefix      bool
}

// Users lists users in the order of the column that the filter searches
// (UserFilter.Key) and then of sub. A page begins after (afterKey, afterSub),
// both empty for the first.
func Users(tx *Tx, poolID string, f UserFilter, afterKey, afterSub string, limit int) ([]*User, error) {
	text, args := usersQuery(poolID, f, afterKey, afterSub, limit)
	return collect(tx, func(r scanner) (*User, error) { return tx.scanUser(r) }, text, args...)
}

// usersQuery is the statement of Users. Every one is a range of one index that
// begins where the page begins, so that its cost is that of the page, in a pool
// of any size and however deep. For that a column has one lower bound: of two,
// as a prefix and a position would be, SQLite may begin at the lower one and
// read its way to the other.
func usersQuery(poolID string, f UserFilter, afterKey, afterSub string, limit int) (text string, args []any) {
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	from, pool, sub := `users u`, `u.pool_id = `+arg(poolID), `u.sub`
	column := sub // of the index
	unique := true
	switch f.Name {
	case "", "sub":
	case "username":
		column = `u.username_key`
	case "status":
		column, unique = `u.status`, false
	case "enabled":
		// The few who are disabled have an index of their own; the others are
		// found by reading past these few. Literals, for the index's condition.
		if f.Value == "true" {
			pool += ` and u.enabled`
		} else {
			pool += ` and not u.enabled`
		}
		f = UserFilter{}
	default:
		from, sub = `user_index i join users u on u.pool_id = i.pool_id and u.sub = i.sub`, `i.sub`
		pool = `i.pool_id = $1 and i.name = ` + arg(f.Name)
		column, unique = `i.value`, false
	}
	where, order := []string{pool}, column+`, `+sub
	if unique {
		order = column
	}
	exact := f.Name != "" && !f.Prefix
	switch first := afterSub == ""; {
	case exact:
		where = append(where, column+` = `+arg(f.Value))
		if !first {
			after := arg(afterSub)
			where = append(where, sub+` > `+after)
			if sub != `u.sub` {
				// PostgreSQL may merge the two by sub, and would begin with the
				// pool's first user.
				where = append(where, `u.sub > `+after)
			}
		}
		if !unique {
			order = sub
		}
	case first && f.Prefix:
		where = append(where, column+` >= `+arg(f.Value))
	case first:
	case unique:
		where = append(where, column+` > `+arg(afterKey))
	default:
		where = append(where, `(`+column+`, `+sub+`) > (`+arg(afterKey)+`, `+arg(afterSub)+`)`)
	}
	if f.Prefix {
		// to the last text that begins so
		where = append(where, column+` < `+arg(f.Value+"\U0010FFFF"))
	}
	return `select ` + userColumns + ` from ` + from + ` where ` + strings.Join(where, ` and `) + ` order by ` + order + ` limit ` + arg(limit), args
}

// Key is the value of the column that the filter orders by.
func (f UserFilter) Key(u *User) string {
	switch f.Name {
	case "", "sub", "enabled":
		return u.Sub
	case "username":
		return u.UsernameKey
	case "status":
		return u.Status
	}
	v, _ := u.Attribute(f.Name)
	return v
}

// KeepPassword puts a former password record away, and forgets all but the
// newest keep of them.
func KeepPassword(tx *Tx, u *User, keep int) error {
	if len(u.Password) > 0 && keep > 0 {
		sealed := tx.seal("former password", u.PoolID+"/"+u.Sub, u.Password)
		if _, err := tx.exec(`insert into user_passwords (pool_id, sub, set_at, record) values ($1, $2, $3, $4)
			on conflict (pool_id, sub, set_at) do nothing`, u.PoolID, u.Sub, micros(u.PasswordAt), sealed); err != nil {
			return err
		}
	}
	_, err := tx.exec(`delete from user_passwords where pool_id = $1 and sub = $2 and set_at not in
		(select set_at from user_passwords where pool_id = $1 and sub = $2 order by set_at desc limit $3)`, u.PoolID, u.Sub, keep)
	return err
}

// FormerPasswords are the newest former password records of a user.
func FormerPasswords(tx *Tx, u *User, limit int) ([][]byte, error) {
	return collect(tx, func(r scanner) ([]byte, error) {
		var sealed []byte
		if err := r.Scan(&sealed); err != nil {
			return nil, err
		}
		return tx.open("former password", u.PoolID+"/"+u.Sub, sealed)
	}, `select record from user_passwords where pool_id = $1 and sub = $2 order by set_at desc limit $3`, u.PoolID, u.Sub, limit)
}
