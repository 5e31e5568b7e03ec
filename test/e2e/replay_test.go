package e2e_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// TestReplay is row U5 of promises.md for what begins and ends a sign-in: the
// second use is refused, in a row and from another node. The tests of each
// challenge do the same for its session.
func TestReplay(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		here, there := ns[0], ns[len(ns)-1]
		ann := here.user("ann")
		const once = "Invalid session for the user, session can only be used once."
		h, challenge, err := here.startSRP(ann)
		here.ok(err)
		answer, err := h.Answer(here.pool, password, challenge, here.server.Now())
		here.ok(err)
		prove := func(n *tenant) error {
			_, err := n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "PASSWORD_VERIFIER", ChallengeResponses: answer})
			return err
		}
		here.ok(prove(here))
		for _, n := range ns {
			n.refused(prove(n), "NotAuthorizedException", once)
		}

		// a wrong answer spends the challenge: the right one comes too late
		h, challenge, err = here.startSRP(ann)
		here.ok(err)
		_, err = here.answerSRP(h, challenge, otherPassword)
		here.refused(err, "NotAuthorizedException", incorrect)
		_, err = there.answerSRP(h, challenge, password)
		there.refused(err, "NotAuthorizedException", once)

		_, err = here.root.IDP.AdminCreateUser(here.Context(), &idp.AdminCreateUserInput{UserPoolId: &here.pool, Username: aws.String("bob"), MessageAction: "SUPPRESS", TemporaryPassword: aws.String(password)})
		here.ok(err)
		asked, err := here.login("bob", password)
		here.ok(err)
		here.must("", "NEW_PASSWORD_REQUIRED", asked.Session, "bob", "NEW_PASSWORD", otherPassword)
		_, err = there.respond("NEW_PASSWORD_REQUIRED", asked.Session, "bob", "NEW_PASSWORD", password)
		there.refused(err, "NotAuthorizedException", "/^Invalid session for the user/")
		_, err = there.login("bob", password)
		there.refused(err, "NotAuthorizedException", incorrect)

		rotating := here.rotating(0)
		rotating.user(ann)
		first := rotating.tokens(ann)
		_, err = rotating.renew(*first.RefreshToken)
		here.ok(err)
		_, err = (&tenant{there.env, rotating.pool, rotating.client, rotating.secret}).renew(*first.RefreshToken)
		there.refused(err, "RefreshTokenReuseException", "")
	})
}
