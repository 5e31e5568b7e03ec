package pool

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

// Fold is a user name, or the value of an e-mail or preferred_username alias,
// as the pool compares it.
func (p *Pool) Fold(name string) string {
	if p.CaseSensitive() {
		return name
	}
	return strings.ToLower(name)
}

// UsesAttributesAsNames reports whether users sign up with an e-mail address
// or phone number in place of a name. Their user name is their sub then.
func (p *Pool) UsesAttributesAsNames() bool { return len(p.Settings.UsernameAttributes) > 0 }

// HasAlias reports whether an attribute's value can stand for the user name.
func (p *Pool) HasAlias(name string) bool {
	return slices.Contains(p.Settings.AliasAttributes, cognitoidp.AliasAttributeType(name)) ||
		slices.Contains(p.Settings.UsernameAttributes, cognitoidp.UsernameAttributeType(name))
}

// aliasAttributes are the attributes that can be aliases at all.
var aliasAttributes = []string{"email", "phone_number", "preferred_username"}

// NameAttribute is the attribute that a typed name belongs to in a pool whose
// users sign up with attributes: "email" or "phone_number".
func (p *Pool) NameAttribute(typed string) (string, error) {
	email := slices.Contains(p.Settings.UsernameAttributes, cognitoidp.UsernameAttributeTypeEmail)
	phone := slices.Contains(p.Settings.UsernameAttributes, cognitoidp.UsernameAttributeTypePhoneNumber)
	switch {
	case email && IsEmail(typed):
		return "email", nil
	case phone && IsPhone(typed):
		return "phone_number", nil
	case email && phone:
		return "", invalid("Username should be either an email or a phone number.")
	case email:
		return "", invalid("Username should be an email.")
	}
	return "", invalid("Username should be a phone number.")
}

// CheckNewName refuses a user name that looks like an alias of the pool.
func (p *Pool) CheckNewName(name string) error {
	if p.UsesAttributesAsNames() {
		_, err := p.NameAttribute(name)
		return err
	}
	if p.HasAlias("email") && IsEmail(name) {
		return invalid("Username cannot be of email format, since user pool is configured for email alias.")
	}
	if p.HasAlias("phone_number") && IsPhone(name) {
		return invalid("Username cannot be of phone number format, since user pool is configured for phone number alias.")
	}
	return nil
}

var uuidShape = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// IsUUID reports whether a name has the form of a sub.
func IsUUID(name string) bool { return len(name) == 36 && uuidShape.MatchString(name) }

// FindUser finds a user by what somebody typed: the user name, the sub, or an
// alias that the pool has, in this order: a user who takes another's sub for an
// alias gains nothing. It returns store.ErrNotFound.
func (p *Pool) FindUser(tx *store.Tx, typed string) (*store.User, error) {
	u, err := store.UserByName(tx, p.ID, p.Fold(typed))
	if !errors.Is(err, store.ErrNotFound) {
		return u, err
	}
	if IsUUID(typed) {
		if u, err = store.UserBySub(tx, p.ID, typed); !errors.Is(err, store.ErrNotFound) {
			return u, err
		}
	}
	for _, name := range aliasAttributes {
		if !p.HasAlias(name) {
			continue
		}
		if u, err = store.UserByAlias(tx, p.ID, name, p.FoldAlias(name, typed)); !errors.Is(err, store.ErrNotFound) {
			return u, err
		}
	}
	return nil, store.ErrNotFound
}

// FoldAlias is the value of an alias as the pool compares it. Phone numbers
// have no case.
func (p *Pool) FoldAlias(name, value string) string {
	if name == "phone_number" {
		return value
	}
	return p.Fold(value)
}

// Aliases are the aliases that a user holds by the user's attributes: verified
// ones in a pool with aliases, any in a pool whose names are attributes. Who
// signs in elsewhere holds none: they are for signing in here.
func (p *Pool) Aliases(u *store.User) map[string]string {
	held := map[string]string{}
	if u.Status == string(cognitoidp.UserStatusTypeExternalProvider) {
		return held
	}
	for _, name := range aliasAttributes {
		value, ok := u.Attribute(name)
		if !ok || !p.HasAlias(name) {
			continue
		}
		if !p.UsesAttributesAsNames() && name != "preferred_username" {
			if v, _ := u.Attribute(name + "_verified"); v != "true" {
				continue
			}
		}
		held[name] = p.FoldAlias(name, value)
	}
	return held
}

// UpdateAliases brings the alias table from old to new. It returns the name of
// an alias that somebody else holds, with store.ErrConflict.
func (p *Pool) UpdateAliases(tx *store.Tx, old, u *store.User) (taken string, err error) {
	before := map[string]string{}
	if old != nil {
		before = p.Aliases(old)
	}
	after := p.Aliases(u)
	for _, name := range aliasAttributes {
		if v, had := before[name]; had && after[name] != v {
			if err := store.DropAlias(tx, p.ID, name, v, u.Sub); err != nil {
				return "", err
			}
		}
	}
	for _, name := range aliasAttributes {
		v, has := after[name]
		if !has || before[name] == v {
			continue
		}
		holder, err := store.UserByAlias(tx, p.ID, name, v)
		if err == nil && holder.Sub != u.Sub {
			return name, store.ErrConflict
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
		if err := store.SetAlias(tx, p.ID, name, v, u.Sub); err != nil {
			return name, err
		}
	}
	return "", nil
}
