package userpool

import (
	"errors"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// candidate is a row on its way to be a user.
type candidate struct {
	line int64
	user *store.User // nil when the row cannot become one
	// named is the attribute that the row's user name became in a pool whose
	// names are attributes, else "".
	named   string
	outcome string // why there is no user
}

// Outcomes of rows, in the words of AWS's log ("Viewing the user pool import
// results in the CloudWatch console"). As there, a log names lines and never
// quotes what stands in them.
const (
	rowExists     = "[SKIPPED] Line Number %d - The user already exists."
	rowFailed     = "[FAILED] Line Number %d - %s"
	rowUnverified = "The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true)."
)

// newCandidate makes a user of a row by the rules of AdminCreateUser, without
// a password.
func newCandidate(p *pool.Pool, columns []string, row *importRow) *candidate {
	c := &candidate{line: row.line}
	u, named, err := importedUser(p, columns, row.cells)
	if err != nil {
		c.outcome = refusalText(err)
		return c
	}
	c.user, c.named = u, named
	return c
}

// refusalText is what a refusal says, on one line.
func refusalText(err error) string {
	text := err.Error()
	var refused *cognitoidp.InvalidParameterException
	var alias *cognitoidp.AliasExistsException
	switch {
	case errors.As(err, &refused):
		text = refused.Message
	case errors.As(err, &alias):
		text = alias.Message
	}
	return strings.Join(strings.Fields(text), " ")
}

func importedUser(p *pool.Pool, columns, cells []string) (u *store.User, named string, err error) {
	if len(cells) != len(columns) {
		return nil, "", invalid("The row has not as many cells as the header.")
	}
	var username, mfa string
	var given []store.Attribute
	for i, name := range columns {
		switch value := cells[i]; {
		case name == usernameColumn:
			username = value
		case name == mfaColumn:
			mfa = strings.ToLower(value)
		case value == "":
		case name == "email_verified" || name == "phone_number_verified":
			given = append(given, store.Attribute{Name: name, Value: strings.ToLower(value)})
		default:
			given = append(given, store.Attribute{Name: name, Value: strings.Clone(value)})
		}
	}
	if err := checkForm(p, username, given); err != nil {
		return nil, "", err
	}
	if err := checkMFA(p, mfa); err != nil {
		return nil, "", err
	}
	if u, err = newUser(p, strings.Clone(username), given); err != nil {
		return nil, "", err
	}
	if p.UsesAttributesAsNames() {
		if named, err = p.NameAttribute(username); err != nil {
			return nil, "", err
		}
	}
	if err := p.Schema.CheckRequired(u.Attributes); err != nil {
		return nil, "", err
	}
	u.Status = string(cognitoidp.UserStatusTypeResetRequired)
	return u, named, checkVerified(p, u)
}

// checkForm asks of a row what the model asks of AdminCreateUser's input.
func checkForm(p *pool.Pool, username string, given []store.Attribute) error {
	if username == "" {
		return invalid("The column " + usernameColumn + " is required.")
	}
	in := &cognitoidp.AdminCreateUserInput{UserPoolId: &p.ID, Username: new(api.Secret(username))}
	for _, a := range given {
		in.UserAttributes = append(in.UserAttributes, cognitoidp.AttributeType{Name: &a.Name, Value: new(api.Secret(a.Value))})
	}
	var v api.Violations
	in.Validate(&v)
	if text := v.Message(); text != "" {
		return invalid(text)
	}
	return nil
}

// checkMFA: a user whose row asks for a second factor is not made without it.
// Where the pool has none the cell means nothing.
func checkMFA(p *pool.Pool, mfa string) error {
	if mfa != "true" && mfa != "false" {
		return invalid("The column " + mfaColumn + " must be true or false.")
	}
	m := p.Settings.MfaConfiguration
	if mfa == "true" && m != nil && *m != cognitoidp.UserPoolMfaTypeOff {
		return invalid("The column " + mfaColumn + " is true, and users cannot be imported with MFA here.")
	}
	return nil
}

// checkVerified wants an address that the pool verifies by itself to be
// verified, because that is how the user gets a password.
func checkVerified(p *pool.Pool, u *store.User) error {
	some := false
	for _, name := range []string{"email", "phone_number"} {
		if v, _ := u.Attribute(name + "_verified"); v != "true" {
			continue
		}
		if _, has := u.Attribute(name); !has {
			return invalid("The column " + name + " is required when " + name + "_verified is true.")
		}
		some = some || p.AutoVerified(name)
	}
	if !some {
		return invalid(rowUnverified)
	}
	return nil
}

// insertCandidate adds a row's user. It looks before it inserts: a statement
// that fails would take the whole batch with it. exists says that the user was
// there already, refusal why the row cannot become a user.
func insertCandidate(tx *store.Tx, p *pool.Pool, c *candidate) (exists bool, refusal, err error) {
	u := c.user
	aliases := p.Aliases(u)
	if c.named == "" {
		if exists, err = found(store.UserByName(tx, p.ID, u.UsernameKey)); exists || err != nil {
			return exists, nil, err
		}
		if pool.IsUUID(u.UsernameKey) { // another user's sub is taken
			if exists, err = found(store.UserBySub(tx, p.ID, u.UsernameKey)); exists || err != nil {
				return exists, nil, err
			}
		}
	}
	names := make([]string, 0, len(aliases))
	for name := range aliases {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		taken, err := found(store.UserByAlias(tx, p.ID, name, aliases[name]))
		if err != nil {
			return false, nil, err
		}
		if taken && name == c.named {
			return true, nil, nil
		}
		if taken {
			refusal = aliasExists(name)
		}
	}
	if refusal != nil {
		return false, refusal, nil
	}
	u.CreatedAt, u.Updated, u.PasswordAt = tx.Now, tx.Now, tx.Now
	if err := store.InsertUser(tx, u); err != nil {
		return false, nil, err
	}
	for _, name := range names {
		if err := store.SetAlias(tx, p.ID, name, aliases[name], u.Sub); err != nil {
			return false, nil, err
		}
	}
	return false, nil, nil
}

// found reports whether a look-up found a user.
func found(_ *store.User, err error) (bool, error) {
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
