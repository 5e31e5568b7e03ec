package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"strings"
)

// Access control lists (AWS: "Access control list (ACL) overview"). There is
// one account, so the grants that can open anything are those to AllUsers and
// AuthenticatedUsers; grants to the owner are kept and shown, and identity
// policies decide what the owner's users may do.

const (
	groupAll           = "http://acs.amazonaws.com/groups/global/AllUsers"
	groupAuthenticated = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
	groupLogDelivery   = "http://acs.amazonaws.com/groups/s3/LogDelivery"
)

const (
	permFull     = "FULL_CONTROL"
	permRead     = "READ"
	permWrite    = "WRITE"
	permReadACP  = "READ_ACP"
	permWriteACP = "WRITE_ACP"
)

// grant gives a permission to a group (uri) or to an account (id).
type grant struct {
	URI        string `json:"uri,omitempty"`
	ID         string `json:"id,omitempty"`
	Permission string `json:"permission"`
}

// acl is a list of grants. Nil is the default: the owner alone, in full.
type acl []grant

// canonicalID derives the canonical user id of an account, 64 hex digits.
func canonicalID(account string) string {
	sum := sha256.Sum256([]byte("gatehouse canonical user " + account))
	return hex.EncodeToString(sum[:])
}

// allows says whether the list gives a permission to the caller, as one of the
// public or as one who is signed in, and names the group by which it does.
func (a acl) allows(permission string, signedIn bool) (group string) {
	for _, g := range a {
		if g.Permission != permission && g.Permission != permFull {
			continue
		}
		if g.URI == groupAll || signedIn && g.URI == groupAuthenticated {
			return g.URI
		}
	}
	return ""
}

// public says whether anybody outside the account is granted anything (AWS:
// "The meaning of public", ACLs).
func (a acl) public() bool {
	for _, g := range a {
		if g.URI == groupAll || g.URI == groupAuthenticated {
			return true
		}
	}
	return false
}

// onlyOwner says whether the list is that of BucketOwnerEnforced.
func (a acl) onlyOwner() bool {
	for _, g := range a {
		if g.URI != "" {
			return false
		}
	}
	return true
}

var cannedACLs = map[string]func(owner string) acl{
	"private":     func(owner string) acl { return acl{{ID: owner, Permission: permFull}} },
	"public-read": func(o string) acl { return acl{{ID: o, Permission: permFull}, {URI: groupAll, Permission: permRead}} },
	"public-read-write": func(o string) acl {
		return acl{{ID: o, Permission: permFull}, {URI: groupAll, Permission: permRead}, {URI: groupAll, Permission: permWrite}}
	},
	"authenticated-read": func(o string) acl {
		return acl{{ID: o, Permission: permFull}, {URI: groupAuthenticated, Permission: permRead}}
	},
	"bucket-owner-read":         func(owner string) acl { return acl{{ID: owner, Permission: permFull}} },
	"bucket-owner-full-control": func(owner string) acl { return acl{{ID: owner, Permission: permFull}} },
	"aws-exec-read":             func(owner string) acl { return acl{{ID: owner, Permission: permFull}} },
	"log-delivery-write": func(o string) acl {
		return acl{{ID: o, Permission: permFull}, {URI: groupLogDelivery, Permission: permWrite}, {URI: groupLogDelivery, Permission: permReadACP}}
	},
}

var grantHeaders = []struct{ header, permission string }{
	{"x-amz-grant-full-control", permFull},
	{"x-amz-grant-read", permRead},
	{"x-amz-grant-write", permWrite},
	{"x-amz-grant-read-acp", permReadACP},
	{"x-amz-grant-write-acp", permWriteACP},
}

// hasACLHeader says whether a request sets an ACL by headers.
func hasACLHeader(h http.Header) bool {
	if h.Get("x-amz-acl") != "" {
		return true
	}
	for _, g := range grantHeaders {
		if h.Get(g.header) != "" {
			return true
		}
	}
	return false
}

