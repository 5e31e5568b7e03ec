package policy

import (
	"strings"

	"gatehouse/internal/authz/arn"
)

// principals is a compiled Principal element.
type principals struct {
	anyone    bool     // "*" or {"AWS": "*"}
	accounts  []string // twelve digits
	entities  []entity // IAM users and roles
	sessions  []string // ARNs of assumed-role and federated-user sessions
	federated []string
	services  []string
	canonical []string
}

// entity is an IAM user or role.
type entity struct {
	arn  string
	role bool
	// id is the unique id the ARN stood for when the policy was saved; bound
	// says that there was a binding. A bound entity without an id matches
	// nobody.
	id    string
	bound bool
}

// grantee says how a Principal element meets a caller, from the weakest to the
// strongest. The difference decides which other policies still apply (IAM user
// guide, "Policy evaluation logic").
type grantee uint8

const (
	nobody    grantee = iota
	byAccount         // the account of the caller is named: it delegates
	byRole            // the role behind the session
	byAnyone          // "*"
	byName            // the user, session, service or provider itself
)

func parsePrincipals(n *node, kind Kind) (*principals, error) {
	p := &principals{}
	if n.kind == stringNode && n.text == "*" {
		p.anyone = true
		return p, nil
	}
	if n.kind != objectNode || len(n.members) == 0 {
		return nil, malformed(msgSyntax)
	}
	for i := range n.members {
		m := &n.members[i]
		texts, ok := m.value.strings()
		if !ok || len(texts) == 0 {
			return nil, malformed(msgSyntax)
		}
		for _, text := range texts {
			switch m.name {
			case "AWS":
				ok = p.addAWS(text)
			case "Federated":
				ok = strings.ContainsAny(text, ".:") && !strings.ContainsAny(text, "*?$ ")
				p.federated = append(p.federated, text)
			case "Service":
				ok = strings.Contains(text, ".") && !strings.ContainsAny(text, "*?$ :/")
				p.services = append(p.services, text)
			case "CanonicalUser":
				ok = text != "" && kind != TrustKind && only(text, alphanumeric)
				p.canonical = append(p.canonical, text)
			default:
				return nil, malformed(msgSyntax)
			}
			if !ok {
				return nil, malformed(`Invalid principal in policy: "` + m.name + `":"` + text + `"`)
			}
		}
	}
	return p, nil
}

// addAWS takes one value of the AWS member: "*", an account, or the ARN of an
// account, user, role or session. Groups are not principals, and there are no
// partial wildcards (IAM user guide, "AWS JSON policy elements: Principal").
func (p *principals) addAWS(text string) bool {
	if text == "*" {
		p.anyone = true
		return true
	}
	if isAccount(text) {
		p.accounts = append(p.accounts, text)
		return true
	}
	a, err := arn.Parse(text)
	if err != nil || a.Region != "" || !isAccount(a.Account) || strings.ContainsAny(text, "*?$") {
		return false
	}
	kind, name, _ := strings.Cut(a.Resource, "/")
	switch a.Service + " " + kind {
	case "iam root":
		p.accounts = append(p.accounts, a.Account)
		return a.Resource == "root"
	case "iam user", "iam role":
		p.entities = append(p.entities, entity{arn: text, role: kind == "role"})
	case "sts assumed-role":
		p.sessions = append(p.sessions, text)
		role, session, _ := strings.Cut(name, "/")
		return role != "" && session != ""
	case "sts federated-user":
		p.sessions = append(p.sessions, text)
	default:
		return false
	}
	return name != "" && !strings.HasSuffix(name, "/")
}

func isAccount(s string) bool {
	return len(s) == 12 && only(s, func(c byte) bool { return '0' <= c && c <= '9' })
}

// match finds the strongest way in which the element names the caller. In a
// trust policy an Allow for "*" means every AWS principal, but not the bearer
// of a web identity token, a service or a stranger: those must be named.
func (p *principals) match(caller *Principal, kind Kind, effect Effect) grantee {
	aws := false
	switch caller.Type {
	case Account, User, AssumedRole, FederatedUser:
		aws = true
	case Service:
		for _, name := range p.services {
			if name == caller.ServiceName {
				return byName
			}
		}
	case WebIdentity:
		for _, provider := range p.federated {
			if provider == caller.Provider {
				return byName
			}
		}
	case Anonymous:
	default:
		return nobody // the zero Principal
	}
	best := nobody
	if aws {
		if best = p.matchAWS(caller); best == byName {
			return byName
		}
	}
	if p.anyone && (aws || kind != TrustKind || effect == Deny) {
		return byAnyone
	}
	return best
}

func (p *principals) matchAWS(caller *Principal) grantee {
	best := nobody
	for i := range p.entities {
		e := &p.entities[i]
		named := caller.ARN
		if e.role {
			named = caller.RoleARN
		}
		// A federated user carries its maker's id, but is not its maker.
		if e.role != (caller.Type == AssumedRole) || !e.role && caller.Type != User {
			continue
		}
		if e.bound && (e.id == "" || e.id != caller.UniqueID) || !e.bound && e.arn != named {
			continue
		}
		if !e.role {
			return byName
		}
		best = byRole
	}
	for _, session := range p.sessions {
		if session == caller.ARN {
			return byName
		}
	}
	if best != nobody {
		return best
	}
	for _, account := range p.accounts {
		if account == caller.Account {
			return byAccount
		}
	}
	for _, id := range p.canonical {
		if id == caller.CanonicalID {
			return byAccount
		}
	}
	return nobody
}

// EntityARNs lists the IAM users and roles that the document's Principal and
// NotPrincipal elements name, each once. The owner of the document looks up
// their unique ids when the policy is saved, refuses the policy if one does
// not exist, and keeps the ids beside the text for BindPrincipals.
func (d *Document) EntityARNs() []string {
	var arns []string
	seen := make(map[string]bool)
	for i := range d.statements {
		if p := d.statements[i].principals; p != nil {
			for _, e := range p.entities {
				if !seen[e.arn] {
					seen[e.arn] = true
					arns = append(arns, e.arn)
				}
			}
		}
	}
	return arns
}

// BindPrincipals returns a copy of the document in which IAM users and roles
// are matched by unique id alone, as AWS does: one that is deleted and made
// again under its old name does not inherit its grants (IAM user guide, "AWS
// JSON policy elements: Principal"). id gives the unique id (AIDA…, AROA…)
// that an ARN stood for when the policy was saved; an ARN for which it says
// false matches nobody. A document that was never bound matches by ARN, which
// is right only for one that is used at once and not stored.
func (d *Document) BindPrincipals(id func(arn string) (uniqueID string, ok bool)) *Document {
	bound := *d
	bound.statements = d.Statements()
	for i := range bound.statements {
		st := &bound.statements[i]
		if st.principals == nil || len(st.principals.entities) == 0 {
			continue
		}
		p := *st.principals
		p.entities = nil
		for _, e := range st.principals.entities {
			e.bound = true
			var ok bool
			if e.id, ok = id(e.arn); !ok {
				e.id = ""
			}
			p.entities = append(p.entities, e)
		}
		st.principals = &p
	}
	return &bound
}
