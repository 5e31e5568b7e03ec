package userpool

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// newCertificate makes an RSA key, PKCS #8, and the certificate that a pool
// signs for it: ten years (GetSigningCertificate), Base64 without line breaks,
// as SAML metadata holds it.
func (s *Service) newCertificate(poolID string) (key []byte, certificate string, err error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, "", fmt.Errorf("make a certificate: %w", err)
	}
	if key, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		return nil, "", fmt.Errorf("make a certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, "", fmt.Errorf("make a certificate: %w", err)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: poolID}, NotBefore: s.Now(), NotAfter: s.Now().AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, "", fmt.Errorf("make a certificate: %w", err)
	}
	return key, base64.StdEncoding.EncodeToString(der), nil
}

// GetSigningCertificate shows the certificate with whose key the pool signs
// what it sends to SAML providers. It is made when it is asked for first, and
// whoever asks at the same time gets the same one.
func (s *Service) GetSigningCertificate(ctx context.Context, in *cognitoidp.GetSigningCertificateInput) (*cognitoidp.GetSigningCertificateOutput, error) {
	r, err := s.record(ctx, *in.UserPoolId, kindCertificate, wholePool, nil)
	if err != nil {
		return nil, err
	}
	if r == nil {
		key, certificate, err := s.newCertificate(*in.UserPoolId)
		if err != nil {
			return nil, err
		}
		if err := s.inPool(ctx, *in.UserPoolId, func(tx *store.Tx, p *pool.Pool) error {
			r = &store.PoolRecord{PoolID: p.ID, Kind: kindCertificate, ID: wholePool, Body: body(certificate), Secret: key, CreatedAt: tx.Now, UpdatedAt: tx.Now}
			err := store.InsertPoolRecord(tx, r)
			if errors.Is(err, store.ErrConflict) {
				r, err = store.PoolRecordByID(tx, p.ID, kindCertificate, wholePool)
			}
			return err
		}); err != nil {
			return nil, err
		}
	}
	var certificate string
	err = json.Unmarshal([]byte(r.Body), &certificate)
	return &cognitoidp.GetSigningCertificateOutput{Certificate: &certificate}, err
}
