package signin

import (
	"context"
	"maps"
	"slices"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// The choice-based flow, USER_AUTH (auth-flows.md, section 7): the user says
// with what to begin. What is offered depends on the pool and on what the user
// has; a name that no user has is offered what a user of the pool could have.

const (
	choicePassword = cognitoidp.ChallengeNameTypePassword
	choiceSRP      = cognitoidp.ChallengeNameTypePasswordSrp
	choiceEmail    = cognitoidp.ChallengeNameTypeEmailOtp
	choiceSMS      = cognitoidp.ChallengeNameTypeSmsOtp
	choicePasskey  = cognitoidp.ChallengeNameTypeWebAuthn
)

// choose answers USER_AUTH: with the challenge that the client prefers, or
// with the choice.
func (e *Engine) choose(ctx context.Context, s *Start) (*Step, error) {
	if s.Session != "" {
		return e.handOver(ctx, s)
	}
	preferred := cognitoidp.ChallengeNameType(parameter(s.Parameters, "PREFERRED_CHALLENGE"))
	migrates := ""
	if preferred == choicePassword && s.Pool.FirstFactor(cognitoidp.AuthFactorTypePassword) {
		migrates = parameter(s.Parameters, "PASSWORD")
	}
	pr, err := e.admit(ctx, s, migrates)
	if err != nil {
		return nil, err
	}
	if pr.user != nil && !pr.user.Enabled {
		if !s.Client.HidesUsers() {
			return nil, errDisabled
		}
		pr.user = nil
	}
	choices, err := e.choices(ctx, pr)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(choices, preferred) {
		return e.askChoice(pr, choices)
	}
	// What was asked for with what proves it needs no further round.
	for _, p := range []struct {
		challenge cognitoidp.ChallengeNameType
		name      string
	}{{choicePassword, "PASSWORD"}, {choiceSRP, "SRP_A"}} {
		if preferred == p.challenge {
			if _, err := required(s.Parameters, p.name); err != nil {
				return nil, err
			}
		}
	}
	return e.begin(ctx, pr, preferred, s.Parameters, choices)
}

func (e *Engine) askChoice(pr *proof, choices []cognitoidp.ChallengeNameType) (*Step, error) {
	next := e.newSession(pr, cognitoidp.ChallengeNameTypeSelectChallenge)
	next.Choices = choices
	step, err := e.challenge(pr, next, map[string]string{"USERNAME": e.nameOf(pr)})
	if err == nil {
		step.Choices = choices
	}
	return step, err
}

// selectChallenge takes the answer to SELECT_CHALLENGE, with or without what
// proves it.
func (e *Engine) selectChallenge(ctx context.Context, r *Reply) (*Step, error) {
	answer, err := required(r.Responses, "ANSWER")
	if err != nil {
		return nil, err
	}
	return e.chosen(ctx, r, cognitoidp.ChallengeNameType(answer), r.Challenge)
}

// chosen goes on with a choice, in answer to one of the challenges: to
// SELECT_CHALLENGE or, where a challenge is answered by its own name, to what
// the choice led to. Never to what the caller names: the answer is not trusted
// to say which session may be opened.
func (e *Engine) chosen(ctx context.Context, r *Reply, choice cognitoidp.ChallengeNameType, to ...cognitoidp.ChallengeNameType) (*Step, error) {
	pr, s, err := e.resume(ctx, r, to...)
	if err != nil {
		return nil, err
	}
	if pr.user != nil && !pr.user.Enabled {
		return nil, errDisabled
	}
	if s.Challenge == choicePasskey {
		return e.takePasskey(ctx, pr, s, r)
	}
	// The user may have changed since.
	choices, err := e.choices(ctx, pr)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(choices, choice) {
		return nil, invalid("Invalid selection: " + choiceText(choices) + " can be chosen.")
	}
	return e.begin(ctx, pr, choice, r.Responses, choices)
}

// begin starts with a factor: it checks what came with the choice, or asks for
// it.
func (e *Engine) begin(ctx context.Context, pr *proof, choice cognitoidp.ChallengeNameType, given map[string]api.Secret, choices []cognitoidp.ChallengeNameType) (*Step, error) {
	switch choice {
	case choicePassword:
		if text := parameter(given, "PASSWORD"); text != "" {
			return e.checkPassword(ctx, pr, text)
		}
	case choiceSRP:
		if a := parameter(given, "SRP_A"); a != "" {
			return e.askSRP(ctx, pr, a)
		}
	case choiceEmail, choiceSMS:
		if err := e.mayGuess(ctx, pr); err != nil {
			return nil, err
		}
		step, err := e.askCode(ctx, pr, choice, e.addressOf(pr, choice), false)
		if err == nil {
			step.Choices = []cognitoidp.ChallengeNameType{choice}
		}
		return step, err
	case choicePasskey:
		return e.askPasskey(ctx, pr)
	}
	step, err := e.ask(ctx, pr, choice, map[string]string{"USERNAME": e.nameOf(pr)})
	if err == nil {
		step.Choices = choices
	}
	return step, err
}

// addressOf is where the code of a first factor goes; an address of the same
// shape for a name that no user has.
func (e *Engine) addressOf(pr *proof, choice cognitoidp.ChallengeNameType) string {
	if pr.user == nil {
		attribute, address := e.SimulatedAddress(pr.pool, pr.typed)
		if isEmail(choice) == (attribute == "email") {
			return address
		}
		digits := e.Simulated(pr.pool, pr.typed, "phone")
		return "+1206555" + string([]byte{'0' + digits[0]%10, '0' + digits[1]%10, '0' + digits[2]%10, '0' + digits[3]%10})
	}
	attribute := "phone_number"
	if isEmail(choice) {
		attribute = "email"
	}
	address, _ := pr.user.Attribute(attribute)
	return address
}

// choices are the factors that a user can begin with.
func (e *Engine) choices(ctx context.Context, pr *proof) (list []cognitoidp.ChallengeNameType, err error) {
	if pr.user == nil {
		return simulatedChoices(pr.pool), nil
	}
	var f *Factors
	var passkeys bool
	if err := e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if f, err = FactorsOf(tx, pr.pool, pr.user); err != nil {
			return err
		}
		if pr.pool.FirstFactor(cognitoidp.AuthFactorTypeWebAuthn) {
			passkeys, err = e.hasPasskeys(tx, pr.pool, pr.user)
		}
		return err
	}); err != nil {
		return nil, err
	}
	return choicesOf(pr.pool, pr.user, f, passkeys), nil
}

