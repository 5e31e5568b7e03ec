package pool

import (
	"fmt"
	"math"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

// Schema is a pool's attributes in order, with their rules.
type Schema struct {
	list   []cognitoidp.SchemaAttributeType
	byName map[string]*cognitoidp.SchemaAttributeType
}

func newSchema(list []cognitoidp.SchemaAttributeType) Schema {
	s := Schema{list: list, byName: map[string]*cognitoidp.SchemaAttributeType{}}
	for i := range list {
		s.byName[*list[i].Name] = &list[i]
	}
	return s
}

// Attributes is the schema in order.
func (s Schema) Attributes() []cognitoidp.SchemaAttributeType { return s.list }

// Has reports whether the schema has an attribute.
func (s Schema) Has(name string) bool { return s.byName[name] != nil }

// standard are the standard attributes in the order in which Cognito lists
// them (user-pools.md, section 5).
var standard = []string{"sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
	"website", "email", "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number", "phone_number_verified", "address",
	"updated_at"}

// IsStandard reports whether name is a standard attribute.
func IsStandard(name string) bool { return slices.Contains(standard, name) }

// StandardSchema is the schema of a new pool.
func StandardSchema() []cognitoidp.SchemaAttributeType {
	var list []cognitoidp.SchemaAttributeType
	for _, name := range standard {
		a := cognitoidp.SchemaAttributeType{Name: new(name), AttributeDataType: new(cognitoidp.AttributeDataTypeString),
			DeveloperOnlyAttribute: new(false), Mutable: new(true), Required: new(false),
			StringAttributeConstraints: &cognitoidp.StringAttributeConstraintsType{MinLength: new("0"), MaxLength: new("2048")}}
		switch name {
		case "sub":
			a.Mutable, a.Required, a.StringAttributeConstraints.MinLength = new(false), new(true), new("1")
		case "email_verified", "phone_number_verified":
			a.AttributeDataType, a.StringAttributeConstraints = new(cognitoidp.AttributeDataTypeBoolean), nil
		case "birthdate":
			a.StringAttributeConstraints.MinLength, a.StringAttributeConstraints.MaxLength = new("10"), new("10")
		case "updated_at":
			a.AttributeDataType, a.StringAttributeConstraints = new(cognitoidp.AttributeDataTypeNumber), nil
			a.NumberAttributeConstraints = &cognitoidp.NumberAttributeConstraintsType{MinValue: new("0")}
		}
		list = append(list, a)
	}
	return list
}

func invalid(format string, args ...any) error {
	return &cognitoidp.InvalidParameterException{Message: fmt.Sprintf(format, args...)}
}

// CheckValues checks the form of attribute values against the schema. An empty
// value deletes an attribute and is always of the right form.
func (s Schema) CheckValues(attributes []store.Attribute) error {
	seen := map[string]bool{}
	for _, a := range attributes {
		if seen[a.Name] {
			return invalid("Attribute %s is given more than once.", a.Name)
		}
		seen[a.Name] = true
		def := s.byName[a.Name]
		if def == nil {
			return invalid("Attributes did not conform to the schema: Type for attribute {%s} could not be determined", a.Name)
		}
		if a.Value == "" {
			continue
		}
		if err := checkValue(def, a.Value); err != nil {
			return err
		}
	}
	return nil
}

// phone is E.164: a plus sign and at most fifteen digits.
var phone = regexp.MustCompile(`^\+[0-9]{1,15}$`)

func checkValue(def *cognitoidp.SchemaAttributeType, value string) error {
	name := *def.Name
	if len(value) > 2048 {
		return invalid("Attributes did not conform to the schema: %s: String must be no longer than 2048 characters\n", name)
	}
	switch name {
	case "email":
		if !IsEmail(value) {
			return invalid("Invalid email address format.")
		}
	case "phone_number":
		if !IsPhone(value) {
			return invalid("Invalid phone number format.")
		}
	}
	switch *def.AttributeDataType {
	case cognitoidp.AttributeDataTypeBoolean:
		if value != "true" && value != "false" {
			return invalid("Attributes did not conform to the schema: %s: Value must be true or false\n", name)
		}
	case cognitoidp.AttributeDataTypeNumber:
		return checkNumber(name, value, def.NumberAttributeConstraints)
	case cognitoidp.AttributeDataTypeDateTime:
		if _, err := time.Parse(time.RFC3339, value); err != nil {
			return invalid("Attributes did not conform to the schema: %s: Value must be an ISO 8601 date and time\n", name)
		}
	default:
		return checkLength(name, value, def.StringAttributeConstraints)
	}
	return nil
}

func checkLength(name, value string, c *cognitoidp.StringAttributeConstraintsType) error {
	if c == nil {
		return nil
	}
	n := utf8.RuneCountInString(value)
	if c.MinLength != nil {
		if least, err := strconv.Atoi(*c.MinLength); err == nil && n < least {
			return invalid("Attributes did not conform to the schema: %s: String must be at least %d characters long\n", name, least)
		}
	}
	if c.MaxLength != nil {
		if most, err := strconv.Atoi(*c.MaxLength); err == nil && n > most {
			return invalid("Attributes did not conform to the schema: %s: String must be no longer than %d characters\n", name, most)
		}
	}
	return nil
}

func checkNumber(name, value string, c *cognitoidp.NumberAttributeConstraintsType) error {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return invalid("Attributes did not conform to the schema: %s: Value must be a number\n", name)
	}
	if c == nil {
		return nil
	}
	if c.MinValue != nil {
		if least, err := strconv.ParseFloat(*c.MinValue, 64); err == nil && n < least {
			return invalid("Attributes did not conform to the schema: %s: Value must be at least %s\n", name, *c.MinValue)
		}
	}
	if c.MaxValue != nil {
		if most, err := strconv.ParseFloat(*c.MaxValue, 64); err == nil && n > most {
			return invalid("Attributes did not conform to the schema: %s: Value must be no greater than %s\n", name, *c.MaxValue)
		}
	}
	return nil
}

