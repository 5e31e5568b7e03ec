package s3

import (
	"net/http"
	"net/url"
)

// operation is one operation of S3: how a request asks for it, what the caller
// needs to be permitted, and the method that does it.
type operation struct {
	name   string // AWS's
	method string
	on     resource
	// query is the parameter that must be present, header the header; empty
	// means none. The first row that fits is taken, so particular rows stand
	// before general ones.
	query, header string
	// needs are all asked before run is called. An operation on several
	// resources asks for the others itself, see CopyObject and DeleteObjects.
	needs []permission
	// load reads the object before the decision, which may depend on its ACL
	// and tags; run finds it in request.object, nil when there is none.
	load bool
	// listKeys supplies s3:prefix, s3:delimiter and s3:max-keys.
	listKeys bool
	run      func(*Service, *request) error
}

// Shorthands of the table. The ACL permissions are those of AWS: "Mapping of
// ACL permissions and access policy permissions".
func service(action string) permission { return permission{action: action, on: onService} }

func onB(action, acl string) permission {
	return permission{action: action, on: onBucket, acl: acl, aclOn: onBucket}
}

// onO is a permission on an object that the object's own ACL can give.
func onO(action, acl string) permission {
	return permission{action: action, on: onObject, acl: acl, aclOn: onObject}
}

// write is a permission on an object that WRITE on the bucket gives.
func write(action string) permission {
	return permission{action: action, on: onObject, acl: permWrite, aclOn: onBucket}
}

func (p permission) onlyWhen(when func(*request) bool) permission {
	p.when = when
	return p
}

var (
	putACL  = permission{action: "PutObjectAcl", on: onObject, acl: permWrite, aclOn: onBucket}.onlyWhen(setsACL)
	putTags = permission{action: "PutObjectTagging", on: onObject}.onlyWhen(isSet("x-amz-tagging"))
	// A write on condition of an ETag tells whether the object has it.
	putIfMatch = onO("GetObject", permRead).onlyWhen(isSet("If-Match"))
)

