package s3_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/authz/sigv4"
)

// authenticator verifies signatures as the server does, but knows every user
// by a key that is made of the name.
type authenticator struct{ now func() time.Time }

func accessKeyOf(user string) string {
	return "AKIA" + strings.ToUpper(hex.EncodeToString([]byte(user)))
}

func secretOf(key string) string {
	return base64.StdEncoding.EncodeToString([]byte("secret of " + key))
}

// unknownKey is as package access refuses a key.
type unknownKey struct{}

func (unknownKey) Error() string     { return "unknown key" }
func (unknownKey) ErrorCode() string { return "InvalidClientTokenId" }

func (a *authenticator) Authenticate(r *http.Request) (*access.Caller, io.Reader, error) {
	auth, err := sigv4.Parse(r)
	var refused *sigv4.Error
	if errors.As(err, &refused) && refused.Code == sigv4.Missing {
		return &access.Caller{Principal: policy.Principal{Type: policy.Anonymous, ID: "anonymous"}}, r.Body, nil
	}
	if err != nil {
		return nil, nil, err
	}
	user, err := hex.DecodeString(strings.ToLower(strings.TrimPrefix(auth.AccessKeyID, "AKIA")))
	if err != nil {
		return nil, nil, unknownKey{}
	}
	v, err := sigv4.Verify(r, auth, secretOf(auth.AccessKeyID), sigv4.Options{Service: "s3", Now: a.now()})
	if err != nil {
		return nil, nil, err
	}
	body, err := v.Body(r)
	if err != nil {
		return nil, nil, err
	}
	return callerOf(string(user)), body, nil
}

func callerOf(user string) *access.Caller {
	if user == "root" {
		return &access.Caller{Principal: policy.Principal{Type: policy.Account, Account: account, ARN: "arn:aws:iam::" + account + ":root", ID: account}}
	}
	id := "AIDA" + strings.ToUpper(user)
	return &access.Caller{Principal: policy.Principal{Type: policy.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/" + user, ID: id, UniqueID: id}}
}
