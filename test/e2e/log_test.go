package e2e_test

import (
	"bytes"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// journal is a log that is read while it is written.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// TestLog_noSecrets uses everything that is secret, rightly and wrongly, and
// finds none of it in the log nor, in clear, in the files of the server
// (promises.md, U10).
func TestLog_noSecrets(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			var log journal
			e := start(t, append(on(t, kind), gatehousetest.Log(&log))...)
			secrets := useSecrets(e)
			// Careless clients put them where they do not belong.
			for _, s := range secrets {
				e.get(e.server.URL + "/?code=" + url.QueryEscape(s))
				e.get(e.server.URL + "/" + url.PathEscape(s))
				e.get(e.server.URL+"/", "Authorization", "Bearer "+strings.ReplaceAll(s, "\n", " "))
				e.post(nil, "", idpTarget+"SignUp", `{"ClientId":"`+s+`","Username":"`+s+`"}`)
				e.post(nil, "", s, `{}`)
			}
			e.server.Stop()
			text := log.String()
			if strings.Count(text, "\n") < 100 {
				t.Fatalf("the log has %d lines: this test looks at nothing", strings.Count(text, "\n"))
			}
			for name, s := range secrets {
				for _, form := range []string{s, url.QueryEscape(s), strings.ReplaceAll(s, "/", `\/`)} {
					if at := find(text, form); at >= 0 {
						line := text[strings.LastIndexByte(text[:at], '\n')+1:]
						t.Errorf("the log tells the %s: %.400s", name, line)
						break
					}
				}
			}
			inFiles(t, e.server.Data, secrets)
		})
	}
}

// find is where a secret stands in a text. A short one, such as a code of six
// digits, must stand alone: it may well be part of a request id.
func find(text, secret string) int {
	if len(secret) > 8 {
		return strings.Index(text, secret)
	}
	at := regexp.MustCompile(`[^0-9A-Za-z.-]` + regexp.QuoteMeta(secret) + `[^0-9A-Za-z.-]`).FindStringIndex(text)
	if at == nil {
		return -1
	}
	return at[0]
}

// useSecrets goes through sign-up, sign-in, reset, federation and S3 and
// returns all that nobody else may know.
func useSecrets(e *env) map[string]string {
	n := e.tenant(nil, func(in *idp.CreateUserPoolClientInput) { in.GenerateSecret = true })
	secrets := map[string]string{"password": password, "other password": otherPassword, "wrong password": "Wrong-Password-0", "client secret": n.secret,
		"secret hash": *n.hash("ann")}
	_, err := n.signUp("ann", password)
	e.ok(err)
	secrets["sign-up code"] = e.server.Code(email("ann"))
	_ = n.confirm("ann", wrong(secrets["sign-up code"]))
	e.ok(n.confirm("ann", secrets["sign-up code"]))
	_, _ = n.login("ann", "Wrong-Password-0")
	h, challenge, err := n.startSRP("ann")
	e.ok(err)
	answer, err := h.Answer(n.pool, password, challenge, e.server.Now())
	e.ok(err)
	secrets["secret block"], secrets["signature"], secrets["SRP_A"] = challenge["SECRET_BLOCK"], answer["PASSWORD_CLAIM_SIGNATURE"], h.A()
	out, err := n.answerSRP(h, challenge, password)
	e.ok(err)
	tokens := out.AuthenticationResult
	secrets["access token"], secrets["ID token"], secrets["refresh token"] = *tokens.AccessToken, *tokens.IdToken, *tokens.RefreshToken
	secrets["access token's signature"] = (*tokens.AccessToken)[strings.LastIndexByte(*tokens.AccessToken, '.')+1:]
	_, err = n.initiate("REFRESH_TOKEN_AUTH", n.hashed("ann", map[string]string{"REFRESH_TOKEN": *tokens.RefreshToken}))
	e.ok(err)
	_, _ = n.refresh(flip(*tokens.RefreshToken))
	_, err = n.anyone.IDP.ChangePassword(e.Context(), &idp.ChangePasswordInput{AccessToken: tokens.AccessToken, PreviousPassword: aws.String(password), ProposedPassword: aws.String(otherPassword)})
	e.ok(err)
	_, err = n.forgot("ann")
	e.ok(err)
	secrets["reset code"] = e.server.Code(email("ann"))
	e.ok(n.reset("ann", secrets["reset code"], password))

	_, err = e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("bob"),
		UserAttributes: attributes("email", email("bob")), DesiredDeliveryMediums: []types.DeliveryMediumType{"EMAIL"}})
	e.ok(err)
	secrets["temporary password"] = e.server.Code(email("bob"))
	asked, err := n.login("bob", secrets["temporary password"])
	e.ok(err)
	secrets["challenge session"] = *asked.Session

	f := n.federation("Log", nil)
	tokens = n.tokens("ann")
	id, err := f.getID(f.logins(*tokens.IdToken))
	e.ok(err)
	user, creds := f.assume(*tokens.IdToken)
	secrets["temporary secret key"], secrets["session token"] = *creds.SecretKey, *creds.SessionToken
	_, _ = e.keys(user, "nothing")
	openID, err := e.anyone.Identity.GetOpenIdToken(e.Context(), &cognitoidentity.GetOpenIdTokenInput{IdentityId: &id, Logins: f.logins(*tokens.IdToken)})
	e.ok(err)
	secrets["OpenID token"] = *openID.Token
	_, err = e.anyone.STS.AssumeRoleWithWebIdentity(e.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &f.roleARN, RoleSessionName: aws.String("web"), WebIdentityToken: openID.Token})
	e.ok(err)

	ann, key := e.person("ann", "")
	secrets["secret access key"] = *key.SecretAccessKey
	_, err = ann.STS.GetCallerIdentity(e.Context(), nil)
	e.ok(err)
	_, err = e.root.S3.CreateBucket(e.Context(), &s3.CreateBucketInput{Bucket: aws.String("signed")})
	e.ok(err)
	e.put("signed", "key", "text/plain", "x")
	presigned, err := s3.NewPresignClient(e.root.S3).PresignGetObject(e.Context(), &s3.GetObjectInput{Bucket: aws.String("signed"), Key: aws.String("key")}, s3.WithPresignExpires(time.Minute))
	e.ok(err)
	if a := e.get(presigned.URL); a.status != 200 {
		e.Errorf("a presigned GET: %d %s", a.status, a.body)
	}
	u, err := url.Parse(presigned.URL)
	e.ok(err)
	secrets["presigned signature"] = u.Query().Get("X-Amz-Signature")
	for name, s := range secrets {
		if s == "" {
			e.Fatalf("the %s is empty", name)
		}
	}
	return secrets
}

// inFiles looks for long secrets in the server's own files.
func inFiles(t *testing.T, dir string, secrets map[string]string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for name, s := range secrets {
			if len(s) > 8 && bytes.Contains(data, []byte(s)) {
				t.Errorf("%s holds the %s in clear", filepath.Base(path), name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
