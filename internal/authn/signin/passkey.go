package signin

import (
	"context"

	"gatehouse/internal/store"
)

var errNoPasskeys = invalid("Passkeys are not available in this version of the server.")

func hasPasskeys(*store.Tx, *store.User) (bool, error)              { return false, nil }
func (e *Engine) askPasskey(context.Context, *proof) (*Step, error) { return nil, errNoPasskeys }
func (e *Engine) takePasskey(context.Context, *proof, *session, *Reply) (*Step, error) {
	return nil, errNoPasskeys
}