// CheckRequired reports the required attributes that a user would lack.
func (s Schema) CheckRequired(attributes []store.Attribute) error {
	missing := s.Missing(attributes)
	if len(missing) == 0 {
		return nil
	}
	var b strings.Builder
	for _, name := range missing {
		b.WriteString(name + ": The attribute is required\n")
	}
	return invalid("Attributes did not conform to the schema: %s", b.String())
}

// Missing lists the required attributes that are not among attributes.
func (s Schema) Missing(attributes []store.Attribute) (missing []string) {
	for _, def := range s.list {
		if def.Required == nil || !*def.Required || *def.Name == "sub" {
			continue
		}
		if !slices.ContainsFunc(attributes, func(a store.Attribute) bool { return a.Name == *def.Name && a.Value != "" }) {
			missing = append(missing, *def.Name)
		}
	}
	return missing
}

// CheckMutable refuses changes of attributes that cannot change once set.
func (s Schema) CheckMutable(u *store.User, changes []store.Attribute) error {
	for _, a := range changes {
		def := s.byName[a.Name]
		if def == nil || def.Mutable == nil || *def.Mutable {
			continue
		}
		if old, has := u.Attribute(a.Name); has && old != a.Value {
			return invalid("user.%s: Attribute cannot be updated.\n", a.Name)
		}
	}
	return nil
}

// IsEmail reports whether s looks like one bare e-mail address.
func IsEmail(s string) bool {
	if len(s) > 320 || strings.ContainsAny(s, " \t\r\n<>\"(),;:\\[]\x00") {
		return false
	}
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 || strings.HasPrefix(s[at+1:], ".") || strings.HasSuffix(s, ".") {
		return false
	}
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

// IsPhone reports whether s is a phone number in E.164 form.
func IsPhone(s string) bool { return phone.MatchString(s) }