// headerACL reads the ACL that a request's headers ask for; nil when they ask
// for none.
func headerACL(h http.Header, owner string) (acl, error) {
	var list acl
	for _, g := range grantHeaders {
		v := h.Get(g.header)
		if v == "" {
			continue
		}
		for item := range strings.SplitSeq(v, ",") {
			kind, value, found := strings.Cut(strings.TrimSpace(item), "=")
			if !found {
				return nil, errInvalidArgument.with("ArgumentName", g.header, "ArgumentValue", v)
			}
			one, err := newGrant(strings.TrimSpace(kind), strings.Trim(strings.TrimSpace(value), `"`), g.permission, owner)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
	}
	canned := h.Get("x-amz-acl")
	if canned == "" {
		return list, nil
	}
	if list != nil {
		return nil, errInvalidRequest.saying("Specifying both Canned ACLs and Header Grants is not allowed")
	}
	make, ok := cannedACLs[canned]
	if !ok {
		return nil, errInvalidArgument.with("ArgumentName", "x-amz-acl", "ArgumentValue", canned)
	}
	return make(owner), nil
}

func newGrant(kind, value, permission, owner string) (grant, error) {
	switch kind {
	case "uri":
		if value != groupAll && value != groupAuthenticated && value != groupLogDelivery {
			return grant{}, errInvalidArgument.saying("Invalid group uri").with("ArgumentName", "uri", "ArgumentValue", value)
		}
		return grant{URI: value, Permission: permission}, nil
	case "id":
		// The only account is the owner's.
		if value != owner {
			return grant{}, errInvalidArgument.saying("Invalid id").with("ArgumentName", "CanonicalUser/ID", "ArgumentValue", value)
		}
		return grant{ID: value, Permission: permission}, nil
	case "emailAddress":
		return grant{}, errUnresolvableGrant
	}
	return grant{}, errInvalidArgument.saying("Argument format not recognized")
}

type accessControlPolicy struct {
	XMLName xml.Name `xml:"AccessControlPolicy"`
	XMLNS   string   `xml:"xmlns,attr,omitempty"`
	Owner   *ownerXML
	Grants  *struct {
		Grant []grantXML
	} `xml:"AccessControlList"`
}

type ownerXML struct {
	ID          string
	DisplayName string `xml:",omitempty"`
}

type grantXML struct {
	Grantee struct {
		XSI          string `xml:"xmlns:xsi,attr,omitempty"`
		Type         string `xml:"xsi:type,attr,omitempty"`
		ID           string `xml:",omitempty"`
		URI          string `xml:",omitempty"`
		EmailAddress string `xml:",omitempty"`
	}
	Permission string
}

// xml gives the list as GetBucketAcl and GetObjectAcl show it.
func (a acl) xml(owner string) accessControlPolicy {
	if a == nil {
		a = cannedACLs["private"](owner)
	}
	p := accessControlPolicy{XMLNS: namespace, Owner: &ownerXML{ID: owner}}
	p.Grants = &struct{ Grant []grantXML }{}
	for _, g := range a {
		var x grantXML
		x.Grantee.XSI = "http://www.w3.org/2001/XMLSchema-instance"
		x.Grantee.ID, x.Grantee.URI = g.ID, g.URI
		x.Grantee.Type = "CanonicalUser"
		if g.URI != "" {
			x.Grantee.Type = "Group"
		}
		x.Permission = g.Permission
		p.Grants.Grant = append(p.Grants.Grant, x)
	}
	return p
}

// parseACL reads the document of PutBucketAcl and PutObjectAcl. The kind of a
// grantee follows from the element that names it.
func parseACL(p *accessControlPolicy, owner string) (acl, error) {
	if p.Owner == nil || p.Grants == nil {
		return nil, errMalformedACL
	}
	if p.Owner.ID != owner {
		return nil, errAccessDenied
	}
	if len(p.Grants.Grant) > 100 {
		return nil, errMalformedACL
	}
	list := acl{}
	for _, x := range p.Grants.Grant {
		switch x.Permission {
		case permFull, permRead, permWrite, permReadACP, permWriteACP:
		default:
			return nil, errMalformedACL
		}
		kind, value := "id", x.Grantee.ID
		switch {
		case x.Grantee.URI != "":
			kind, value = "uri", x.Grantee.URI
		case x.Grantee.EmailAddress != "":
			kind, value = "emailAddress", x.Grantee.EmailAddress
		}
		g, err := newGrant(kind, value, x.Permission, owner)
		if err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, nil
}

// requestACL reads the ACL of a PutBucketAcl or PutObjectAcl, from headers or
// body.
func (r *request) requestACL() (acl, error) {
	if hasACLHeader(r.http.Header) {
		if _, err := r.readBody(smallXML); err != nil {
			return nil, err
		}
		return headerACL(r.http.Header, r.svc.owner)
	}
	var p accessControlPolicy
	if err := r.readXML(smallXML, &p); err != nil {
		return nil, err
	}
	return parseACL(&p, r.svc.owner)
}

// admitACL applies Object Ownership and Block Public Access to an ACL that is
// about to be kept. list is nil when the request sets none. What
// BucketOwnerEnforced still takes are the lists that say what it says.
func (b *bucket) admitACL(list acl, canned string) error {
	if list == nil {
		return nil
	}
	if b.enforced() && !(list.onlyOwner() && (canned == "" || canned == "bucket-owner-full-control")) {
		return errACLNotSupported
	}
	if b.publicAccess.BlockPublicAcls && list.public() {
		return errAccessDenied
	}
	return nil
}
