package s3

import (
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// The decision on one permission, in the order of AWS's "How Amazon S3
// authorizes a request":
//
//   - The bucket policy speaks as a resource policy, for objects as well.
//   - The ACL of the object or bucket speaks as a grant beside it, unless ACLs
//     are off (BucketOwnerEnforced) or public ones are ignored.
//   - RestrictPublicBuckets takes from a public policy what it gives to anyone
//     outside the account. With one account, these are the anonymous.
//   - A Deny anywhere wins; that is the evaluation's business.
//
// permission is one row of an operation's permissions; see operations.go.
type permission struct {
	action string // without "s3:"
	on     resource
	// acl is the permission of an ACL that gives the same; empty for none. It
	// is read from the list of the resource that aclOn names.
	acl   string
	aclOn resource
	// when says that a request needs the permission; nil means always.
	when func(*request) bool
}

type resource int

const (
	onService resource = iota
	onBucket
	onObject
)

// authorize decides a permission for the request's own bucket and key.
func (r *request) authorize(p permission) error {
	return r.authorizeObject(p, r.bucket, r.key, r.object)
}

// authorizeObject decides a permission. A nil object is one that is not there;
// the permissions that bucket ACLs give do not ask for it.
func (r *request) authorizeObject(p permission, b *bucket, key string, object *store.Object) error {
	allowed, denied, err := r.decide(p, b, key, object)
	if err != nil {
		return err
	}
	if !allowed {
		return denied
	}
	return nil
}

// decide asks the decider. denied is the answer to give when it says no.
func (r *request) decide(p permission, b *bucket, key string, object *store.Object) (allowed bool, denied *Error, err error) {
	check := access.Check{Action: "s3:" + p.action, Resource: "arn:aws:s3:::*", Context: r.conditionKeys(object)}
	switch p.on {
	case onBucket:
		check.Resource = bucketARN(r.bucketName)
		if b != nil {
			check.Resource = b.arn()
		}
	case onObject:
		check.Resource = objectARN(b.row.Name, key)
	}
	if b != nil {
		b.speak(&check, p, &r.caller.Principal, object)
	}
	decision, err := r.svc.access.Decide(r.ctx, r.caller, check)
	if err != nil {
		return false, nil, err
	}
	if decision.Allowed {
		return true, nil, nil
	}
	if r.caller.Principal.Type == policy.Anonymous {
		return false, errAccessDenied, nil
	}
	return false, errAccessDenied.saying(deniedText(r.caller, p, check, decision)), nil
}

// unknownTags are the condition keys of objects that live elsewhere.
var unknownTags = []string{"s3:existingobjecttag/"}

// speak adds to a check what the bucket says about it: its policy, and what its
// ACL or the object's grants.
func (b *bucket) speak(check *access.Check, p permission, who *policy.Principal, object *store.Object) {
	anonymous := who.Type == policy.Anonymous
	if b.upstream != nil && p.on == onObject {
		check.Unknown = unknownTags
	}
	check.Grant = b.aclGrant(p, object, !anonymous)
	switch {
	case b.policy == nil:
	case anonymous && b.publicAccess.RestrictPublicBuckets && b.policyPublic && check.Grant == "":
		check.Notes = append(check.Notes, "the policy of bucket "+b.row.Name+" is public, and RestrictPublicBuckets keeps it from anonymous callers")
	case rootOnly[p.action] && who.Type == policy.Account:
		check.Notes = append(check.Notes, "the policy of bucket "+b.row.Name+" cannot take s3:"+p.action+" from the root user")
	default:
		check.ResourcePolicies = []policy.Source{{Name: "bucket policy of " + b.row.Name, Document: b.policy}}
	}
}

// rootOnly are the actions that a bucket policy cannot take from the root user
// of the bucket's account, so that nobody locks a bucket for good (AWS:
// PutBucketPolicy).
var rootOnly = map[string]bool{"GetBucketPolicy": true, "PutBucketPolicy": true, "DeleteBucketPolicy": true}

// aclGrant names the ACL grant that gives a permission; empty for none.
func (b *bucket) aclGrant(p permission, object *store.Object, signedIn bool) string {
	if p.acl == "" || b.enforced() || b.publicAccess.IgnorePublicAcls {
		return ""
	}
	if p.aclOn == onBucket {
		if group := b.acl.allows(p.acl, signedIn); group != "" {
			return "ACL of bucket " + b.row.Name
		}
		return ""
	}
	if object == nil {
		// No list speaks for an object that is not there. Those who may list
		// the bucket may learn so.
		if b.acl.allows(permRead, signedIn) != "" {
			return "ACL of bucket " + b.row.Name
		}
		return ""
	}
	if group := objectACL(object).allows(p.acl, signedIn); group != "" {
		return "ACL of object " + object.Key
	}
	return ""
}

// deniedText is what an authenticated caller is told (AWS IAM: "Troubleshoot
// access denied error messages"). S3 quotes the resource.
func deniedText(c *access.Caller, p permission, check access.Check, d policy.Decision) string {
	var s strings.Builder
	s.WriteString("User: " + c.Principal.ARN + " is not authorized to perform: " + check.Action)
	if p.on != onService {
		s.WriteString(` on resource: "` + check.Resource + `"`)
	}
	kind := string(d.Type)
	if kind == "" {
		kind = string(policy.IdentityBased)
	}
	if d.Explicit {
		article := "a "
		if strings.HasPrefix(kind, "i") {
			article = "an "
		}
		s.WriteString(" with an explicit deny in " + article + kind)
	} else {
		s.WriteString(" because no " + kind + " allows the " + check.Action + " action")
	}
	return s.String()
}

// headerKeys are request headers that are condition keys, each under s3:<name>
// (Service Authorization Reference: "Condition keys for Amazon S3").
var headerKeys = []string{
	"x-amz-acl", "x-amz-content-sha256", "x-amz-copy-source", "x-amz-metadata-directive", "x-amz-storage-class",
	"x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-website-redirect-location",
	"x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-write", "x-amz-grant-read-acp", "x-amz-grant-write-acp",
	"x-amz-object-ownership",
}

// conditionKeys are the keys of the action and the resource. The common part
// is made once a request.
func (r *request) conditionKeys(object *store.Object) policy.Context {
	if r.keys == nil {
		r.keys = r.requestKeys()
	}
	if object == nil || len(object.Attributes.Tags) == 0 {
		return r.keys
	}
	keys := make(policy.Context, len(r.keys)+len(object.Attributes.Tags))
	for k, v := range r.keys {
		keys[k] = v
	}
	for _, t := range object.Attributes.Tags {
		keys["s3:existingobjecttag/"+strings.ToLower(t.Key)] = []string{t.Value}
	}
	return keys
}

func (r *request) requestKeys() policy.Context {
	keys := policy.Context{"s3:resourceaccount": {r.svc.account}, "aws:resourceaccount": {r.svc.account}}
	h := r.http.Header
	for _, name := range headerKeys {
		if v := h.Get(name); v != "" {
			keys["s3:"+name] = []string{v}
		}
	}
	if r.caller.Principal.Type != policy.Anonymous {
		keys["s3:signatureversion"] = []string{"AWS4-HMAC-SHA256"}
		keys["s3:authtype"] = []string{"REST-HEADER"}
		if r.presigned() {
			keys["s3:authtype"] = []string{"REST-QUERY-STRING"}
			if t, err := time.Parse("20060102T150405Z", r.query.Get("X-Amz-Date")); err == nil {
				keys["s3:signatureage"] = []string{strconv.FormatInt(r.svc.now().Sub(t).Milliseconds(), 10)}
			}
		}
	}
	if v := r.query.Get("versionId"); v != "" {
		keys["s3:versionid"] = []string{v}
	}
	if r.op != nil && r.op.listKeys {
		// Present only if sent: a Null condition asks just that.
		for param, key := range map[string]string{"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys"} {
			if r.query.Has(param) {
				keys[key] = []string{r.query.Get(param)}
			}
		}
	}
	for _, t := range r.requestTags {
		keys["s3:requestobjecttag/"+strings.ToLower(t.Key)] = []string{t.Value}
		keys["s3:requestobjecttagkeys"] = append(keys["s3:requestobjecttagkeys"], t.Key)
	}
	return keys
}

// missing answers for an object that is not there: NoSuchKey to those who may
// list the bucket, AccessDenied to the others, who shall not learn which keys
// exist (AWS: GetObject, "Permissions").
func (r *request) missing() error {
	err := r.missingKey(r.bucket, r.key)
	e, ok := err.(*Error)
	if !ok || e.Code != errNoSuchKey.Code {
		return err
	}
	version := r.query.Get("versionId")
	switch {
	case r.marker != nil && version != "":
		e = errMethodNotAllowed.with("Method", r.http.Method, "ResourceType", "DeleteMarker")
	case version != "":
		e = errNoSuchVersion.with("Key", r.key, "VersionId", version)
	}
	if r.marker != nil {
		e.Headers = append(e.Headers, "x-amz-delete-marker", "true", "x-amz-version-id", r.marker.Version)
	}
	return e
}

// showVersion tells which version an answer is about, in a bucket that has or
// had versioning.
func (r *request) showVersion(b *bucket, version string) {
	if b.versioning != "" {
		r.w.Header().Set("x-amz-version-id", version)
	}
}

func (r *request) missingKey(b *bucket, key string) error {
	list := permission{action: "ListBucket", on: onBucket, acl: permRead, aclOn: onBucket}
	allowed, denied, err := r.decide(list, b, "", nil)
	if err != nil {
		return err
	}
	if !allowed {
		return denied
	}
	return errNoSuchKey.with("Key", key)
}

func isSet(header string) func(*request) bool {
	return func(r *request) bool { return r.http.Header.Get(header) != "" }
}

func setsACL(r *request) bool { return hasACLHeader(r.http.Header) }
