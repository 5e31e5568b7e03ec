package signin

import (
	"context"

	"gatehouse/internal/api/cognitoidp"
)

// custom is what CUSTOM_AUTH remembers.
type custom struct{}

var errNoTriggers = invalid("Custom auth lambda trigger is not configured for the user pool.")

func (e *Engine) startCustom(context.Context, *Start) (*Step, error)  { return nil, errNoTriggers }
func (e *Engine) answerCustom(context.Context, *Reply) (*Step, error) { return nil, errNoTriggers }
func (e *Engine) customDone(context.Context, *proof, cognitoidp.ChallengeNameType) (*Step, error) {
	return nil, errNoTriggers
}
