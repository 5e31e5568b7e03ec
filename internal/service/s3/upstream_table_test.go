package s3

import "testing"

// TestUpstreamTable: the two lists name operations that there are, none of them
// twice, and the rest is known to be refused.
func TestUpstreamTable(t *testing.T) {
	refused := map[string]bool{"ListBuckets": true, // has no bucket
		"DeleteBucket": true, "PutBucketOwnershipControls": true, "DeleteBucketOwnershipControls": true, "PutBucketVersioning": true,
		"PutBucketEncryption": true, "GetBucketEncryption": true, "DeleteBucketEncryption": true,
		"PutBucketLifecycleConfiguration": true, "GetBucketLifecycleConfiguration": true, "DeleteBucketLifecycle": true,
		"PutObjectAcl": true, "GetObjectAcl": true}
	known := map[string]bool{}
	for _, op := range operations {
		known[op.name] = true
		lists := 0
		for _, in := range []bool{upstreamOperations[op.name] != nil, ownRecord[op.name], refused[op.name]} {
			if in {
				lists++
			}
		}
		if lists != 1 {
			t.Errorf("%s is in %d of the lists of what is forwarded, answered here and refused", op.name, lists)
		}
	}
	for name := range upstreamOperations {
		if !known[name] {
			t.Errorf("there is no operation %s to forward", name)
		}
	}
	for name := range ownRecord {
		if !known[name] {
			t.Errorf("there is no operation %s to answer", name)
		}
	}
}
