package upstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// callTime bounds a call as a whole.
const callTime = 15 * time.Second

// Answer is what a service that speaks JSON said.
type Answer struct {
	Status    int
	Kind      string // of an error: ParameterNotFound
	Message   string // of an error
	RequestID string
	Body      []byte
}

// Call calls an operation of a service that speaks AWS's JSON 1.1 protocol.
// target is what X-Amz-Target says. An error of the service is an Answer.
func (u *Client) Call(ctx context.Context, target string, body []byte) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://upstream/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	sum := sha256.Sum256(body)
	resp, err := u.Do(r, hex.EncodeToString(sum[:]))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	most := u.config.MaxAnswer
	text, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("it answered more than %d bytes", most)
	}
	a := &Answer{Status: resp.StatusCode, RequestID: resp.Header.Get("X-Amzn-Requestid"), Body: text}
	if a.Status != http.StatusOK {
		a.Kind, a.Message = failure(resp.Header.Get("X-Amzn-Errortype"), text)
	}
	return a, nil
}

// failure reads an error: its kind stands in the body or in a header, with a
// namespace before it or an address behind it.
func failure(header string, body []byte) (kind, message string) {
	var b struct {
		Type    string `json:"__type"`
		Message string // encoding/json takes message as well
	}
	if json.Unmarshal(body, &b) != nil || b.Type == "" {
		b.Type = header
	}
	kind = b.Type[strings.LastIndexByte(b.Type, '#')+1:]
	kind, _, _ = strings.Cut(kind, ":")
	return kind, b.Message
}
