package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/authn/password"
	"gatehouse/internal/authn/srp"
	"gatehouse/internal/authz/credentials"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/authz/sigv4"
	"gatehouse/internal/engine"
	"gatehouse/internal/seal"
)

// floorCommand makes this program the floor. Nobody types it.
const floorCommand = "floor"

// floor answers every operation of the flows for one user, whom it makes up.
// It has no store, no policy, no validation, no log. Its answers are as long
// as the server's.
type floor struct {
	crypto   engine.Engine
	signer   engine.Signer
	public   *rsa.PublicKey
	header   string
	ring     *seal.Ring
	sessions *credentials.Issuer
	keys     *sigv4.KeyCache
	salt     []byte
	verifier []byte
	hasher   *password.Hasher
	slow     password.Record

	mu      sync.RWMutex
	answers map[string]*cognitoidp.DescribeUserPoolOutput // the server's own, for the floor to encode
}

const (
	floorPool     = "floor"
	floorSlow     = "argon2id0123456789abcdefgh" // the client whose users' passwords are kept as Argon2id
	floorUser     = "8a1f5a52-7d3c-4f0e-9b61-2f6c1c1f0a11"
	floorIdentity = "us-east-1:5b2c0e8e-51a5-4a8b-8f57-0c35b5b0a4a2"
)

func serveFloor(stdout io.Writer) error {
	ring, err := seal.Open(seal.Config{Keys: seal.NewKey()})
	if err != nil {
		return err
	}
	f := &floor{crypto: engine.Default(), ring: ring, sessions: credentials.New(ring), keys: sigv4.NewKeyCache(64), salt: srp.NewSalt(),
		header: encode([]byte(`{"kid":"IqsX2bQlbVrdGzTyJcYEOPbpX3mLUzgNv3KXlYHzF9Y=","alg":"RS256"}`)), answers: map[string]*cognitoidp.DescribeUserPoolOutput{}}
	key, err := f.crypto.GenerateKey()
	if err != nil {
		return err
	}
	f.public = &key.PublicKey
	if f.signer, err = f.crypto.Signer(key); err != nil {
		return err
	}
	f.verifier = srp.Verifier(f.crypto, floorPool, floorUser, secret, f.salt)
	f.hasher = password.New(f.crypto, nil)
	if f.slow, err = f.hasher.NewRecord(context.Background(), password.Argon2id, floorPool, floorUser, secret); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "http://%s\n", l.Addr()); err != nil {
		return err
	}
	return http.Serve(l, f)
}

var errFloor = errors.New("the floor refuses")

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if name, ok := strings.CutPrefix(r.URL.Path, "/answer/"); ok {
		f.learn(w, name, body)
		return
	}
	out, err := f.answer(r, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out) // the client is gone when this fails
}

// learn keeps the server's answer of an operation.
func (f *floor) learn(w http.ResponseWriter, name string, body []byte) {
	out := &cognitoidp.DescribeUserPoolOutput{}
	if err := json.Unmarshal(body, out); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[name] = out
}

