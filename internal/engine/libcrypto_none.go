//go:build static || !linux || !(amd64 || arm64)

package engine

// Libcrypto answers ErrNoLibcrypto: this build does not look for one.
func Libcrypto() (Engine, error) { return nil, ErrNoLibcrypto }
