package hostedui

import (
	"fmt"
	"net/url"
	"strings"

	"rsc.io/qr"

	"gatehouse/internal/api"
)

// quiet is the white margin that readers need around a code, in modules (ISO/IEC
// 18004).
const quiet = 4

// qr is the picture that authenticator apps read: the key URI of a software
// token, and its secret in groups of four for who types it.
func (v *visit) qr(username, secret string) (*picture, error) {
	issuer := api.Value(v.s.Pool.Settings.Name)
	uri := "otpauth://totp/" + url.PathEscape(issuer+":"+username) + "?secret=" + secret + "&issuer=" + url.QueryEscape(issuer)
	code, err := qr.Encode(uri, qr.M)
	if err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
			}
		}
	}
	var groups []string
	for s := secret; s != ""; {
		n := min(4, len(s))
		groups, s = append(groups, s[:n]), s[n:]
	}
	return &picture{Size: code.Size + 2*quiet, Path: path.String(), Secret: strings.Join(groups, " "), Alt: v.T("setup.alt"), Label: v.T("setup.secret")}, nil
}
