package pool

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

// KindResourceServer is the kind of the records of resource servers, whose ids
// are their identifiers.
const KindResourceServer = "resource server"

// StandardScopes are the scopes that need no resource server.
var StandardScopes = []string{"openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"}

// HasScope reports whether a resource server of the pool has a scope. The name
// of a scope has no slash, the identifier before it may have many.
func HasScope(tx *store.Tx, poolID, scope string) (bool, error) {
	i := strings.LastIndexByte(scope, '/')
	if i < 0 {
		return false, nil
	}
	r, err := store.PoolRecordByID(tx, poolID, KindResourceServer, scope[:i])
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var t cognitoidp.ResourceServerType
	if err := json.Unmarshal([]byte(r.Body), &t); err != nil {
		return false, err
	}
	return slices.ContainsFunc(t.Scopes, func(x cognitoidp.ResourceServerScopeType) bool { return *x.ScopeName == scope[i+1:] }), nil
}
