package policy

import (
	"slices"
	"strings"
	"unicode/utf8"

	"gatehouse/internal/authz/arn"
)

// Kind is the place where a document is used. It decides which elements the
// document may and must have.
type Kind uint8

const (
	IdentityKind Kind = iota // attached to a user, group or role, or used as a permissions boundary
	SessionKind              // passed when a session is made; the rules are IdentityKind's
	TrustKind                // who may assume a role
	ResourceKind             // attached to a resource, such as a bucket policy
)

// Effect is what a statement does with a request that it matches.
type Effect string

const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// SyntaxError says what is wrong with a document, in AWS's words. IAM and STS
// answer it as MalformedPolicyDocument, S3 as MalformedPolicy.
type SyntaxError struct{ Message string }

func (e *SyntaxError) Error() string { return e.Message }

// AWS's texts for malformed documents.
const (
	msgSyntax      = "Syntax errors in policy."
	msgLegacy      = "The policy failed legacy parsing"
	msgVersion     = "Policy document must be version 2012-10-17 or greater."
	msgSidUnique   = "Statement IDs (SID) in a single policy must be unique."
	msgSidChars    = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	msgNoActions   = "Policy statement must contain actions."
	msgNoResources = "Policy statement must contain resources."
	msgVendor      = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	msgPrincipal   = "Policy document should not specify a principal."
	msgTrustAction = "AssumeRole policy may only specify STS AssumeRole actions."
)

func malformed(message string) error { return &SyntaxError{message} }

// Document is a parsed, valid policy, compiled for matching. It is immutable
// and safe for concurrent use. The zero Document has no statement and matches
// nothing.
type Document struct {
	kind       Kind
	version    string
	id         string
	statements []Statement
}

// Statement is one statement of a document. Its fields are for reading: they
// hold what was written, while matching uses the compiled form beside them.
type Statement struct {
	Sid    string
	Effect Effect
	// Actions or NotActions, one of the two, and Resources or NotResources,
	// one of the two but in trust policies, as written.
	Actions      []string
	NotActions   []string
	Resources    []string
	NotResources []string

	actions      []arn.Glob // of Actions or NotActions
	resources    []resource // of Resources or NotResources
	principals   *principals
	notPrincipal bool
	conditions   []condition
}

// resource is one compiled pattern of a Resource or NotResource element.
type resource struct {
	pattern *arn.Pattern
	vars    []variable
}

// Parse reads a policy strictly: an element, type, operator or name that the
// language does not have is an error, since a document that is half understood
// may lack its Deny. The error is always a *SyntaxError. Sizes are not
// checked; see CountCharacters.
func Parse(text string, kind Kind) (*Document, error) {
	if !utf8.ValidString(text) || kind != ResourceKind && !legalCharacters(text) {
		return nil, malformed(msgSyntax)
	}
	root, err := readJSON(text)
	if err != nil || root.kind != objectNode {
		return nil, malformed(msgSyntax)
	}
	d := &Document{kind: kind, version: "2008-10-17"}
	var list *node
	for i := range root.members {
		m := &root.members[i]
		switch m.name {
		case "Version":
			if m.value.kind != stringNode {
				return nil, malformed(msgSyntax)
			}
			d.version = m.value.text
			if d.version != "2012-10-17" && d.version != "2008-10-17" {
				return nil, malformed(msgVersion)
			}
		case "Id":
			if m.value.kind != stringNode {
				return nil, malformed(msgSyntax)
			}
			d.id = m.value.text
		case "Statement":
			list = &m.value
		default:
			return nil, malformed(msgSyntax)
		}
	}
	if list == nil || len(list.list()) == 0 {
		return nil, malformed(msgSyntax)
	}
	sids := make(map[string]bool)
	for _, n := range list.list() {
		st, err := d.parseStatement(&n)
		if err != nil {
			return nil, err
		}
		if st.Sid != "" {
			if sids[st.Sid] {
				return nil, malformed(msgSidUnique)
			}
			sids[st.Sid] = true
		}
		d.statements = append(d.statements, *st)
	}
	return d, nil
}

// Kind is the kind the document was parsed as.
func (d *Document) Kind() Kind { return d.kind }

// Version is the document's version, "2008-10-17" when it gave none.
func (d *Document) Version() string { return d.version }

// ID is the document's Id element, or empty.
func (d *Document) ID() string { return d.id }

// Statements lists the statements in their order. An owner uses it for rules
// that are its own, such as S3's that every resource belongs to the bucket.
func (d *Document) Statements() []Statement { return slices.Clone(d.statements) }

// CountCharacters counts the characters of a policy as IAM's limits do: white
// space does not count (IAM user guide, "IAM and AWS STS quotas").
func CountCharacters(text string) int {
	n := 0
	for _, r := range text {
		if r != ' ' && r != '\t' && r != '\n' && r != '\r' {
			n++
		}
	}
	return n
}

// legalCharacters applies the pattern that the IAM API gives for policy
// documents: [\u0009\u000A\u000D\u0020-\u00FF]+.
func legalCharacters(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r > 0xFF || r < 0x20 && r != '\t' && r != '\n' && r != '\r'
	})
}
