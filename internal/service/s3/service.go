package s3

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/service/s3/blob"
	"gatehouse/internal/store"
)

// Authenticator authenticates a request whose body is not read yet. An
// unsigned request gives a caller of type policy.Anonymous. body is the
// payload, decoded if it came in chunks; reading it fails with a *sigv4.Error
// when it is not what was signed, at its end at the latest. err is a
// *sigv4.Error, or an error with a method ErrorCode() string for a key that is
// unknown (InvalidClientTokenId), a token that is bad (InvalidToken) or a
// session that has expired (ExpiredToken).
//
// The website endpoint, whose callers are all anonymous, passes its requests
// without anything that signs, for the condition keys of the caller.
type Authenticator interface {
	Authenticate(r *http.Request) (caller *access.Caller, body io.Reader, err error)
}

// Config holds what a Service is made of. Fields without a stated default are
// required.
type Config struct {
	DB            *store.DB
	Blobs         blob.Engine
	Authenticator Authenticator
	Access        access.Decider
	Account       string // 12 digits, the owner of all buckets
	// Upstreams are the buckets that live elsewhere, by their names here. Adopt
	// makes their records.
	Upstreams map[string]*Upstream
	// Region is where CreateBucket puts a bucket when the request names no
	// region, neither by its signature nor in its document. Default us-east-1.
	Region string
	// BaseDomain is the suffix of host names, for requests that come by
	// ServeHTTP.
	BaseDomain string
	Now        func() time.Time
	// Log takes unexpected errors. Default: discarded.
	Log *slog.Logger
	// RequestID gives the id of a request, to be shown in answers. Default: a
	// random one.
	RequestID func(*http.Request) string
	// BlobGrace is how long the bytes of a deleted or replaced object are kept
	// for the requests that are still reading them. Default one hour.
	BlobGrace time.Duration
}

// Service is Amazon S3. Its methods are safe for concurrent use.
type Service struct {
	db         *store.DB
	blobs      blob.Engine
	auth       Authenticator
	access     access.Decider
	account    string
	upstreams  map[string]*Upstream
	owner      string // the account's canonical user id
	region     string
	baseDomain string
	now        func() time.Time
	log        *slog.Logger
	requestID  func(*http.Request) string
	grace      time.Duration

	buckets bucketCache
	buffers sync.Pool // *[]byte, to copy bodies with
}

// New makes a Service.
func New(c Config) (*Service, error) {
	if c.DB == nil || c.Blobs == nil || c.Authenticator == nil || c.Access == nil || c.Now == nil || c.Account == "" {
		return nil, errors.New("s3: incomplete configuration")
	}
	s := &Service{
		db: c.DB, blobs: c.Blobs, auth: c.Authenticator, access: c.Access,
		account: c.Account, upstreams: c.Upstreams, owner: canonicalID(c.Account),
		region: cmp.Or(c.Region, defaultRegion), baseDomain: c.BaseDomain,
		now: c.Now, log: c.Log, requestID: c.RequestID,
		grace: cmp.Or(c.BlobGrace, time.Hour),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.requestID == nil {
		s.requestID = func(*http.Request) string { return randomID() }
	}
	s.buffers.New = func() any { b := make([]byte, 128<<10); return &b }
	return s, nil
}

const defaultRegion = "us-east-1"

func randomID() string {
	var b [8]byte
	rand.Read(b[:])
	return strings.ToUpper(hex.EncodeToString(b[:]))
}

// request is one request on its way through the service.
type request struct {
	svc    *Service
	ctx    context.Context
	w      http.ResponseWriter
	http   *http.Request
	id     string // x-amz-request-id
	hostID string // x-amz-id-2
	query  url.Values
	op     *operation // nil until it is known

	bucketName string
	key        string
	bucket     *bucket       // nil when there is none of the name
	object     *store.Object // only operations that load; nil when there is none
	marker     *store.Object // the delete marker in its place, or nil

	caller      *access.Caller
	body        io.Reader
	requestTags []store.Tag // of x-amz-tagging or the document, for conditions
	keys        policy.Context
}

// ServeHTTP serves a request to the REST endpoint by its Host header and path.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, _ := ParseHost(r.Host, s.baseDomain)
	if a.Website {
		s.ServeWebsite(w, r, a.Bucket)
		return
	}
	s.ServeBucket(w, r, a.Bucket)
}

// ServeBucket serves a request to the REST endpoint. bucket is the one that
// the host names; when it is empty, the first segment of the path names it.
// The path must be as it was received: not cleaned, not redirected.
func (s *Service) ServeBucket(w http.ResponseWriter, hr *http.Request, bucket string) {
	r := &request{svc: s, ctx: hr.Context(), w: w, http: hr, id: s.requestID(hr), bucketName: bucket}
	var b [36]byte
	rand.Read(b[:])
	r.hostID = base64.StdEncoding.EncodeToString(b[:])
	w.Header().Set("x-amz-request-id", r.id)
	w.Header().Set("x-amz-id-2", r.hostID)
	if bucket == "" {
		r.bucketName, r.key = splitPath(hr.URL.Path)
	} else {
		r.key = strings.TrimPrefix(hr.URL.Path, "/")
	}
	r.answer(r.serve())
}

