package clients_test

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
	"gatehouse/test/awsclient"
)

// TestBrowser opens the page of W1 in Chromium, at the website endpoint of the
// bucket that it lists, and uses it as a person would.
func TestBrowser(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			s := gatehousetest.Start(t, on(t, kind)...)
			st := newSite(t, s)
			b := newBrowser(t)
			home := s.Host(st.Bucket + ".s3-website." + s.Region)
			const password = "Correct-Horse-7"

			b.open(home + "/")
			b.fill("name", "ann", "email", "ann@example.com", "password", password)
			b.click("sign-up", "signed up; the code went to a***@e***")
			b.click("sign-in", "refused: UserNotConfirmedException: User is not confirmed.")
			code := s.Code("ann@example.com")
			b.fill("code", string('0'+(code[0]-'0'+1)%10)+code[1:])
			b.click("confirm", "refused: CodeMismatchException: Invalid verification code provided, please try again.")
			b.fill("code", code)
			b.click("confirm", "confirmed: SUCCESS")
			b.fill("password", "Wrong-Password-0")
			b.click("sign-in", "refused: NotAuthorizedException: Incorrect username or password.")
			b.fill("password", password)
			b.click("sign-in", "signed in as ann")
			b.click("list", "listed 4")
			if got, want := b.text("objects"), "index.html\nscript/amazon-cognito-identity.min.js\nscript/aws-sdk.min.js\nscript/config.js"; got != want {
				t.Errorf("the page lists %q, want %q", got, want)
			}

			b.open(home + "/index.html")
			b.wait("welcome back, ann")
			b.click("list", "listed 4")

			_, err := st.root.IAM.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: &st.role, PolicyArn: aws.String(s3FullAccess)})
			if err != nil {
				t.Fatal(err)
			}
			b.click("list", "refused: AccessDenied: User: arn:aws:sts::"+s.Account+":assumed-role/"+st.role+"/CognitoIdentityCredentials is not authorized to perform: "+
				`s3:ListBucket on resource: "arn:aws:s3:::`+st.Bucket+`" because no identity-based policy allows the s3:ListBucket action`)
			st.allow(t)
			b.click("list", "listed 4")
			b.click("sign-out", "signed out")
			b.open(home + "/")
			b.wait("ready")

			// The same page at another origin: its calls to the API work, its
			// calls to the bucket are none of the origins that the bucket names.
			b.open(s.Host(st.elsewhere+".s3-website."+s.Region) + "/")
			b.fill("name", "ann", "password", password)
			b.click("sign-in", "signed in as ann")
			b.click("list", "refused: NetworkingError: Network Failure")
		})
	}
}

const s3FullAccess = "arn:aws:iam::aws:policy/AmazonS3FullAccess"

// site is the stack of the page; its exported members are the page's config.
type site struct {
	Endpoint       string `json:"endpoint"`
	S3             string `json:"s3"`
	Region         string `json:"region"`
	UserPoolID     string `json:"userPoolId"`
	ClientID       string `json:"clientId"`
	IdentityPoolID string `json:"identityPoolId"`
	Provider       string `json:"provider"`
	Bucket         string `json:"bucket"`

	root      *awsclient.Clients
	role      string
	elsewhere string // a bucket with the same page
}

