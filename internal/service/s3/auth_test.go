package s3_test

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"time"

	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
)

func accessKeyOf(user string) string {
	return "AKIA" + strings.ToUpper(hex.EncodeToString([]byte(user)))
}

func secretOf(key string) string {
	return base64.StdEncoding.EncodeToString([]byte("secret of " + key))
}

type authenticator struct{ now func() time.Time }

func (a *authenticator) Authenticate(r *http.Request) (*access.Caller, io.Reader, error) {
	_, cred, ok := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !ok {
		cred = r.URL.Query().Get("X-Amz-Credential")
	}
	key, _, ok := strings.Cut(cred, "/")
	if !ok {
		return &access.Caller{Principal: policy.Principal{Type: policy.Anonymous, ID: "anonymous"}}, r.Body, nil
	}
	b, _ := hex.DecodeString(strings.ToLower(strings.TrimPrefix(key, "AKIA")))
	user := string(b)
	return callerOf(user), r.Body, nil
}

func callerOf(user string) *access.Caller {
	if user == "root" {
		return &access.Caller{Principal: policy.Principal{Type: policy.Account, Account: account, ARN: "arn:aws:iam::" + account + ":root", ID: account}}
	}
	id := "AIDA" + strings.ToUpper(user)
	return &access.Caller{Principal: policy.Principal{Type: policy.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/" + user, ID: id, UniqueID: id}}
}
