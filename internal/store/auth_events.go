package store

import (
	"encoding/json"
	"math"
	"time"
)

// AuthEvent is something that a user did, or that somebody tried in the user's
// name, in a pool with threat protection. The texts are AWS's: EventType,
// EventResponseType and so on; empty: there is none.
type AuthEvent struct {
	PoolID, Sub, ID string
	At              time.Time
	Type, Response  string
	Decision, Level string
	Compromised     bool
	Challenges      []AuthChallenge
	IP, Device      string
	City, Country   string
	Feedback        string
	FeedbackBy      string
	FeedbackAt      time.Time
}

// AuthChallenge is a challenge of an event and how it was answered.
type AuthChallenge struct {
	Name     string `json:"name"`
	Response string `json:"response"`
}

// The events of a user: so many that passed, so many that did not, and none
// that is older.
const (
	AuthEventsPassed = 100
	AuthEventsOther  = 100
	AuthEventsLife   = 2 * 365 * 24 * time.Hour
)

const eventColumns = `pool_id, sub, event_id, created_at, type, response, decision, level, compromised, challenges, ip, device, city, country,
	feedback, feedback_by, feedback_at`

// PutAuthEvent records an event, or how it went on: what was said about it in
// the meantime stays. Older ones go when there are too many.
func PutAuthEvent(tx *Tx, e *AuthEvent) error {
	challenges, err := json.Marshal(e.Challenges)
	if err != nil {
		return err
	}
	passed, keep := e.Response == "Pass", AuthEventsOther
	if passed {
		keep = AuthEventsPassed
	}
	if _, err := tx.exec(`insert into user_auth_events (`+eventColumns+`, expires_at, passed)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		on conflict (pool_id, sub, event_id) do update set passed = excluded.passed, response = excluded.response, decision = excluded.decision,
		level = excluded.level, compromised = excluded.compromised, challenges = excluded.challenges`,
		e.PoolID, e.Sub, e.ID, micros(e.At), e.Type, e.Response, e.Decision, e.Level, e.Compromised, string(challenges), e.IP, e.Device, e.City, e.Country,
		e.Feedback, e.FeedbackBy, micros(e.FeedbackAt), micros(e.At.Add(AuthEventsLife)), passed); err != nil {
		return err
	}
	_, err = tx.exec(`delete from user_auth_events where pool_id = $1 and sub = $2 and passed = $3 and (created_at, event_id) <
		(select created_at, event_id from user_auth_events where pool_id = $1 and sub = $2 and passed = $3
		order by created_at desc, event_id desc limit 1 offset $4)`, e.PoolID, e.Sub, passed, keep-1)
	return err
}

func scanAuthEvent(r scanner) (*AuthEvent, error) {
	e := &AuthEvent{}
	var at, feedbackAt int64
	var challenges string
	err := r.Scan(&e.PoolID, &e.Sub, &e.ID, &at, &e.Type, &e.Response, &e.Decision, &e.Level, &e.Compromised, &challenges, &e.IP, &e.Device, &e.City,
		&e.Country, &e.Feedback, &e.FeedbackBy, &feedbackAt)
	if err != nil {
		return nil, err
	}
	e.At, e.FeedbackAt = fromMicros(at), fromMicros(feedbackAt)
	return e, json.Unmarshal([]byte(challenges), &e.Challenges)
}

// AuthEvents lists a user's events, the newest first. A page begins after the
// event of that time and id; the zero time is the first page.
func AuthEvents(tx *Tx, poolID, sub string, at time.Time, id string, limit int) ([]*AuthEvent, error) {
	before := int64(math.MaxInt64)
	if !at.IsZero() {
		before = micros(at)
	}
	return collect(tx, scanAuthEvent, `select `+eventColumns+` from user_auth_events where pool_id = $1 and sub = $2 and (created_at, event_id) < ($3, $4)
		order by created_at desc, event_id desc limit $5`, poolID, sub, before, id, limit)
}

// AuthEventByID is an event of a user, or ErrNotFound.
func AuthEventByID(tx *Tx, poolID, sub, id string) (*AuthEvent, error) {
	return scanAuthEvent(tx.queryRow(`select `+eventColumns+` from user_auth_events where pool_id = $1 and sub = $2 and event_id = $3`, poolID, sub, id))
}

// SetAuthEventFeedback says of an event whether the user was behind it, or is
// ErrNotFound. What was said before is replaced.
func SetAuthEventFeedback(tx *Tx, poolID, sub, id, value, by string) error {
	return tx.execOne(`update user_auth_events set feedback = $4, feedback_by = $5, feedback_at = $6 where pool_id = $1 and sub = $2 and event_id = $3`,
		poolID, sub, id, value, by, micros(tx.Now))
}
