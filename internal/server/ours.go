package server

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/authn/risk"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/edge/awsapi"
	"gatehouse/internal/store"
)

// oursHandler serves /_gatehouse/ (contract.md, "Under /_gatehouse/").
func (s *Server) oursHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_gatehouse/health", s.health)
	mux.HandleFunc("GET /_gatehouse/outbox", s.readOutbox)
	mux.HandleFunc("GET /_gatehouse/explain", s.explain)
	mux.HandleFunc("GET /_gatehouse/imports/{pool}/{job}/errors", s.readImportLog)
	mux.HandleFunc("PUT /_gatehouse/imports/{pool}/{job}", s.uploadImport)
	mux.HandleFunc("GET "+risk.FeedbackPath, s.askFeedback)
	mux.HandleFunc("POST "+risk.FeedbackPath, s.takeFeedback)
	mux.HandleFunc("GET /_gatehouse/{$}", s.welcome)
	mux.HandleFunc("GET /_gatehouse/metrics", func(w http.ResponseWriter, r *http.Request) {
		if !fromLoopback(r) {
			refuse(w, http.StatusForbidden, "metrics answer this machine only; --metrics-listen opens a further address")
			return
		}
		s.metrics.handler().ServeHTTP(w, r)
	})
	if s.config.Dev {
		mux.HandleFunc("GET /_gatehouse/clock", s.readClock)
		mux.HandleFunc("POST /_gatehouse/clock", s.moveClock)
		mux.HandleFunc("POST /_gatehouse/reset", s.reset)
	}
	mux.HandleFunc("/_gatehouse/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "there is nothing here")
	})
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page of another origin may read the outbox of a developer's server
		// only if it is on this machine as well.
		if r.Method == http.MethodOptions {
			awsapi.Preflight(w, r)
			return
		}
		if clean := path.Clean(r.URL.Path); clean != strings.TrimSuffix(r.URL.Path, "/") {
			refuse(w, http.StatusNotFound, "there is nothing here") // ServeMux would redirect
			return
		}
		if r.Method != http.MethodGet && r.Header.Get("Origin") != "" && r.Header.Get("Origin") != s.publicURL {
			refuse(w, http.StatusForbidden, "a page of another origin may not do this")
			return
		}
		mux.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut { // a file, which may take its time
			paced(guarded).ServeHTTP(w, r)
			return
		}
		limited(guarded).ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client is gone when this fails
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"message": message})
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if err := s.db.Ping(r.Context()); err != nil || s.draining.Load() {
		answer(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "version": Version})
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "ok", "version": Version})
}

// message is a message of the outbox on the wire.
type message struct {
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	Channel    string    `json:"channel"`
	To         string    `json:"to"`
	Subject    string    `json:"subject"`
	Body       string    `json:"body"`
	Code       string    `json:"code"`
	Trigger    string    `json:"trigger"`
	UserPoolID string    `json:"userPoolId"`
	Username   string    `json:"username"`
}

// readOutbox lists messages, newest first. Outside --dev the caller signs as a
// principal that may gatehouse:ReadOutbox.
func (s *Server) readOutbox(w http.ResponseWriter, r *http.Request) {
	if !s.config.Dev {
		caller, err := s.authenticator.Authenticate(r, "gatehouse", nil)
		if err == nil {
			err = access.Require(r.Context(), s.authorizer, caller, access.Check{Action: "gatehouse:ReadOutbox", Resource: "*"})
		}
		var refused *access.Error
		switch {
		case errors.As(err, &refused):
			refuse(w, http.StatusForbidden, refused.Message)
			return
		case err != nil:
			refuse(w, http.StatusServiceUnavailable, "the outbox cannot be read at the moment")
			return
		}
	}
	limit := 50
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			refuse(w, http.StatusBadRequest, "limit is a number from 1 to 1000")
			return
		}
		limit = n
	}
	var rows []store.Message
	err := s.db.Read(r.Context(), func(tx *store.Tx) (err error) {
		rows, err = store.Messages(tx, r.URL.Query().Get("to"), limit)
		return err
	})
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "the outbox cannot be read at the moment")
		return
	}
	list := []message{}
	for _, m := range rows {
		list = append(list, message{m.ID, m.At, m.Channel, m.To, m.Subject, m.Body, m.Code, m.Trigger, m.PoolID, m.Username})
	}
	w.Header().Set("Cache-Control", "no-store")
	answer(w, http.StatusOK, list)
}

func (s *Server) readClock(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"now": s.clock.Now().UTC().Format(time.RFC3339Nano)})
}

func (s *Server) moveClock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Advance string `json:"advance"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1024)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, `the body is {"advance":"5m"}`)
		return
	}
	d, err := time.ParseDuration(in.Advance)
	if err != nil || d < 0 || d > 20*365*24*time.Hour {
		refuse(w, http.StatusBadRequest, "advance is a duration such as 5m or 24h; the clock never goes back")
		return
	}
	s.clock.Advance(d)
	s.readClock(w, r)
}

func (s *Server) reset(w http.ResponseWriter, r *http.Request) {
	err := s.db.Write(r.Context(), store.Reset)
	if err == nil {
		err = s.s3.Adopt(r.Context())
	}
	if err != nil {
		s.log.Error("reset", "error", err)
		refuse(w, http.StatusServiceUnavailable, "the data could not be removed")
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "empty"})
}
