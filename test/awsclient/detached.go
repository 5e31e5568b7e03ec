package awsclient

import (
	"bytes"
	"io"
	"net/http"
)

// detached sends requests with bodies of its own. The SDK closes the body of a
// request as soon as the answer begins; net/http may ask it a moment later
// whether more is to come, hears an error and closes the connection under the
// answer ("use of closed network connection"): one quick answer in some thousands
// is lost, whatever the server does. A copy stays open.
type detached struct{ client *http.Client }

// maxDetached bounds what is copied, in bytes: large uploads stream as they are.
const maxDetached = 8 << 20

func (d detached) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.ContentLength > 0 && r.ContentLength <= maxDetached {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body, r.GetBody = io.NopCloser(bytes.NewReader(b)), nil
	}
	return d.client.Do(r)
}
