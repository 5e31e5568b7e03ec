package s3_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"gatehouse/internal/service/s3"
)

// TestEveryOperation sends each row of the table unsigned, signed by somebody
// who may do nothing, by somebody who may do everything but this, and by
// somebody who may do just this. Only the last may get past the decision.
func TestEveryOperation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.bucket("matrix", false)
		w.put("matrix", "k", "x")
		for _, op := range s3.Operations() {
			path, body := "/", ""
			switch {
			case op.Name == "CreateBucket":
				path = "/matrix-new"
			case op.Bucket:
				path = "/matrix"
			case op.Object:
				path = "/matrix/k"
			}
			value := map[string]string{"list-type": "2", "versionId": "null", "uploadId": "none"}[op.Query]
			if op.Query != "" {
				path += "?" + op.Query + "=" + value
			}
			if op.Query == "uploadId" && op.Method == "PUT" {
				path += "&partNumber=1"
			}
			actions := op.Actions
			switch op.Name {
			case "DeleteObjects":
				actions = []string{"s3:DeleteObject"}
				body = "<Delete><Object><Key>none</Key></Object></Delete>"
			case "PutObjectTagging":
				actions = []string{"s3:PutObjectTagging"}
				body = "<Tagging><TagSet></TagSet></Tagging>"
			case "CopyObject", "UploadPartCopy":
				actions = append(actions, "s3:GetObject")
			}
			request := func(user string) *http.Request {
				r, err := http.NewRequest(op.Method, w.http.URL+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if op.Header != "" {
					r.Header.Set(op.Header, "matrix/k")
				}
				sum := sha256.Sum256([]byte(body))
				if op.Name == "DeleteObjects" {
					r.Header.Set("Content-MD5", md5Base64(body))
				}
				if user != "" {
					hash, key := hex.EncodeToString(sum[:]), accessKeyOf(user)
					r.Header.Set("X-Amz-Content-Sha256", hash)
					err := v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: key, SecretAccessKey: secretOf(key)}, r, hash, "s3", "us-east-1", time.Now())
					if err != nil {
						t.Fatal(err)
					}
				}
				return r
			}
			denied := func(a *answer) bool {
				return a.StatusCode == 403 || op.Name == "DeleteObjects" && a.StatusCode == 200 && strings.Contains(a.body, "<Code>AccessDenied</Code>")
			}
			name := fmt.Sprintf("%s %s %s", op.Name, op.Method, path)
			if a := w.send(request("")); !denied(a) {
				t.Errorf("%s unsigned: %d %s", name, a.StatusCode, a.body)
			}
			if a := w.send(request("nobody")); !denied(a) {
				t.Errorf("%s by nobody: %d %s", name, a.StatusCode, a.body)
			}
			for _, left := range actions {
				w.allow("most", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"`+left+`","Resource":"*"}]}`)
				a := w.send(request("most"))
				if op.Name == "UploadPartCopy" && left == "s3:GetObject" && a.StatusCode == 404 {
					continue // no such upload: refused before the source is looked at
				}
				if !denied(a) {
					t.Errorf("%s without %s: %d %s", name, left, a.StatusCode, a.body)
				}
			}
			w.allow("one", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["`+strings.Join(actions, `","`)+`"],"Resource":"*"}]}`)
			if strings.HasPrefix(op.Name, "Delete") && op.Name != "DeleteObjects" {
				continue // would take the bucket, the object or its settings from the rows that follow
			}
			if a := w.send(request("one")); denied(a) || a.StatusCode == 500 {
				t.Errorf("%s with %v: %d %s", name, actions, a.StatusCode, a.body)
			}
		}
	})
}
