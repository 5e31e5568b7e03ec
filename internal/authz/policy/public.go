package policy

// fixingKeys are the condition keys that bind a grant to somebody known. A
// bucket policy that allows everyone is not public when one of them is held to
// fixed values (S3 user guide, "Blocking public access to your Amazon S3
// storage", The meaning of "public").
var fixingKeys = map[string]bool{
	"aws:sourceip":              true,
	"aws:sourcearn":             true,
	"aws:sourcevpc":             true,
	"aws:sourcevpce":            true,
	"aws:sourceowner":           true,
	"aws:sourceaccount":         true,
	"aws:userid":                true,
	"aws:principalorgid":        true,
	"aws:principalorgpaths":     true,
	"aws:principalaccount":      true,
	"aws:principalarn":          true,
	"s3:dataaccesspointarn":     true,
	"s3:dataaccesspointaccount": true,
	"s3:x-amz-server-side-encryption-aws-kms-key-id": true,
}

// IsPublic reports whether a resource policy grants something to everyone: an
// Allow for "*", or for a federated provider's users, without a condition that
// holds the caller to fixed values. S3's Block Public Access asks it.
func IsPublic(doc *Document) bool {
	for i := range doc.statements {
		st := &doc.statements[i]
		if st.Effect != Allow || st.principals == nil {
			continue
		}
		if (st.principals.anyone || len(st.principals.federated) > 0) && !st.fixed() {
			return true
		}
	}
	return false
}

func (st *Statement) fixed() bool {
	for i := range st.conditions {
		if st.conditions[i].fixes() {
			return true
		}
	}
	return false
}

// fixes reports whether the condition demands one of a few fixed values. A
// negated operator, IfExists and ForAllValues let through what they do not
// see, and a wildcard or variable is not fixed.
func (c *condition) fixes() bool {
	if !fixingKeys[c.key] || c.negated || c.ifExists || c.quantifier == forAllValues {
		return false
	}
	for i := range c.values {
		v := &c.values[i]
		if len(v.vars) > 0 {
			return false
		}
		switch c.compare {
		case stringEquals, stringEqualsIgnoreCase:
		case stringLike:
			if v.glob.Wild() {
				return false
			}
		case arnLike:
			if v.pattern.Wild() {
				return false
			}
		case ipAddress:
			// Very wide ranges are the public in all but name.
			least := 8
			if v.network.Addr().Is6() {
				least = 32
			}
			if v.network.Bits() < least {
				return false
			}
		default:
			return false
		}
	}
	return true
}
