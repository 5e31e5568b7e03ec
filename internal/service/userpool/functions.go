package userpool

import (
	"context"
	"errors"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authz/arn"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// setFunctionDefaults keeps the two places where the pre token generation
// function stands to one; a pair that differs is left to be refused.
func setFunctionDefaults(p *cognitoidp.UserPoolType) {
	l := cognitoidp.LambdaConfigType{}
	if p.LambdaConfig != nil {
		l = *p.LambdaConfig
	}
	switch {
	case l.PreTokenGenerationConfig == nil && l.PreTokenGeneration != nil:
		l.PreTokenGenerationConfig = &cognitoidp.PreTokenGenerationVersionConfigType{LambdaArn: l.PreTokenGeneration,
			LambdaVersion: new(cognitoidp.PreTokenGenerationLambdaVersionTypeV10)}
	case l.PreTokenGenerationConfig != nil && l.PreTokenGeneration == nil:
		l.PreTokenGeneration = l.PreTokenGenerationConfig.LambdaArn
	}
	p.LambdaConfig = &l
}

// checkFunctions refuses functions that this server would not call: a pool that
// asks for a check is never run without it.
func (s *Service) checkFunctions(p *cognitoidp.UserPoolType) error {
	l := p.LambdaConfig
	for _, f := range []struct {
		name  string
		given bool
	}{{"CustomSMSSender", l.CustomSMSSender != nil}, {"CustomEmailSender", l.CustomEmailSender != nil}, {"KMSKeyID", l.KMSKeyID != nil},
		{"InboundFederation", l.InboundFederation != nil}} {
		if f.given {
			return invalid(f.name + " of LambdaConfig is not available in this version of the server.")
		}
	}
	some := false
	for _, f := range []struct {
		name     string
		function *string
	}{{"PreSignUp", l.PreSignUp}, {"CustomMessage", l.CustomMessage}, {"PostConfirmation", l.PostConfirmation}, {"PreAuthentication", l.PreAuthentication},
		{"PostAuthentication", l.PostAuthentication}, {"DefineAuthChallenge", l.DefineAuthChallenge}, {"CreateAuthChallenge", l.CreateAuthChallenge},
		{"VerifyAuthChallengeResponse", l.VerifyAuthChallengeResponse}, {"PreTokenGeneration", l.PreTokenGeneration}, {"UserMigration", l.UserMigration}} {
		if f.function == nil {
			continue
		}
		some = true
		if err := checkFunction(f.name, *f.function); err != nil {
			return err
		}
	}
	if some && !s.Triggers.Available() {
		return invalid("LambdaConfig needs functions to call, and this server has none: set --lambda-endpoint (GATEHOUSE_LAMBDA_ENDPOINT).")
	}
	if c := l.PreTokenGenerationConfig; c != nil {
		if *c.LambdaArn != *l.PreTokenGeneration {
			return invalid("PreTokenGeneration and the LambdaArn of PreTokenGenerationConfig must be the same function.")
		}
		if *c.LambdaVersion != cognitoidp.PreTokenGenerationLambdaVersionTypeV10 && !tierIncludes(p, cognitoidp.UserPoolTierTypeEssentials) {
			return &cognitoidp.FeatureUnavailableInTierException{Message: "Access token customization is not available in the LITE tier."}
		}
	}
	return nil
}

// checkFunction refuses an ARN that is not a function's, and one of a numbered
// version, which Cognito does not take.
func checkFunction(name, text string) error {
	a, err := arn.Parse(text)
	parts := strings.Split(a.Resource, ":")
	if err != nil || a.Service != "lambda" || parts[0] != "function" || len(parts) < 2 || len(parts) > 3 {
		return invalid(name + " of LambdaConfig is not the ARN of a Lambda function.")
	}
	if len(parts) == 3 && strings.Trim(parts[2], digits) == "" {
		return invalid(name + " of LambdaConfig cannot have a function version: use an alias, or none.")
	}
	return nil
}

// validationData is the list of a request as functions get it, or nil.
func validationData(list []cognitoidp.AttributeType) map[string]string {
	var m map[string]string
	for _, a := range list {
		if m == nil {
			m = map[string]string{}
		}
		m[*a.Name] = string(api.Value(a.Value))
	}
	return m
}

// preSignUp asks the pool's function about a user who is to be made. A name
// that is taken is refused with exists before. Nothing is written yet: what the
// function refuses leaves nothing behind.
func (s *Service) preSignUp(ctx context.Context, call *trigger.Call, source, typed string, validation []cognitoidp.AttributeType, exists error) (d trigger.SignUpDecision, err error) {
	p := call.Pool
	if !trigger.HasPreSignUp(p) {
		return d, nil
	}
	err = s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if p.UsesAttributesAsNames() {
			_, err = p.FindUser(tx, typed)
		} else {
			_, err = store.UserByName(tx, p.ID, call.User.UsernameKey)
		}
		return err
	})
	if err == nil {
		return d, exists
	}
	if !errors.Is(err, store.ErrNotFound) {
		return d, err
	}
	return s.Triggers.PreSignUp(ctx, call, source, validationData(validation))
}

// decide does to a new user what a PreSignUp function decided.
func decide(u *store.User, d trigger.SignUpDecision) error {
	if d.AutoConfirm {
		u.Status = string(cognitoidp.UserStatusTypeConfirmed)
	}
	for _, v := range []struct {
		asked        bool
		name, member string
	}{{d.AutoVerifyEmail, "email", "autoVerifyEmail"}, {d.AutoVerifyPhone, "phone_number", "autoVerifyPhone"}} {
		if !v.asked {
			continue
		}
		if _, has := u.Attribute(v.name); !has {
			return &cognitoidp.InvalidLambdaResponseException{Message: "Invalid lambda function output : " + v.member + " needs the attribute " + v.name + "."}
		}
		u.SetAttribute(v.name+"_verified", "true")
	}
	return nil
}

// texts are what a CustomMessage function said in one operation, by the message
// and the attribute that it goes to.
type texts map[textKey]trigger.Texts

type textKey struct{ source, attribute string }

// needsText undoes a transaction that is to send a message whose text nobody
// has asked for yet.
type needsText struct {
	key  textKey
	user *store.User // as the message finds the user
}

func (*needsText) Error() string { return "the text of a message is not known yet" }

// of is the text of a message in a transaction: the pool's own when it has no
// function.
func (t texts) of(p *pool.Pool, u *store.User, source, attribute string) (trigger.Texts, error) {
	key := textKey{source, attribute}
	text, known := t[key]
	if !known && trigger.HasCustomMessage(p) {
		return text, &needsText{key, u}
	}
	return text, nil
}

// sending runs a write that may send messages. The function that words them is
// called between transactions, never inside one: the write stops where it needs
// a text, which undoes it, and runs again with the text. A function that fails
// has changed nothing; one that answers may have worded a message that the
// second run no longer sends.
func (s *Service) sending(ctx context.Context, call trigger.Call, write func(t texts) error) error {
	t := texts{}
	for {
		err := write(t)
		var need *needsText
		if !errors.As(err, &need) {
			return err
		}
		call.User = need.user
		if t[need.key], err = s.Triggers.CustomMessage(ctx, &call, need.key.source); err != nil {
			return err
		}
	}
}

// either is the function's text or, without one, the template's.
func either(custom, template *string) *string {
	if api.Value(custom) != "" {
		return custom
	}
	return template
}