// operations is the whole of S3 as gatehouse has it (Service Authorization
// Reference: "Actions, resources, and condition keys for Amazon S3").
var operations = []operation{
	{name: "ListBuckets", method: "GET", on: onService, needs: []permission{service("ListAllMyBuckets")}, run: (*Service).listBuckets},

	{name: "PutBucketAcl", method: "PUT", on: onBucket, query: "acl", needs: []permission{onB("PutBucketAcl", permWriteACP)}, run: (*Service).putBucketACL},
	{name: "PutBucketPolicy", method: "PUT", on: onBucket, query: "policy", needs: []permission{onB("PutBucketPolicy", "")}, run: (*Service).putBucketPolicy},
	{name: "PutBucketCors", method: "PUT", on: onBucket, query: "cors", needs: []permission{onB("PutBucketCORS", "")}, run: (*Service).putBucketCORS},
	{name: "PutBucketWebsite", method: "PUT", on: onBucket, query: "website", needs: []permission{onB("PutBucketWebsite", "")}, run: (*Service).putBucketWebsite},
	{name: "PutPublicAccessBlock", method: "PUT", on: onBucket, query: "publicAccessBlock", needs: []permission{onB("PutBucketPublicAccessBlock", "")}, run: (*Service).putPublicAccessBlock},
	{name: "PutBucketOwnershipControls", method: "PUT", on: onBucket, query: "ownershipControls", needs: []permission{onB("PutBucketOwnershipControls", "")}, run: (*Service).putBucketOwnershipControls},
	{name: "PutBucketTagging", method: "PUT", on: onBucket, query: "tagging", needs: []permission{onB("PutBucketTagging", "")}, run: (*Service).putBucketTagging},
	{name: "PutBucketVersioning", method: "PUT", on: onBucket, query: "versioning", needs: []permission{onB("PutBucketVersioning", "")}, run: (*Service).putBucketVersioning},
	{name: "PutBucketEncryption", method: "PUT", on: onBucket, query: "encryption", needs: []permission{onB("PutEncryptionConfiguration", "")}, run: (*Service).putBucketEncryption},
	{name: "PutBucketLifecycleConfiguration", method: "PUT", on: onBucket, query: "lifecycle", needs: []permission{onB("PutLifecycleConfiguration", "")}, run: (*Service).putBucketLifecycle},
	{name: "CreateBucket", method: "PUT", on: onBucket, needs: []permission{
		onB("CreateBucket", ""),
		onB("PutBucketAcl", "").onlyWhen(setsACL),
		onB("PutBucketOwnershipControls", "").onlyWhen(isSet("x-amz-object-ownership")),
	}, run: (*Service).createBucket},

	{name: "GetBucketAcl", method: "GET", on: onBucket, query: "acl", needs: []permission{onB("GetBucketAcl", permReadACP)}, run: (*Service).getBucketACL},
	{name: "GetBucketPolicy", method: "GET", on: onBucket, query: "policy", needs: []permission{onB("GetBucketPolicy", "")}, run: (*Service).getBucketPolicy},
	{name: "GetBucketPolicyStatus", method: "GET", on: onBucket, query: "policyStatus", needs: []permission{onB("GetBucketPolicyStatus", "")}, run: (*Service).getBucketPolicyStatus},
	{name: "GetBucketCors", method: "GET", on: onBucket, query: "cors", needs: []permission{onB("GetBucketCORS", "")}, run: (*Service).getBucketCORS},
	{name: "GetBucketWebsite", method: "GET", on: onBucket, query: "website", needs: []permission{onB("GetBucketWebsite", "")}, run: (*Service).getBucketWebsite},
	{name: "GetPublicAccessBlock", method: "GET", on: onBucket, query: "publicAccessBlock", needs: []permission{onB("GetBucketPublicAccessBlock", "")}, run: (*Service).getPublicAccessBlock},
	{name: "GetBucketOwnershipControls", method: "GET", on: onBucket, query: "ownershipControls", needs: []permission{onB("GetBucketOwnershipControls", "")}, run: (*Service).getBucketOwnershipControls},
	{name: "GetBucketTagging", method: "GET", on: onBucket, query: "tagging", needs: []permission{onB("GetBucketTagging", "")}, run: (*Service).getBucketTagging},
	{name: "GetBucketVersioning", method: "GET", on: onBucket, query: "versioning", needs: []permission{onB("GetBucketVersioning", "")}, run: (*Service).getBucketVersioning},
	{name: "GetBucketEncryption", method: "GET", on: onBucket, query: "encryption", needs: []permission{onB("GetEncryptionConfiguration", "")}, run: (*Service).getBucketEncryption},
	{name: "GetBucketLifecycleConfiguration", method: "GET", on: onBucket, query: "lifecycle", needs: []permission{onB("GetLifecycleConfiguration", "")}, run: (*Service).getBucketLifecycle},
	{name: "GetBucketLocation", method: "GET", on: onBucket, query: "location", needs: []permission{onB("GetBucketLocation", "")}, run: (*Service).getBucketLocation},
	{name: "ListMultipartUploads", method: "GET", on: onBucket, query: "uploads", needs: []permission{onB("ListBucketMultipartUploads", permRead)}, listKeys: true, run: (*Service).listMultipartUploads},
	{name: "ListObjectVersions", method: "GET", on: onBucket, query: "versions", needs: []permission{onB("ListBucketVersions", permRead)}, listKeys: true, run: (*Service).listObjectVersions},
	{name: "ListObjectsV2", method: "GET", on: onBucket, query: "list-type", needs: []permission{onB("ListBucket", permRead)}, listKeys: true, run: (*Service).listObjectsV2},
	{name: "ListObjects", method: "GET", on: onBucket, needs: []permission{onB("ListBucket", permRead)}, listKeys: true, run: (*Service).listObjects},
	{name: "HeadBucket", method: "HEAD", on: onBucket, needs: []permission{onB("ListBucket", permRead)}, run: (*Service).headBucket},

	{name: "DeleteBucketPolicy", method: "DELETE", on: onBucket, query: "policy", needs: []permission{onB("DeleteBucketPolicy", "")}, run: deleteSetting(settingPolicy)},
	{name: "DeleteBucketCors", method: "DELETE", on: onBucket, query: "cors", needs: []permission{onB("PutBucketCORS", "")}, run: deleteSetting(settingCORS)},
	{name: "DeleteBucketWebsite", method: "DELETE", on: onBucket, query: "website", needs: []permission{onB("DeleteBucketWebsite", "")}, run: deleteSetting(settingWebsite)},
	{name: "DeletePublicAccessBlock", method: "DELETE", on: onBucket, query: "publicAccessBlock", needs: []permission{onB("PutBucketPublicAccessBlock", "")}, run: deleteSetting(settingPublicAccess)},
	{name: "DeleteBucketOwnershipControls", method: "DELETE", on: onBucket, query: "ownershipControls", needs: []permission{onB("PutBucketOwnershipControls", "")}, run: deleteSetting(settingOwnership)},
	{name: "DeleteBucketTagging", method: "DELETE", on: onBucket, query: "tagging", needs: []permission{onB("PutBucketTagging", "")}, run: deleteSetting(settingTagging)},
	{name: "DeleteBucketEncryption", method: "DELETE", on: onBucket, query: "encryption", needs: []permission{onB("PutEncryptionConfiguration", "")}, run: deleteSetting(settingEncryption)},
	{name: "DeleteBucketLifecycle", method: "DELETE", on: onBucket, query: "lifecycle", needs: []permission{onB("PutLifecycleConfiguration", "")}, run: deleteSetting(settingLifecycle)},
	{name: "DeleteBucket", method: "DELETE", on: onBucket, needs: []permission{onB("DeleteBucket", "")}, run: (*Service).deleteBucket},

	// DeleteObjects asks for s3:DeleteObject on each key, and answers each.
	{name: "DeleteObjects", method: "POST", on: onBucket, query: "delete", run: (*Service).deleteObjects},

	{name: "PutObjectAcl", method: "PUT", on: onObject, query: "acl", load: true, needs: []permission{onO("PutObjectAcl", permWriteACP)}, run: (*Service).putObjectACL},
	// Asks once the tags are read, which conditions may speak of.
	{name: "PutObjectTagging", method: "PUT", on: onObject, query: "tagging", load: true, run: (*Service).putObjectTagging},
	// Both ask for s3:GetObject on the source themselves.
	{name: "UploadPartCopy", method: "PUT", on: onObject, query: "uploadId", header: "x-amz-copy-source", needs: []permission{write("PutObject")}, run: (*Service).uploadPartCopy},
	{name: "CopyObject", method: "PUT", on: onObject, header: "x-amz-copy-source", load: true, needs: []permission{write("PutObject"), putACL, putTags, putIfMatch}, run: (*Service).copyObject},
	{name: "UploadPart", method: "PUT", on: onObject, query: "uploadId", needs: []permission{write("PutObject")}, run: (*Service).uploadPart},
	{name: "PutObject", method: "PUT", on: onObject, needs: []permission{write("PutObject"), putACL, putTags, putIfMatch}, run: (*Service).putObject},

	{name: "GetObjectAcl", method: "GET", on: onObject, query: "acl", load: true, needs: []permission{onO("GetObjectAcl", permReadACP)}, run: (*Service).getObjectACL},
	{name: "GetObjectTagging", method: "GET", on: onObject, query: "tagging", load: true, needs: []permission{onO("GetObjectTagging", "")}, run: (*Service).getObjectTagging},
	{name: "ListParts", method: "GET", on: onObject, query: "uploadId", needs: []permission{{action: "ListMultipartUploadParts", on: onObject}}, run: (*Service).listParts},
	{name: "GetObject", method: "GET", on: onObject, query: "versionId", load: true, needs: []permission{onO("GetObjectVersion", permRead)}, run: (*Service).getObject},
	{name: "GetObject", method: "GET", on: onObject, load: true, needs: []permission{onO("GetObject", permRead)}, run: (*Service).getObject},
	{name: "HeadObject", method: "HEAD", on: onObject, query: "versionId", load: true, needs: []permission{onO("GetObjectVersion", permRead)}, run: (*Service).getObject},
	{name: "HeadObject", method: "HEAD", on: onObject, load: true, needs: []permission{onO("GetObject", permRead)}, run: (*Service).getObject},

	{name: "DeleteObjectTagging", method: "DELETE", on: onObject, query: "tagging", load: true, needs: []permission{onO("DeleteObjectTagging", "")}, run: (*Service).deleteObjectTagging},
	{name: "AbortMultipartUpload", method: "DELETE", on: onObject, query: "uploadId", needs: []permission{{action: "AbortMultipartUpload", on: onObject}}, run: (*Service).abortMultipartUpload},
	{name: "DeleteObject", method: "DELETE", on: onObject, query: "versionId", load: true, needs: []permission{write("DeleteObjectVersion")}, run: (*Service).deleteObject},
	{name: "DeleteObject", method: "DELETE", on: onObject, load: true, needs: []permission{write("DeleteObject"), putIfMatch}, run: (*Service).deleteObject},

	{name: "CreateMultipartUpload", method: "POST", on: onObject, query: "uploads", needs: []permission{write("PutObject"), putACL, putTags}, run: (*Service).createMultipartUpload},
	{name: "CompleteMultipartUpload", method: "POST", on: onObject, query: "uploadId", needs: []permission{write("PutObject"), putIfMatch}, run: (*Service).completeMultipartUpload},
}