// signed verifies a request's signature.
func (f *floor) signed(r *http.Request, service string, body []byte) error {
	auth, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	secret := root.SecretAccessKey
	if auth.SecurityToken != "" {
		if _, secret, err = f.sessions.Open(auth.AccessKeyID, auth.SecurityToken, time.Now()); err != nil {
			return err
		}
	}
	v, err := sigv4.Verify(r, auth, secret, sigv4.Options{Service: service, Body: body, Now: time.Now(), Keys: f.keys})
	if err != nil || service != "s3" {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	read, err := v.Body(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, read)
	return err
}

var object = bytes.Repeat([]byte("x"), objectSize)

func (f *floor) answer(r *http.Request, body []byte) ([]byte, error) {
	if r.Method == http.MethodGet {
		return object, f.signed(r, "s3", body)
	}
	target, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if r.Header.Get("Authorization") != "" {
		if err := f.signed(r, signingNames[target], body); err != nil {
			return nil, err
		}
	}
	operations := cognitoidp.Service.Operations
	switch target {
	case identityPools:
		operations = cognitoidentity.Service.Operations
	case streams:
		operations = kinesis.Service.Operations
	}
	op := operations[name]
	if op == nil {
		return nil, errFloor
	}
	in := op.New()
	if err := json.Unmarshal(body, in); err != nil {
		return nil, err
	}
	out, err := f.operate(name, in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out, json.Deterministic(true))
}

func (f *floor) operate(name string, in any) (any, error) {
	switch in := in.(type) {
	case *cognitoidp.InitiateAuthInput:
		return f.initiate(in)
	case *cognitoidp.RespondToAuthChallengeInput:
		return f.respond(in)
	case *cognitoidp.GetUserInput:
		if err := f.verify(string(*in.AccessToken)); err != nil {
			return nil, err
		}
		return &cognitoidp.GetUserOutput{Username: new(api.Secret(floorUser)), UserAttributes: []cognitoidp.AttributeType{
			{Name: new("sub"), Value: new(api.Secret(floorUser))}, {Name: new("email"), Value: new(api.Secret(email(0)))},
			{Name: new("email_verified"), Value: new(api.Secret("true"))}}}, nil
	case *cognitoidentity.GetIdInput:
		return &cognitoidentity.GetIdOutput{IdentityId: new(floorIdentity)}, f.verifyLogins(in.Logins)
	case *cognitoidentity.GetCredentialsForIdentityInput:
		return f.credentials(in)
	case *cognitoidp.AdminCreateUserInput:
		now := time.Now()
		return &cognitoidp.AdminCreateUserOutput{User: &cognitoidp.UserType{Username: in.Username, Attributes: in.UserAttributes, Enabled: new(true),
			UserCreateDate: api.At(now), UserLastModifiedDate: api.At(now), UserStatus: new(cognitoidp.UserStatusTypeForceChangePassword)}}, nil
	case *cognitoidp.AdminSetUserPasswordInput:
		srp.Verifier(f.crypto, floorPool, string(*in.Username), string(*in.Password), srp.NewSalt())
		return &cognitoidp.AdminSetUserPasswordOutput{}, nil
	case *kinesis.PutRecordInput:
		shard, number := place(*in.PartitionKey)
		return &kinesis.PutRecordOutput{ShardId: &shard, SequenceNumber: &number}, nil
	case *kinesis.PutRecordsInput:
		out := &kinesis.PutRecordsOutput{FailedRecordCount: new(0), Records: make([]kinesis.PutRecordsResultEntry, len(in.Records))}
		for i, r := range in.Records {
			shard, number := place(*r.PartitionKey)
			out.Records[i] = kinesis.PutRecordsResultEntry{ShardId: &shard, SequenceNumber: &number}
		}
		return out, nil
	case *cognitoidp.DescribeUserPoolInput:
		f.mu.RLock()
		defer f.mu.RUnlock()
		return f.answers[name], nil
	}
	return nil, errFloor
}

// place is the shard of a partition key, of four, and a number that is as long as
// the server's.
func place(key string) (shard, number string) {
	sum := md5.Sum([]byte(key))
	return fmt.Sprintf("shardId-%012d", sum[0]>>6), fmt.Sprintf("49%019d%012d", time.Now().UnixMicro(), sum[0]>>6)
}

// sealed is what the floor hides in its tokens: as much as the server does.
type sealed struct {
	Pool, User, A string
	B, Secret     []byte
	At            int64
}

func (f *floor) initiate(in *cognitoidp.InitiateAuthInput) (any, error) {
	p := in.AuthParameters
	switch *in.AuthFlow {
	case cognitoidp.AuthFlowTypeUserPasswordAuth:
		if *in.ClientId == floorSlow {
			if ok, err := f.hasher.Check(context.Background(), f.slow, floorPool, floorUser, string(p["PASSWORD"])); err != nil || !ok {
				return nil, cmp.Or(err, errFloor)
			}
			return f.tokens(true)
		}
		if got := srp.Verifier(f.crypto, floorPool, floorUser, string(p["PASSWORD"]), f.salt); !bytes.Equal(got, f.verifier) {
			return nil, errFloor
		}
		return f.tokens(true)
	case cognitoidp.AuthFlowTypeRefreshTokenAuth:
		if _, err := f.ring.OpenToken("refresh", "", string(p["REFRESH_TOKEN"])); err != nil {
			return nil, err
		}
		return f.tokens(false)
	}
	if _, err := srp.ParseA(string(p["SRP_A"])); err != nil {
		return nil, err
	}
	h := sealed{Pool: floorPool, User: floorUser, A: string(p["SRP_A"]), Secret: srp.NewSecret(), At: time.Now().UnixMicro()}
	h.B = srp.PublicB(f.crypto, f.verifier, h.Secret)
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	block := base64.StdEncoding.EncodeToString(f.ring.Seal("srp", "", text))
	return &cognitoidp.InitiateAuthOutput{ChallengeName: new(cognitoidp.ChallengeNameTypePasswordVerifier), ChallengeParameters: map[string]string{
		"SALT": srp.Hex(f.salt), "SRP_B": srp.Hex(h.B), "SECRET_BLOCK": block, "USERNAME": floorUser, "USER_ID_FOR_SRP": floorUser}}, nil
}

func (f *floor) respond(in *cognitoidp.RespondToAuthChallengeInput) (any, error) {
	p := in.ChallengeResponses
	block, err := base64.StdEncoding.DecodeString(string(p["PASSWORD_CLAIM_SECRET_BLOCK"]))
	if err != nil {
		return nil, err
	}
	text, err := f.ring.Open("srp", "", block)
	if err != nil {
		return nil, err
	}
	var h sealed
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, err
	}
	a, err := srp.ParseA(h.A)
	if err != nil {
		return nil, err
	}
	key := srp.SharedKey(f.crypto, a, f.verifier, h.Secret, h.B)
	proof, err := base64.StdEncoding.DecodeString(string(p["PASSWORD_CLAIM_SIGNATURE"]))
	if err != nil || !srp.CheckSignature(proof, key, floorPool, floorUser, block, string(p["TIMESTAMP"])) {
		return nil, errFloor
	}
	return f.tokens(true)
}

