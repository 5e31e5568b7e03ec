package demo

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// AWS's SDK for Go signs nobody in by SRP, so the client's half stands here,
// from the formulas of auth-flows.md, section 3, and math/big alone: it shares
// nothing with the server's half.

var (
	srpN, _ = new(big.Int).SetString("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"+
		"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"+
		"49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804"+
		"F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"+
		"15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619D"+
		"CEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E"+
		"4B82D120A93AD2CAFFFFFFFFFFFFFFFF", 16)
	srpG = big.NewInt(2)
)

// pad is the big-endian two's complement of a number.
func pad(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return b
}

func hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func number(b []byte) *big.Int { return new(big.Int).SetBytes(b) }

// signIn signs a user in by SRP.
func (d *Demo) signIn(ctx context.Context, poolID, clientID, user, password string) (*types.AuthenticationResultType, error) {
	secret := make([]byte, 128)
	_, _ = rand.Read(secret) // never fails
	a := number(secret)
	publicA := new(big.Int).Exp(srpG, a, srpN)
	start, err := d.users.InitiateAuth(ctx, &cip.InitiateAuthInput{AuthFlow: types.AuthFlowTypeUserSrpAuth, ClientId: &clientID,
		AuthParameters: map[string]string{"USERNAME": user, "SRP_A": publicA.Text(16)}})
	if err != nil {
		return nil, err
	}
	p := start.ChallengeParameters
	publicB, ok := new(big.Int).SetString(p["SRP_B"], 16)
	salt, ok2 := new(big.Int).SetString(p["SALT"], 16)
	block, err := base64.StdEncoding.DecodeString(p["SECRET_BLOCK"])
	if !ok || !ok2 || err != nil {
		return nil, errors.New("the challenge has no numbers")
	}
	_, pool, _ := strings.Cut(poolID, "_")
	u := number(hash(pad(publicA), pad(publicB)))
	x := number(hash(pad(salt), hash([]byte(pool+p["USER_ID_FOR_SRP"]+":"+password))))
	k := number(hash(pad(srpN), pad(srpG)))
	base := new(big.Int).Exp(srpG, x, srpN)
	base.Sub(publicB, base.Mul(base, k)).Mod(base, srpN)
	shared := base.Exp(base, new(big.Int).Add(a, new(big.Int).Mul(u, x)), srpN)
	key, err := hkdf.Key(sha256.New, pad(shared), pad(u), "Caldera Derived Key", 16)
	if err != nil {
		return nil, err
	}
	stamp := time.Now().UTC().Format("Mon Jan 2 15:04:05 UTC 2006")
	m := hmac.New(sha256.New, key)
	m.Write([]byte(pool + p["USER_ID_FOR_SRP"]))
	m.Write(block)
	m.Write([]byte(stamp))
	out, err := d.users.RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{ClientId: &clientID, ChallengeName: start.ChallengeName,
		Session: start.Session, ChallengeResponses: map[string]string{"USERNAME": p["USER_ID_FOR_SRP"], "TIMESTAMP": stamp,
			"PASSWORD_CLAIM_SECRET_BLOCK": p["SECRET_BLOCK"], "PASSWORD_CLAIM_SIGNATURE": base64.StdEncoding.EncodeToString(m.Sum(nil))}})
	if err != nil {
		return nil, err
	}
	if out.AuthenticationResult == nil {
		return nil, errors.New("another challenge: " + string(out.ChallengeName))
	}
	return out.AuthenticationResult, nil
}

// credentialsFor trades an ID token for credentials.
func (d *Demo) credentialsFor(ctx context.Context, identityPool, provider, idToken string) (identity string, c aws.Config, err error) {
	logins := map[string]string{provider: idToken}
	id, err := d.getID(ctx, identityPool, logins)
	if err != nil {
		return "", c, err
	}
	c, err = d.getCredentials(ctx, id, logins)
	return id, c, err
}
