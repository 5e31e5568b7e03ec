package userpool

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/store"
)

// refuseLeaked looks a new password up among the compromised ones. It is
// signin.ErrLeaked where the pool blocks such passwords; seen, which may be nil, notes
// the answer either way. c is nil for administrators.
func (s *Service) refuseLeaked(ctx context.Context, p *pool.Pool, c *pool.Client, seen *risk.Decision, on cognitoidp.EventFilterType, password string) error {
	block, compromised, err := s.Risk.PasswordLeaked(ctx, p, c, on, password)
	if err != nil {
		return err
	}
	seen.Leaked(block, compromised)
	if block {
		return signin.ErrLeaked
	}
	return nil
}

// recordEvent records what a user did, where threat protection is on.
func (s *Service) recordEvent(tx *store.Tx, u *store.User, seen *risk.Decision, kind cognitoidp.EventType, response cognitoidp.EventResponseType) error {
	return s.Risk.Record(tx, seen.Event(u, kind, uuid.NewString(), tx.Now, response))
}

// AdminListUserAuthEvents lists what a user did, and what others tried in the
// user's name, the newest first.
func (s *Service) AdminListUserAuthEvents(ctx context.Context, in *cognitoidp.AdminListUserAuthEventsInput) (*cognitoidp.AdminListUserAuthEventsOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if err := needThreatProtection(p); err != nil {
		return nil, err
	}
	_, u, err := s.findUser(ctx, p.ID, string(*in.Username))
	if err != nil {
		return nil, err
	}
	rows, next, err := page(ctx, s, "AdminListUserAuthEvents/"+p.ID+"/"+u.Sub, in.NextToken, limit(in.MaxResults, 60),
		func(tx *store.Tx, from position, n int) ([]*store.AuthEvent, error) {
			var at time.Time
			if from.ID != "" {
				us, err := strconv.ParseInt(from.Value, 10, 64)
				if err != nil {
					return nil, err
				}
				at = time.UnixMicro(us)
			}
			return store.AuthEvents(tx, p.ID, u.Sub, at, from.ID, n)
		},
		func(e *store.AuthEvent) position {
			return position{Value: strconv.FormatInt(e.At.UnixMicro(), 10), ID: e.ID}
		})
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.AdminListUserAuthEventsOutput{AuthEvents: []cognitoidp.AuthEventType{}, NextToken: next}
	for _, e := range rows {
		out.AuthEvents = append(out.AuthEvents, authEvent(e))
	}
	return out, nil
}

// authEvent is an event as the API shows it.
func authEvent(e *store.AuthEvent) cognitoidp.AuthEventType {
	t := cognitoidp.AuthEventType{EventId: &e.ID, EventType: new(cognitoidp.EventType(e.Type)), CreationDate: api.At(e.At),
		EventResponse: new(cognitoidp.EventResponseType(e.Response)),
		EventRisk: &cognitoidp.EventRiskType{RiskDecision: ifAny(cognitoidp.RiskDecisionType(e.Decision)), RiskLevel: ifAny(cognitoidp.RiskLevelType(e.Level)),
			CompromisedCredentialsDetected: &e.Compromised},
		ChallengeResponses: []cognitoidp.ChallengeResponseType{},
		EventContextData:   &cognitoidp.EventContextDataType{IpAddress: ifAny(e.IP), DeviceName: ifAny(e.Device), City: ifAny(e.City), Country: ifAny(e.Country)}}
	for _, c := range e.Challenges {
		t.ChallengeResponses = append(t.ChallengeResponses, cognitoidp.ChallengeResponseType{ChallengeName: new(cognitoidp.ChallengeName(c.Name)),
			ChallengeResponse: new(cognitoidp.ChallengeResponse(c.Response))})
	}
	if e.Feedback != "" {
		t.EventFeedback = &cognitoidp.EventFeedbackType{FeedbackValue: new(cognitoidp.FeedbackValueType(e.Feedback)), Provider: &e.FeedbackBy, FeedbackDate: api.At(e.FeedbackAt)}
	}
	return t
}

// ifAny is a text, or nil when it is empty.
func ifAny[T ~string](v T) *T {
	if v == "" {
		return nil
	}
	return &v
}

// Who said something of an event.
const (
	saidByAdmin = "Admin"
	saidByUser  = "User"
)

// AdminUpdateAuthEventFeedback says whether the user was behind an event. What
// was Valid counts as known from then on, what was Invalid does not.
func (s *Service) AdminUpdateAuthEventFeedback(ctx context.Context, in *cognitoidp.AdminUpdateAuthEventFeedbackInput) (*cognitoidp.AdminUpdateAuthEventFeedbackOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if err := needThreatProtection(p); err != nil {
		return nil, err
	}
	_, u, err := s.findUser(ctx, p.ID, string(*in.Username))
	if err != nil {
		return nil, err
	}
	return &cognitoidp.AdminUpdateAuthEventFeedbackOutput{}, s.feedback(ctx, u, *in.EventId, *in.FeedbackValue, saidByAdmin)
}

// UpdateAuthEventFeedback is AdminUpdateAuthEventFeedback for the user, who
// shows the token of the mail about the event. To others it does not tell who
// exists.
func (s *Service) UpdateAuthEventFeedback(ctx context.Context, in *cognitoidp.UpdateAuthEventFeedbackInput) (*cognitoidp.UpdateAuthEventFeedbackOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if err := needThreatProtection(p); err != nil {
		return nil, err
	}
	_, u, err := s.findUser(ctx, p.ID, string(*in.Username))
	if errors.Is(err, errUserNotFound) {
		u, err = &store.User{}, nil // whose no token is
	}
	if err != nil {
		return nil, err
	}
	if err := s.Risk.CheckFeedbackToken(p.ID, u.Sub, *in.EventId, string(*in.FeedbackToken)); err != nil {
		return nil, notAuthorized("Invalid feedback token.")
	}
	return &cognitoidp.UpdateAuthEventFeedbackOutput{}, s.feedback(ctx, u, *in.EventId, *in.FeedbackValue, saidByUser)
}

func (s *Service) feedback(ctx context.Context, u *store.User, eventID string, value cognitoidp.FeedbackValueType, by string) error {
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		return store.SetAuthEventFeedback(tx, u.PoolID, u.Sub, eventID, string(value), by)
	})
	if errors.Is(err, store.ErrNotFound) {
		return notFound("Event " + eventID + " does not exist.")
	}
	return err
}
