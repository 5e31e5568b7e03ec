package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"gatehouse/internal/store"
)

// webhookSender hands text messages to the operator's own service: one JSON
// POST each, {"id","at","to","body","trigger","userPoolId","username"}. The id
// stays the same over retries, so that the service can tell a repetition. An
// answer in the 200s means delivered.
type webhookSender struct {
	url    string
	client *http.Client
}

func newWebhook(url string) Sender {
	return &webhookSender{url: url, client: &http.Client{Timeout: sendTimeout,
		// A redirect would carry a code to an address that nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (s *webhookSender) Send(ctx context.Context, m *store.Message) error {
	body, err := json.Marshal(map[string]string{"id": m.ID, "at": m.At.UTC().Format(time.RFC3339), "to": m.To, "body": m.Body,
		"trigger": m.Trigger, "userPoolId": m.PoolID, "username": m.Username})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("the webhook answered %s", resp.Status)
	}
	return nil
}