// FirstFactors are what a user has to begin a sign-in with, of what the pool
// allows, whether or not a second factor would rule it out.
func (e *Engine) FirstFactors(ctx context.Context, p *pool.Pool, u *store.User) (list []cognitoidp.AuthFactorType, err error) {
	has := map[cognitoidp.AuthFactorType]bool{cognitoidp.AuthFactorTypePassword: len(u.Password) > 0}
	_, has[cognitoidp.AuthFactorTypeEmailOtp] = u.Attribute("email")
	_, has[cognitoidp.AuthFactorTypeSmsOtp] = u.Attribute("phone_number")
	if p.FirstFactor(cognitoidp.AuthFactorTypeWebAuthn) {
		if err := e.DB.Read(ctx, func(tx *store.Tx) (err error) {
			has[cognitoidp.AuthFactorTypeWebAuthn], err = e.hasPasskeys(tx, p, u)
			return err
		}); err != nil {
			return nil, err
		}
	}
	for _, f := range p.Settings.Policies.SignInPolicy.AllowedFirstAuthFactors {
		if has[f] {
			list = append(list, f)
		}
	}
	return list, nil
}

// choicesOf are the factors that a user can begin with: all that the pool
// allows and the user has, but for users with a second factor only the
// password, which is the first of two, and a passkey that counts as both.
func choicesOf(p *pool.Pool, u *store.User, f *Factors, passkeys bool) (list []cognitoidp.ChallengeNameType) {
	if p.FirstFactor(cognitoidp.AuthFactorTypePassword) && (len(u.Password) > 0 || !p.Passwordless()) {
		list = append(list, passwordChoices(p)...)
	}
	if u.Status == string(cognitoidp.UserStatusTypeForceChangePassword) {
		return list
	}
	two := p.MFA() == cognitoidp.UserPoolMfaTypeOn || len(f.Usable) > 0
	for _, c := range []cognitoidp.ChallengeNameType{choiceEmail, choiceSMS} {
		if !two && canHaveCode(p, u, c) {
			list = append(list, c)
		}
	}
	if passkeys && u.Status == string(cognitoidp.UserStatusTypeConfirmed) && (!two || PasskeyIsTwo(p) && f.Chosen.Passkey) {
		list = append(list, choicePasskey)
	}
	return list
}

// passwordChoices are the ways to show a password.
func passwordChoices(p *pool.Pool) []cognitoidp.ChallengeNameType {
	if !p.HasSRP() {
		return []cognitoidp.ChallengeNameType{choicePassword}
	}
	return []cognitoidp.ChallengeNameType{choiceSRP, choicePassword}
}

