package awsclient

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// group is the 3072-bit MODP group (RFC 3526, group 15), whose generator is 2
// here. It is written out once more, so that a slip in the server's numbers
// is not repeated by the test's.
var group, _ = new(big.Int).SetString("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"+
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"+
	"49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804"+
	"F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"+
	"15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619D"+
	"CEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E"+
	"4B82D120A93AD2CAFFFFFFFFFFFFFFFF", 16)

// SRP is one sign-in's client half, as amazon-cognito-identity-js computes it.
type SRP struct{ a, public *big.Int }

// NewSRP draws the ephemeral secret.
func NewSRP() *SRP {
	secret := make([]byte, 128)
	_, _ = rand.Read(secret) // never fails
	a := new(big.Int).SetBytes(secret)
	return &SRP{a, new(big.Int).Exp(big.NewInt(2), a, group)}
}

// A is the parameter SRP_A.
func (s *SRP) A() string { return s.public.Text(16) }

// pad is a number as Java's BigInteger writes it: no sign bit set.
func pad(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		return append([]byte{0}, b...)
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

// Answer is the answer to the challenge PASSWORD_VERIFIER.
func (s *SRP) Answer(poolID, password string, challenge map[string]string, now time.Time) (map[string]string, error) {
	_, poolName, _ := strings.Cut(poolID, "_")
	return s.answer(poolName, challenge["USER_ID_FOR_SRP"], password, challenge, now)
}

// Device is a device as amazon-cognito-identity-js makes one: its key, and the
// secret that only it knows.
type Device struct{ GroupKey, Key, Password string }

// NewDevice draws a device's secret.
func NewDevice(groupKey, key string) *Device {
	secret := make([]byte, 40)
	_, _ = rand.Read(secret) // never fails
	return &Device{groupKey, key, base64.StdEncoding.EncodeToString(secret)}
}

// Verifier is what ConfirmDevice is given of a device: salt and verifier.
func (d *Device) Verifier() (salt, verifier string) {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails
	n := new(big.Int).SetBytes(random)
	x := new(big.Int).SetBytes(hash(pad(n), hash([]byte(d.GroupKey+d.Key+":"+d.Password))))
	v := new(big.Int).Exp(big.NewInt(2), x, group)
	return base64.StdEncoding.EncodeToString(pad(n)), base64.StdEncoding.EncodeToString(pad(v))
}

// AnswerDevice is the answer to the challenge DEVICE_PASSWORD_VERIFIER.
func (s *SRP) AnswerDevice(d *Device, challenge map[string]string, now time.Time) (map[string]string, error) {
	m, err := s.answer(d.GroupKey, d.Key, d.Password, challenge, now)
	if err == nil {
		m["USERNAME"], m["DEVICE_KEY"] = challenge["USERNAME"], d.Key
	}
	return m, err
}

// answer is what both challenges are answered with. group and user are the
// pool's name and the user's, or the keys of a device.
func (s *SRP) answer(poolName, user, password string, challenge map[string]string, now time.Time) (map[string]string, error) {
	salt, err := hex.DecodeString(evened(challenge["SALT"]))
	if err != nil {
		return nil, fmt.Errorf("SALT: %w", err)
	}
	b, ok := new(big.Int).SetString(challenge["SRP_B"], 16)
	if !ok {
		return nil, fmt.Errorf("SRP_B is not hexadecimal: %q", challenge["SRP_B"])
	}
	block, err := base64.StdEncoding.DecodeString(challenge["SECRET_BLOCK"])
	if err != nil {
		return nil, fmt.Errorf("SECRET_BLOCK: %w", err)
	}
	two := big.NewInt(2)
	k := new(big.Int).SetBytes(hash(pad(group), pad(two)))
	x := new(big.Int).SetBytes(hash(pad(new(big.Int).SetBytes(salt)), hash([]byte(poolName+user+":"+password))))
	u := new(big.Int).SetBytes(hash(pad(s.public), pad(b)))
	base := new(big.Int).Mul(k, new(big.Int).Exp(two, x, group))
	base.Sub(b, base).Mod(base, group)
	exponent := new(big.Int).Mul(u, x)
	shared := new(big.Int).Exp(base, exponent.Add(exponent, s.a), group)
	key, err := hkdf.Key(sha256.New, pad(shared), pad(u), "Caldera Derived Key", 16)
	if err != nil {
		return nil, err
	}
	timestamp := now.UTC().Format("Mon Jan 2 15:04:05 UTC 2006")
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(poolName + user))
	mac.Write(block)
	mac.Write([]byte(timestamp))
	return map[string]string{"USERNAME": user, "PASSWORD_CLAIM_SECRET_BLOCK": challenge["SECRET_BLOCK"], "TIMESTAMP": timestamp,
		"PASSWORD_CLAIM_SIGNATURE": base64.StdEncoding.EncodeToString(mac.Sum(nil))}, nil
}

func evened(h string) string {
	if len(h)%2 == 1 {
		return "0" + h
	}
	return h
}

// SecretHash is SECRET_HASH of a client with a secret.
func SecretHash(secret, username, clientID string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(username + clientID))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// Modulus is the group's prime in hexadecimal: as SRP_A it would let anybody
// in.
func Modulus() string { return group.Text(16) }