// claims are those of both tokens, the longer of the two.
type claims struct {
	Sub      string `json:"sub"`
	Verified bool   `json:"email_verified"`
	Issuer   string `json:"iss"`
	Name     string `json:"cognito:username"`
	Origin   string `json:"origin_jti"`
	Audience string `json:"aud"`
	Event    string `json:"event_id"`
	Use      string `json:"token_use"`
	At       int64  `json:"auth_time"`
	Expires  int64  `json:"exp"`
	Issued   int64  `json:"iat"`
	ID       string `json:"jti"`
	Email    string `json:"email"`
}

func (f *floor) token(use string) (string, error) {
	now := time.Now().Unix()
	payload, err := json.Marshal(claims{Sub: floorUser, Verified: true, Issuer: "http://localhost:4566/us-east-1_floor0000", Name: floorUser, Origin: rand.Text(),
		Audience: "0123456789abcdefghijklmnop", Event: rand.Text(), Use: use, At: now, Issued: now, Expires: now + 3600, ID: rand.Text(), Email: email(0)})
	if err != nil {
		return "", err
	}
	text := f.header + "." + encode(payload)
	signature, err := f.signer.Sign(sha256.Sum256([]byte(text)))
	return text + "." + encode(signature), err
}

func (f *floor) tokens(refresh bool) (any, error) {
	access, err := f.token("access")
	if err != nil {
		return nil, err
	}
	id, err := f.token("id")
	if err != nil {
		return nil, err
	}
	r := &cognitoidp.AuthenticationResultType{AccessToken: new(api.Secret(access)), IdToken: new(api.Secret(id)), ExpiresIn: new(3600), TokenType: new("Bearer")}
	if refresh {
		text, err := json.Marshal(sealed{Pool: floorPool, User: floorUser, A: rand.Text(), At: time.Now().Unix()})
		if err != nil {
			return nil, err
		}
		r.RefreshToken = new(api.Secret(f.ring.SealToken("refresh", "", text)))
	}
	return &cognitoidp.InitiateAuthOutput{AuthenticationResult: r, ChallengeParameters: map[string]string{}}, nil
}

// verify checks a token that the floor made: its signature and its expiry.
func (f *floor) verify(text string) error {
	dot := strings.LastIndexByte(text, '.')
	if dot < 0 {
		return errFloor
	}
	signature, err := base64.RawURLEncoding.DecodeString(text[dot+1:])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(text[:dot]))
	if err := rsa.VerifyPKCS1v15(f.public, crypto.SHA256, sum[:], signature); err != nil {
		return err
	}
	_, payload, _ := strings.Cut(text[:dot], ".")
	b, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return err
	}
	var c claims
	if err := json.Unmarshal(b, &c); err != nil {
		return err
	}
	if time.Now().Unix() >= c.Expires {
		return errFloor
	}
	return nil
}

func (f *floor) verifyLogins(logins map[string]api.Secret) error {
	for _, l := range logins {
		if err := f.verify(string(l)); err != nil {
			return err
		}
	}
	return nil
}

func (f *floor) credentials(in *cognitoidentity.GetCredentialsForIdentityInput) (any, error) {
	if err := f.verifyLogins(in.Logins); err != nil {
		return nil, err
	}
	now := time.Now()
	c, err := f.sessions.Issue(&credentials.Session{Principal: policy.Principal{Type: policy.AssumedRole, Account: account, ID: "AROA0123456789ABCDEF:CognitoIdentityCredentials",
		ARN: "arn:aws:sts::" + account + ":assumed-role/bench/CognitoIdentityCredentials"}, IssuedAt: now, ExpiresAt: now.Add(time.Hour),
		Context: policy.Context{"cognito-identity.amazonaws.com:sub": {*in.IdentityId}, "cognito-identity.amazonaws.com:amr": {"authenticated", "x"}}})
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.GetCredentialsForIdentityOutput{IdentityId: in.IdentityId, Credentials: &cognitoidentity.Credentials{AccessKeyId: &c.AccessKeyID,
		SecretKey: new(api.Secret(c.SecretKey)), SessionToken: &c.SessionToken, Expiration: api.At(c.Expiration)}}, nil
}