// canHaveCode reports whether a user can begin with a code.
func canHaveCode(p *pool.Pool, u *store.User, challenge cognitoidp.ChallengeNameType) bool {
	factor, attribute := cognitoidp.AuthFactorTypeSmsOtp, "phone_number"
	if isEmail(challenge) {
		factor, attribute = cognitoidp.AuthFactorTypeEmailOtp, "email"
	}
	address, _ := u.Attribute(attribute)
	return p.FirstFactor(factor) && address != "" && (u.Status == string(cognitoidp.UserStatusTypeConfirmed) || confirmsUser(u))
}

// simulatedChoices are those of a name that no user has.
func simulatedChoices(p *pool.Pool) (list []cognitoidp.ChallengeNameType) {
	if p.FirstFactor(cognitoidp.AuthFactorTypePassword) {
		list = append(list, passwordChoices(p)...)
	}
	if p.MFA() == cognitoidp.UserPoolMfaTypeOn {
		return list
	}
	if p.FirstFactor(cognitoidp.AuthFactorTypeEmailOtp) {
		list = append(list, choiceEmail)
	}
	if p.FirstFactor(cognitoidp.AuthFactorTypeSmsOtp) && !p.FirstFactor(cognitoidp.AuthFactorTypeEmailOtp) {
		list = append(list, choiceSMS)
	}
	return list
}

// Sign-up hands its user over to a sign-in: SignUp gives a session of
// signedUp, ConfirmSignUp takes it and gives one of confirmedSignUp, which
// USER_AUTH takes in place of a code, because the same code has just been
// shown. Neither is a challenge that a client could answer.
const (
	signedUp        cognitoidp.ChallengeNameType = "SIGNED_UP"
	confirmedSignUp cognitoidp.ChallengeNameType = "CONFIRMED_SIGN_UP"
)

// SignedUp gives the session of SignUp, or "" where nothing could take it.
func (e *Engine) SignedUp(p *pool.Pool, c *pool.Client, u *store.User) (string, error) {
	if !c.Allows(cognitoidp.ExplicitAuthFlowsTypeAllowUserAuth) || !p.Passwordless() {
		return "", nil
	}
	return e.seal(c, e.newSession(&proof{pool: p, client: c, user: u}, signedUp))
}

// ConfirmedSignUp gives the session of ConfirmSignUp, whose code went to an
// attribute of the user. The session of SignUp need not come with it: Amplify 6
// for JavaScript sends none, and signs in with what it gets. It is "" when one
// that did come is not of this sign-up or too old, and when client and pool do
// not let users begin with a code to that address: the user is confirmed all
// the same, and signs in.
func (e *Engine) ConfirmedSignUp(p *pool.Pool, c *pool.Client, u *store.User, attribute, text string) (string, error) {
	if text != "" {
		if s, err := e.openSession(c, text, signedUp); err != nil || s.Sub != u.Sub {
			return "", nil
		}
	}
	challenge := choiceSMS
	if attribute == "email" {
		challenge = choiceEmail
	}
	if !c.Allows(cognitoidp.ExplicitAuthFlowsTypeAllowUserAuth) || !canHaveCode(p, u, challenge) {
		return "", nil
	}
	next := e.newSession(&proof{pool: p, client: c, user: u}, confirmedSignUp)
	next.Choices = []cognitoidp.ChallengeNameType{challenge}
	return e.seal(c, next)
}

// handOver takes the session of ConfirmSignUp.
func (e *Engine) handOver(ctx context.Context, s *Start) (*Step, error) {
	given := maps.Clone(s.Parameters)
	if parameter(given, "USERNAME") == "" { // it need not be there
		was, err := e.openSession(s.Client, s.Session, confirmedSignUp)
		if err != nil {
			return nil, err
		}
		given = map[string]api.Secret{"USERNAME": api.Secret(was.Sub), "SECRET_HASH": given["SECRET_HASH"]}
	}
	pr, was, err := e.resume(ctx, &Reply{Pool: s.Pool, Client: s.Client, Responses: given, Session: s.Session, Seen: s.Seen}, confirmedSignUp)
	if err != nil {
		return nil, err
	}
	choices, err := e.choices(ctx, pr)
	if err != nil {
		return nil, err
	}
	if len(was.Choices) != 1 || !slices.Contains(choices, was.Choices[0]) {
		return nil, errSession // not eligible any more
	}
	pr.Flow, pr.First, pr.Browser = s.Flow, byCode, s.Browser
	if pr.DeviceKey = ""; !s.Admin && !s.Browser {
		pr.DeviceKey = parameter(s.Parameters, "DEVICE_KEY")
	}
	return e.proceed(ctx, pr)
}
