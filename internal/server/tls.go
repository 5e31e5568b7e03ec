package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"gatehouse/internal/config"
)

// tlsConfig is the TLS that the settings ask for, or nil.
func tlsConfig(c *config.Config, now time.Time) (*tls.Config, error) {
	var cert tls.Certificate
	var err error
	switch {
	case c.TLSCert != "":
		cert, err = tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	case c.TLS == "self":
		cert, err = selfMade(c, now)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("TLS certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// selfMade loads the certificate that the server made for itself, or makes
// one. It is kept, so that a client can be told to trust it once.
func selfMade(c *config.Config, now time.Time) (tls.Certificate, error) {
	certFile, keyFile := filepath.Join(c.Data, "tls-cert.pem"), filepath.Join(c.Data, "tls-key.pem")
	if cert, err := tls.LoadX509KeyPair(certFile, keyFile); err == nil {
		if cert.Leaf != nil && now.Before(cert.Leaf.NotAfter.Add(-24*time.Hour)) {
			return cert, nil
		}
	} else if !os.IsNotExist(err) {
		return tls.Certificate{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	names := []string{"localhost", "*.localhost", c.BaseDomain, "*." + c.BaseDomain}
	for _, service := range []string{"s3", "s3." + c.Region, "auth." + c.Region, "execute-api." + c.Region} {
		names = append(names, "*."+service+"."+c.BaseDomain)
	}
	if u, err := url.Parse(c.PublicURL); err == nil && u.Hostname() != "" {
		names = append(names, u.Hostname())
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "gatehouse"}, DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		return tls.Certificate{}, err
	}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return tls.Certificate{}, err
	}
	return tls.LoadX509KeyPair(certFile, keyFile)
}