// unimplemented are the parameters of S3 that name something gatehouse does not
// have. A request with one of them must not be taken for the plain operation
// on the same path: PUT /b?replication is no CreateBucket.
var unimplemented = []string{
	"accelerate", "analytics", "attributes", "intelligent-tiering", "inventory", "legal-hold", "logging",
	"metadataConfiguration", "metadataTable", "metrics", "notification", "object-lock", "renameObject", "replication",
	"requestPayment", "restore", "retention", "select", "session", "torrent", "abac", "encryption-context",
	"metadataInventoryTable", "metadataJournalTable",
}

// subresources are the parameters that rows of the table name. One that stands
// on a method or resource without a row is refused for the same reason.
var subresources = func() map[string]bool {
	m := make(map[string]bool)
	for _, op := range operations {
		if op.query != "" && op.query != "list-type" && op.query != "versionId" {
			m[op.query] = true
		}
	}
	return m
}()

// findOperation finds what a request asks for.
func findOperation(method string, on resource, query url.Values, h http.Header) (*operation, error) {
	for _, name := range unimplemented {
		if query.Has(name) {
			return nil, errNotImplemented.with("Resource", name)
		}
	}
	for i := range operations {
		op := &operations[i]
		if op.method != method || op.on != on ||
			op.query != "" && !query.Has(op.query) || op.header != "" && h.Get(op.header) == "" {
			continue
		}
		if op.query == "" || op.query == "versionId" || op.query == "list-type" {
			for name := range query {
				if subresources[name] {
					return nil, errMethodNotAllowed.with("Method", method, "ResourceType", name)
				}
			}
		}
		return op, nil
	}
	if on == onBucket && method == http.MethodPost {
		// A form upload carries its own policy and signature.
		return nil, errNotImplemented.with("Resource", "POST policy")
	}
	kind := map[resource]string{onService: "SERVICE", onBucket: "BUCKET", onObject: "OBJECT"}[on]
	return nil, errMethodNotAllowed.with("Method", method, "ResourceType", kind)
}