// answer turns an error into an answer, and logs what strangers do not see.
func (r *request) answer(err error) {
	if err == nil {
		return
	}
	e, known := asError(err)
	if !known {
		name := ""
		if r.op != nil {
			name = r.op.name
		}
		r.svc.log.ErrorContext(r.ctx, "s3: request failed", "requestId", r.id, "operation", name, "error", err)
	}
	if errors.Is(err, errAnswered) {
		// The status line is out: all that is left is to cut the connection, so
		// that the client does not take a part for the whole.
		panic(http.ErrAbortHandler)
	}
	r.writeError(e)
}

// errAnswered wraps an error that came up after the answer had begun.
var errAnswered = errors.New("answer cut off")

func (r *request) on() resource {
	switch {
	case r.bucketName == "":
		return onService
	case r.key == "":
		return onBucket
	}
	return onObject
}

// serve is the life of every request. What it may tell before the caller is
// known is only that a bucket does not exist, as S3 does.
func (r *request) serve() (err error) {
	s := r.svc
	if r.query, err = url.ParseQuery(r.http.URL.RawQuery); err != nil {
		return errInvalidURI
	}
	if r.bucketName != "" {
		if r.bucket, err = s.bucket(r.ctx, r.bucketName); err != nil {
			return err
		}
	}
	if r.http.Method == http.MethodOptions {
		return r.preflight()
	}
	r.addCORS()

	// Signature Version 2, which older tools still presign with, must not be
	// taken for no signature: its sender could not tell what to change.
	if r.query.Has("AWSAccessKeyId") && r.query.Has("Signature") || strings.HasPrefix(r.http.Header.Get("Authorization"), "AWS ") {
		return errSigV2
	}
	// Signed parameters of a presigned URL stand for headers; the signature is
	// checked over the request as it came.
	r.caller, r.body, err = s.auth.Authenticate(r.http)
	if err != nil {
		return err
	}
	if r.presigned() {
		r.hoistQuery()
	}
	r.op, err = findOperation(r.http.Method, r.on(), r.query, r.http.Header)
	if err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	elsewhere := r.bucket != nil && r.bucket.upstream != nil
	if !elsewhere && (r.op.load || r.op.on == onObject && r.http.Header.Get("If-Match") != "") {
		if r.object, err = s.object(r.ctx, r.bucketName, r.key, r.query.Get("versionId")); err != nil {
			return err
		}
		if r.object != nil && r.object.Marker {
			r.object, r.marker = nil, r.object
		}
	}
	for _, p := range r.op.needs {
		if p.when == nil || p.when(r) {
			if err := r.authorize(p); err != nil {
				return err
			}
		}
	}
	return r.run()(s, r)
}

// check refuses what no operation could do anything with.
func (r *request) check() error {
	if r.op.on == onService {
		return nil
	}
	if !validBucketName(r.bucketName) {
		return errInvalidBucketName.with("BucketName", r.bucketName)
	}
	if r.op.name != "CreateBucket" && r.bucket == nil {
		return errNoSuchBucket.with("BucketName", r.bucketName)
	}
	if err := checkKey(r.key); err != nil {
		return err
	}
	if owner := r.http.Header.Get("x-amz-expected-bucket-owner"); owner != "" && owner != r.svc.account {
		return errAccessDenied
	}
	if v := r.query.Get("versionId"); r.query.Has("versionId") && !r.validVersion(v) {
		if v == "" {
			return errInvalidArgument.saying("Version id cannot be the empty string").with("ArgumentName", "versionId", "ArgumentValue", "")
		}
		return errInvalidArgument.saying("Invalid version id specified").with("ArgumentName", "versionId", "ArgumentValue", v)
	}
	if r.http.Header.Get("x-amz-server-side-encryption-customer-algorithm") != "" {
		return errNotImplemented.with("Header", "x-amz-server-side-encryption-customer-algorithm")
	}
	if r.http.Header.Get("x-amz-object-lock-mode") != "" || r.http.Header.Get("x-amz-object-lock-legal-hold") != "" {
		return errNotImplemented.with("Header", "x-amz-object-lock-mode")
	}
	return r.readTags()
}

var (
	versionForm = regexp.MustCompile(`^(null|[0-9a-f]{32})$`)
	// foreignForm is what the ids of versions and uploads elsewhere look like.
	foreignForm = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]{1,1000}$`)
)

func (r *request) validVersion(v string) bool {
	if r.bucket != nil && r.bucket.upstream != nil {
		return foreignForm.MatchString(v)
	}
	return versionForm.MatchString(v)
}

func (r *request) anonymous() bool { return r.caller.Principal.Type == policy.Anonymous }

// presigned says that the signature came in the query.
func (r *request) presigned() bool { return r.query.Has("X-Amz-Signature") }

// hoistQuery makes headers of the x-amz-* parameters that a presigned URL
// carries besides the signature's own. A header that is there stays.
func (r *request) hoistQuery() {
	for name, values := range r.query {
		lower := strings.ToLower(name)
		if !strings.HasPrefix(lower, "x-amz-") || len(values) == 0 {
			continue
		}
		switch lower {
		case "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders", "x-amz-signature", "x-amz-security-token":
			continue
		}
		if r.http.Header.Get(name) == "" {
			r.http.Header.Set(name, values[0])
		}
	}
}

// signingRegion is the region of the credential scope, or empty.
func (r *request) signingRegion() string {
	_, scope, found := strings.Cut(r.http.Header.Get("Authorization"), "Credential=")
	if !found {
		scope = r.query.Get("X-Amz-Credential")
	}
	scope, _, _ = strings.Cut(scope, ",")
	parts := strings.Split(scope, "/")
	if len(parts) != 5 {
		return ""
	}
	return parts[2]
}