func newSite(t *testing.T, s *gatehousetest.Server) *site {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	root := awsclient.New(awsclient.Target{URL: s.URL, Region: s.Region}, s.AccessKeyID, s.SecretKey, "")
	st := &site{Endpoint: s.URL, S3: s.Host("s3." + s.Region), Region: s.Region, Bucket: "w1-page", elsewhere: "w1-elsewhere", root: root, role: "Cognito_MSNIdentityPoolAuth_Role"}
	p, err := root.IDP.CreateUserPool(t.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("MSN"), AutoVerifiedAttributes: []types.VerifiedAttributeType{"email"},
		Schema: []types.SchemaAttributeType{{Name: aws.String("email"), Required: aws.Bool(true)}}})
	ok(err)
	st.UserPoolID, st.Provider = *p.UserPool.Id, "cognito-idp."+s.Region+".amazonaws.com/"+*p.UserPool.Id
	c, err := root.IDP.CreateUserPoolClient(t.Context(), &idp.CreateUserPoolClientInput{UserPoolId: &st.UserPoolID, ClientName: aws.String("page")})
	ok(err)
	st.ClientID = *c.UserPoolClient.ClientId
	i, err := root.Identity.CreateIdentityPool(t.Context(), &cognitoidentity.CreateIdentityPoolInput{IdentityPoolName: aws.String("MSNIdentityPool"),
		CognitoIdentityProviders: []identitytypes.CognitoIdentityProvider{{ProviderName: &st.Provider, ClientId: &st.ClientID}}})
	ok(err)
	st.IdentityPoolID = *i.IdentityPoolId
	r, err := root.IAM.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &st.role, AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
		`"Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"` +
		st.IdentityPoolID + `"},"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}}]}`)})
	ok(err)
	_, err = root.Identity.SetIdentityPoolRoles(t.Context(), &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: &st.IdentityPoolID, Roles: map[string]string{"authenticated": *r.Role.Arn}})
	ok(err)
	st.allow(t)

	config, err := json.Marshal(st)
	ok(err)
	files := map[string][]byte{"script/config.js": []byte("window.stack = " + string(config) + ";\n")}
	for key, path := range map[string]string{"index.html": "page/index.html",
		"script/amazon-cognito-identity.min.js": "node_modules/amazon-cognito-identity-js/dist/amazon-cognito-identity.min.js",
		"script/aws-sdk.min.js":                 "node_modules/aws-sdk/dist/aws-sdk.min.js"} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v: run `make test`, which installs the Node packages", err)
		}
		files[key] = data
	}
	for _, bucket := range []string{st.Bucket, st.elsewhere} {
		_, err := root.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket, ObjectOwnership: s3types.ObjectOwnershipObjectWriter})
		ok(err)
		_, err = root.S3.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: &bucket})
		ok(err)
		_, err = root.S3.PutBucketWebsite(t.Context(), &s3.PutBucketWebsiteInput{Bucket: &bucket,
			WebsiteConfiguration: &s3types.WebsiteConfiguration{IndexDocument: &s3types.IndexDocument{Suffix: aws.String("index.html")}}})
		ok(err)
		_, err = root.S3.PutBucketCors(t.Context(), &s3.PutBucketCorsInput{Bucket: &bucket, CORSConfiguration: &s3types.CORSConfiguration{CORSRules: []s3types.CORSRule{{
			AllowedOrigins: []string{s.Host(st.Bucket + ".s3-website." + s.Region)}, AllowedMethods: []string{"GET", "HEAD", "PUT", "POST"}, AllowedHeaders: []string{"*"}}}}})
		ok(err)
		for key, data := range files {
			_, err := root.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, ContentType: aws.String(mime.TypeByExtension(filepath.Ext(key))), Body: strings.NewReader(string(data))})
			ok(err)
			_, err = root.S3.PutObjectAcl(t.Context(), &s3.PutObjectAclInput{Bucket: &bucket, Key: &key, ACL: s3types.ObjectCannedACLPublicRead})
			ok(err)
		}
	}
	return st
}

// allow attaches the policy that lets the page list.
func (st *site) allow(t *testing.T) {
	t.Helper()
	if _, err := st.root.IAM.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &st.role, PolicyArn: aws.String(s3FullAccess)}); err != nil {
		t.Fatal(err)
	}
}

// browser is a Chromium with one page.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	errors []string // of scripts in the page
}

func newBrowser(t *testing.T, more ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	path := os.Getenv("CHROMIUM")
	if path == "" {
		var err error
		if path, err = exec.LookPath("chromium"); err != nil {
			t.Fatal("there is no Chromium: run `make test`, which installs it")
		}
	}
	// Chromium must not look for anything outside this machine.
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	// The browser has to live until the test's cleanups, which is longer than
	// t.Context does.
	allocator, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), append(opts, more...)...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*runtime.EventExceptionThrown); ok {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.errors = append(b.errors, fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
		}
	}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *browser) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.t.Fatalf("%s: %v; the page's errors: %v", what, err, b.errors)
	}
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url), chromedp.WaitVisible("#status"))
}

// fill types into inputs: id, value, id, value.
func (b *browser) fill(pairs ...string) {
	b.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		b.evaluate(fmt.Sprintf("document.getElementById(%q).value = ''", pairs[i]))
		b.do("fill "+pairs[i], chromedp.SendKeys("#"+pairs[i], pairs[i+1]))
	}
}

// click presses a button and waits for what the page then tells.
func (b *browser) click(id, tells string) {
	b.t.Helper()
	b.evaluate(`document.getElementById('status').textContent = '…'`)
	b.do("click "+id, chromedp.Click("#"+id))
	b.wait(tells)
}

// wait waits for a text of the page's status line.
func (b *browser) wait(want string) {
	b.t.Helper()
	var got string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if got = b.text("status"); got == want {
			return
		}
		if got != "…" && got != "ready" {
			break
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.t.Fatalf("the page tells\n\t%s\nwant\n\t%s\nits errors: %v", got, want, b.errors)
}

func (b *browser) text(id string) string {
	b.t.Helper()
	return b.evaluate(fmt.Sprintf("document.getElementById(%q).innerText", id))
}

func (b *browser) evaluate(expression string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		b.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return text
}
