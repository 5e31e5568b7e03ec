package policy

import (
	"reflect"
	"strings"
	"testing"
)

const (
	acct  = "123456789012"
	other = "210987654321"
)

var (
	ann  = Principal{Type: User, Account: acct, ARN: "arn:aws:iam::" + acct + ":user/ann", ID: "AIDAANN", UniqueID: "AIDAANN"}
	bob  = Principal{Type: User, Account: acct, ARN: "arn:aws:iam::" + acct + ":user/team/bob", ID: "AIDABOB", UniqueID: "AIDABOB"}
	eve  = Principal{Type: User, Account: other, ARN: "arn:aws:iam::" + other + ":user/eve", ID: "AIDAEVE", UniqueID: "AIDAEVE"}
	role = Principal{Type: AssumedRole, Account: acct, ARN: "arn:aws:sts::" + acct + ":assumed-role/app/s1", RoleARN: "arn:aws:iam::" + acct + ":role/svc/app", ID: "AROAAPP:s1", UniqueID: "AROAAPP"}
	fed  = Principal{Type: FederatedUser, Account: acct, ARN: "arn:aws:sts::" + acct + ":federated-user/fay", ID: acct + ":fay", UniqueID: "AIDAANN"}
	root = Principal{Type: Account, Account: acct, ARN: "arn:aws:iam::" + acct + ":root", ID: acct}
	far  = Principal{Type: Account, Account: other, ARN: "arn:aws:iam::" + other + ":root", ID: other}
	anon = Principal{Type: Anonymous, ID: "anonymous"}
	lamb = Principal{Type: Service, ServiceName: "lambda.amazonaws.com"}
	web  = Principal{Type: WebIdentity, Provider: "cognito-identity.amazonaws.com"}
)

// Statements for the tables: a policy is a list of them, joined by " ; ".
// "allow A on R", "deny A on R for P if C": A and R are lists with commas, a
// leading "!" is the Not form, P is JSON, C is the inside of Condition.
func compact(tb testing.TB, kind Kind, text string) *Document {
	tb.Helper()
	var statements []string
	for _, s := range strings.Split(text, " ; ") {
		var cond, who, on string
		s, cond, _ = strings.Cut(s, " if ")
		s, who, _ = strings.Cut(s, " for ")
		s, on, _ = strings.Cut(s, " on ")
		effect, action, _ := strings.Cut(s, " ")
		list := func(name, text string) string {
			if text == "" {
				return ""
			}
			not := ""
			if text[0] == '!' {
				not, text = "Not", text[1:]
			}
			if name == "Principal" {
				return `,"` + not + name + `":` + text
			}
			return `,"` + not + name + `":["` + strings.ReplaceAll(text, ",", `","`) + `"]`
		}
		st := `"Effect":"` + strings.ToUpper(effect[:1]) + effect[1:] + `"` + list("Action", action) + list("Resource", on) + list("Principal", who)
		if cond != "" {
			st += `,"Condition":{` + cond + `}`
		}
		statements = append(statements, st)
	}
	return mustParse(tb, doc(statements...), kind)
}

func sources(tb testing.TB, kind Kind, name, text string) []Source {
	switch text {
	case "":
		return nil
	case "none": // there is a limit, and it allows nothing
		return []Source{}
	}
	var all []Source
	for _, one := range strings.Split(text, " | ") {
		all = append(all, Source{Name: name, Document: compact(tb, kind, one)})
	}
	return all
}

// outcome is a Decision in short: "allow <type>", "deny <type>" for an
// explicit one, "lack <type>" for an implicit one.
func outcome(d Decision) string {
	verb := "lack"
	switch {
	case d.Root:
		return "root"
	case d.Allowed:
		verb = "allow"
	case d.Explicit:
		verb = "deny"
	}
	short := map[PolicyType]string{IdentityBased: "identity", ResourceBased: "resource", BoundaryType: "boundary", SessionType: "session", TrustType: "trust"}
	return strings.TrimSpace(verb + " " + short[d.Type])
}

func TestEvaluate(t *testing.T) {
	const (
		get   = "s3:GetObject"
		obj   = "arn:aws:s3:::b/k"
		all   = "allow s3:* on *"
		toAnn = `allow s3:* on * for {"AWS":"arn:aws:iam::` + acct + `:user/ann"}`
		toApp = `allow s3:* on * for {"AWS":"arn:aws:iam::` + acct + `:role/svc/app"}`
		toSes = `allow s3:* on * for {"AWS":"arn:aws:sts::` + acct + `:assumed-role/app/s1"}`
		toFed = `allow s3:* on * for {"AWS":"arn:aws:sts::` + acct + `:federated-user/fay"}`
		toAcc = `allow s3:* on * for {"AWS":"` + acct + `"}`
		toEve = `allow s3:* on * for {"AWS":"arn:aws:iam::` + other + `:user/eve"}`
		toOth = `allow s3:* on * for {"AWS":"arn:aws:iam::` + other + `:root"}`
		toAny = `allow s3:* on * for "*"`
		noAnn = `deny s3:* on * for {"AWS":"arn:aws:iam::` + acct + `:user/ann"}`
	)
	for _, c := range []struct {
		name                                  string
		who                                   Principal
		action, on                            string
		identity, resource, boundary, session string
		ctx                                   Context
		want                                  string
	}{
		// 4: identity policies alone.
		{"nothing", ann, get, obj, "", "", "", "", nil, "lack identity"},
		{"allow", ann, get, obj, all, "", "", "", nil, "allow identity"},
		{"exact action", ann, get, obj, "allow s3:GetObject on *", "", "", "", nil, "allow identity"},
		{"action case", ann, get, obj, "allow S3:getOBJECT on *", "", "", "", nil, "allow identity"},
		{"request action case", ann, "S3:GETOBJECT", obj, "allow s3:Get* on *", "", "", "", nil, "allow identity"},
		{"other action", ann, get, obj, "allow s3:PutObject on *", "", "", "", nil, "lack identity"},
		{"longer action", ann, "s3:GetObjectAcl", obj, "allow s3:GetObject on *", "", "", "", nil, "lack identity"},
		{"action prefix", ann, get, obj, "allow s3:Put*,s3:Get* on *", "", "", "", nil, "allow identity"},
		{"action question mark", ann, get, obj, "allow s3:?etObject on *", "", "", "", nil, "allow identity"},
		{"action star", ann, get, obj, "allow * on *", "", "", "", nil, "allow identity"},
		{"other service", ann, get, obj, "allow s3-object-lambda:* on *", "", "", "", nil, "lack identity"},
		{"not action", ann, get, obj, "allow !iam:* on *", "", "", "", nil, "allow identity"},
		{"not action, named", ann, "iam:CreateUser", "*", "allow !iam:*,sts:* on *", "", "", "", nil, "lack identity"},
		{"resource exact", ann, get, obj, "allow s3:* on arn:aws:s3:::b/k", "", "", "", nil, "allow identity"},
		{"resource case", ann, get, obj, "allow s3:* on arn:aws:s3:::b/K", "", "", "", nil, "lack identity"},
		{"resource glob", ann, get, "arn:aws:s3:::b/a/b/c:d", "allow s3:* on arn:aws:s3:::b/*", "", "", "", nil, "allow identity"},
		{"bucket is not its objects", ann, "s3:ListBucket", "arn:aws:s3:::b", "allow s3:* on arn:aws:s3:::b/*", "", "", "", nil, "lack identity"},
		{"bucket prefix leaks", ann, get, "arn:aws:s3:::bb/k", "allow s3:* on arn:aws:s3:::b*", "", "", "", nil, "allow identity"},
		{"action without resource", ann, "s3:ListAllMyBuckets", "*", "allow s3:* on arn:aws:s3:::*", "", "", "", nil, "lack identity"},
		{"action without resource, star", ann, "s3:ListAllMyBuckets", "*", all, "", "", "", nil, "allow identity"},
		{"action without resource, not resource", ann, "s3:ListAllMyBuckets", "*", "allow s3:* on !arn:aws:s3:::b", "", "", "", nil, "allow identity"},
		{"not resource", ann, get, obj, "allow s3:* on !arn:aws:s3:::c/*", "", "", "", nil, "allow identity"},
		{"not resource, named", ann, get, obj, "allow s3:* on !arn:aws:s3:::c/*,arn:aws:s3:::b/*", "", "", "", nil, "lack identity"},
		{"second statement", ann, get, obj, "allow iam:* on * ; allow s3:* on *", "", "", "", nil, "allow identity"},
		{"second policy", ann, get, obj, "allow iam:* on * | allow s3:* on *", "", "", "", nil, "allow identity"},
		{"two halves", ann, get, obj, "allow s3:* on arn:aws:s3:::c/* ; allow iam:* on *", "", "", "", nil, "lack identity"},
		{"condition", ann, get, obj, `allow s3:* on * if "Bool":{"aws:SecureTransport":"true"}`, "", "", "", Context{"aws:securetransport": {"true"}}, "allow identity"},
		{"condition fails", ann, get, obj, `allow s3:* on * if "Bool":{"aws:SecureTransport":"true"}`, "", "", "", Context{"aws:securetransport": {"false"}}, "lack identity"},
		{"ForAllValues on absent key allows", ann, get, obj, `allow s3:* on * if "ForAllValues:StringEquals":{"aws:TagKeys":["a"]}`, "", "", "", nil, "allow identity"},
		{"nobody", Principal{}, get, obj, all, toAny, "", "", nil, "lack resource"},

		// 2: a Deny anywhere decides.
		{"deny", ann, get, obj, all + " ; deny s3:GetObject on *", "", "", "", nil, "deny identity"},
		{"deny first", ann, get, obj, "deny s3:GetObject on * ; " + all, "", "", "", nil, "deny identity"},
		{"deny in another policy", ann, get, obj, all + " | deny s3:* on *", "", "", "", nil, "deny identity"},
		{"deny elsewhere", ann, get, obj, all + " ; deny s3:* on arn:aws:s3:::c/*", "", "", "", nil, "allow identity"},
		{"deny not resource", ann, get, obj, all + " ; deny s3:* on !arn:aws:s3:::c/*", "", "", "", nil, "deny identity"},
		{"deny not resource spares", ann, get, obj, all + " ; deny s3:* on !arn:aws:s3:::b/*", "", "", "", nil, "allow identity"},
		{"deny not action", ann, get, obj, all + " ; deny !s3:List* on *", "", "", "", nil, "deny identity"},
		{"deny unless condition", ann, get, obj, all + ` ; deny * on * if "StringNotEquals":{"aws:x":"1"}`, "", "", "", nil, "deny identity"},
		{"deny if exists", ann, get, obj, all + ` ; deny * on * if "BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}`, "", "", "", nil, "deny identity"},
		{"deny without allow", ann, get, obj, "deny s3:* on *", "", "", "", nil, "deny identity"},
		{"deny in resource", ann, get, obj, all, noAnn, "", "", nil, "deny resource"},
		{"deny in resource for another", bob, get, obj, all, noAnn, "", "", nil, "allow identity"},
		{"deny in resource against its own allow", ann, get, obj, "", toAny + " ; " + noAnn, "", "", nil, "deny resource"},
		{"deny in boundary", ann, get, obj, all, "", "allow * on * ; deny s3:Get* on *", "", nil, "deny boundary"},
		{"deny in session", role, get, obj, all, "", "", "allow * on * ; deny s3:Get* on *", nil, "deny session"},
		{"deny in identity against direct grant", ann, get, obj, "deny s3:* on *", toAnn, "", "", nil, "deny identity"},
		{"deny in boundary against direct grant", ann, get, obj, "", toAnn, "deny s3:* on *", "", nil, "deny boundary"},
		{"deny in session against direct grant", role, get, obj, "", toSes, "", "deny s3:* on *", nil, "deny session"},
		{"deny for the account", ann, get, obj, all, `deny s3:* on * for {"AWS":"` + acct + `"}`, "", "", nil, "deny resource"},
		{"deny for the role", role, get, obj, all, `deny s3:* on * for {"AWS":"arn:aws:iam::` + acct + `:role/svc/app"}`, "", "", nil, "deny resource"},
		{"deny for another session", role, get, obj, all, `deny s3:* on * for {"AWS":"arn:aws:sts::` + acct + `:assumed-role/app/s2"}`, "", "", nil, "allow identity"},
		{"deny all but one", ann, get, obj, all, `deny s3:* on * for !{"AWS":"arn:aws:iam::` + acct + `:user/ann"}`, "", "", nil, "allow identity"},
		{"deny all but one, another", bob, get, obj, all, `deny s3:* on * for !{"AWS":"arn:aws:iam::` + acct + `:user/ann"}`, "", "", nil, "deny resource"},
		{"deny all but one, anonymous", anon, get, obj, "", toAny + ` ; deny s3:* on * for !{"AWS":"arn:aws:iam::` + acct + `:user/ann"}`, "", "", nil, "deny resource"},
		{"deny all but the role", role, get, obj, all, `deny s3:* on * for !{"AWS":"arn:aws:iam::` + acct + `:role/svc/app"}`, "", "", nil, "allow identity"},
		{"deny insecure transport", anon, get, obj, "", toAny + ` ; deny s3:* on * for "*" if "Bool":{"aws:SecureTransport":"false"}`, "", "", Context{"aws:securetransport": {"false"}}, "deny resource"},

		// 1: the root user.
		{"root", root, get, obj, "", "", "", "", nil, "root"},
		{"root anywhere", root, "iam:CreateUser", "*", "", "", "", "", nil, "root"},
		{"root and resource deny", root, get, obj, "", `deny s3:* on * for "*"`, "", "", nil, "deny resource"},
		{"root and account deny", root, get, obj, "", `deny s3:* on * for {"AWS":"` + acct + `"}`, "", "", nil, "deny resource"},
		{"root and another's deny", root, get, obj, "", noAnn, "", "", nil, "root"},
		{"root is not a user", root, get, obj, "", toAnn, "", "", nil, "root"},
		{"root session narrowed", root, get, obj, "", "", "", "allow iam:* on *", nil, "lack session"},
		{"another account's root", far, get, obj, "", "", "", "", nil, "lack resource"},
		{"another account's root, let in", far, get, obj, "", toOth, "", "", nil, "root"},

		// 3: resource policies within the account.
		{"user named", ann, get, obj, "", toAnn, "", "", nil, "allow resource"},
		{"another user named", bob, get, obj, "", toAnn, "", "", nil, "lack identity"},
		{"user named passes the boundary", ann, get, obj, "", toAnn, "none", "", nil, "allow resource"},
		{"session named passes boundary and session policy", role, get, obj, "", toSes, "none", "none", nil, "allow resource"},
		{"another session named", role, get, obj, "", `allow s3:* on * for {"AWS":"arn:aws:sts::` + acct + `:assumed-role/app/s2"}`, "", "", nil, "lack identity"},
		{"federated user named", fed, get, obj, "", toFed, "", "", nil, "allow resource"},
		{"federated user is not its maker", fed, get, obj, "", toAnn, "", all, nil, "lack identity"},
		{"everyone passes the boundary", ann, get, obj, "", toAny, "none", "", nil, "allow resource"},
		{"everyone by AWS", ann, get, obj, "", `allow s3:* on * for {"AWS":"*"}`, "", "", nil, "allow resource"},
		{"everyone with PrincipalArn", role, get, obj, "", toAny + ` if "ArnLike":{"aws:PrincipalArn":"arn:aws:iam::` + acct + `:role/svc/app"}`, "none", "none", Context{"aws:principalarn": {role.RoleARN}}, "allow resource"},
		{"PrincipalArn is the role, not the session", role, get, obj, "", toAny + ` if "ArnLike":{"aws:PrincipalArn":"arn:aws:sts::` + acct + `:assumed-role/app/s1"}`, "", "", Context{"aws:principalarn": {role.RoleARN}}, "lack identity"},
		{"role named", role, get, obj, "", toApp, "", "", nil, "allow resource"},
		{"role named without its path", role, get, obj, "", `allow s3:* on * for {"AWS":"arn:aws:iam::` + acct + `:role/app"}`, "", "", nil, "lack identity"},
		{"role named, boundary", role, get, obj, "", toApp, "none", "", nil, "lack boundary"},
		{"role named, boundary allows", role, get, obj, "", toApp, all, "", nil, "allow resource"},
		{"role named, session policy", role, get, obj, "", toApp, "", "allow iam:* on *", nil, "lack session"},
		{"role named, session policy allows", role, get, obj, "", toApp, "", all, nil, "allow resource"},
		{"account named delegates", ann, get, obj, "", toAcc, "", "", nil, "lack identity"},
		{"account named, identity allows", ann, get, obj, all, toAcc, "", "", nil, "allow identity"},
		{"account named, boundary", ann, get, obj, all, toAcc, "none", "", nil, "lack boundary"},
		{"role and then session named", role, get, obj, "", toApp + " ; " + toSes, "none", "none", nil, "allow resource"},
		{"account and then user named", ann, get, obj, "", toAcc + " ; " + toAnn, "", "", nil, "allow resource"},
		{"anonymous", anon, get, obj, "", "", "", "", nil, "lack resource"},
		{"anonymous, everyone", anon, get, obj, "", toAny, "", "", nil, "allow resource"},
		{"anonymous, AWS star", anon, get, obj, "", `allow s3:* on * for {"AWS":"*"}`, "", "", nil, "allow resource"},
		{"anonymous, account", anon, get, obj, "", toAcc, "", "", nil, "lack resource"},
		{"anonymous has no identity policies", anon, get, obj, all, "", "", "", nil, "lack resource"},
		{"service", lamb, get, obj, "", `allow s3:* on * for {"Service":"lambda.amazonaws.com"}`, "", "", nil, "allow resource"},
		{"another service", lamb, get, obj, "", `allow s3:* on * for {"Service":"sns.amazonaws.com"}`, "", "", nil, "lack resource"},
		{"user is not a service", ann, get, obj, "", `allow s3:* on * for {"Service":"lambda.amazonaws.com"}`, "", "", nil, "lack identity"},

		// 5, 6: what limits, and never adds.
		{"boundary allows", ann, get, obj, all, "", all, "", nil, "allow identity"},
		{"boundary lacks", ann, get, obj, all, "", "allow iam:* on *", "", nil, "lack boundary"},
		{"boundary alone", ann, get, obj, "", "", all, "", nil, "lack identity"},
		{"empty boundary", ann, get, obj, all, "", "none", "", nil, "lack boundary"},
		{"session allows", role, get, obj, all, "", "", all, nil, "allow identity"},
		{"session narrows", role, get, obj, all, "", "", "allow s3:Put* on *", nil, "lack session"},
		{"session narrows by resource", role, get, obj, all, "", "", "allow s3:* on arn:aws:s3:::c/*", nil, "lack session"},
		{"session never adds", role, get, obj, "", "", "", all, nil, "lack identity"},
		{"session union", role, get, obj, all, "", "", "allow iam:* on * | allow s3:Get* on *", nil, "allow identity"},
		{"empty session", role, get, obj, all, "", "", "none", nil, "lack session"},
		{"boundary before session", role, get, obj, all, "", "none", "none", nil, "lack boundary"},
		{"all three", role, get, obj, all, "", all, all, nil, "allow identity"},
		{"federated user", fed, get, obj, all, "", "", all, nil, "allow identity"},
		{"federated user without session policy", fed, get, obj, all, "", "", "", nil, "lack session"},
		{"federated user without maker's allow", fed, get, obj, "", "", "", all, nil, "lack identity"},

		// 7: across accounts.
		{"stranger", eve, get, obj, all, "", "", "", nil, "lack resource"},
		{"stranger named, own allow", eve, get, obj, all, toEve, "", "", nil, "allow identity"},
		{"stranger named, no own allow", eve, get, obj, "", toEve, "", "", nil, "lack identity"},
		{"stranger's account named", eve, get, obj, all, toOth, "", "", nil, "allow identity"},
		{"everyone, own allow", eve, get, obj, all, toAny, "", "", nil, "allow identity"},
		{"everyone, no own allow", eve, get, obj, "", toAny, "", "", nil, "lack identity"},
		{"stranger and boundary", eve, get, obj, all, toEve, "none", "", nil, "lack boundary"},
		{"stranger and our account", eve, get, obj, all, toAcc, "", "", nil, "lack resource"},
		{"stranger denied", eve, get, obj, all, toEve + ` ; deny s3:* on * for {"AWS":"` + other + `"}`, "", "", nil, "deny resource"},

		// Variables in resources.
		{"variable", ann, get, "arn:aws:s3:::b/ann/k", "allow s3:* on arn:aws:s3:::b/${aws:username}/*", "", "", "", Context{"aws:username": {"ann"}}, "allow identity"},
		{"variable of another", ann, get, "arn:aws:s3:::b/bob/k", "allow s3:* on arn:aws:s3:::b/${aws:username}/*", "", "", "", Context{"aws:username": {"ann"}}, "lack identity"},
		{"variable missing", ann, get, "arn:aws:s3:::b//k", "allow s3:* on arn:aws:s3:::b/${aws:username}/*", "", "", "", nil, "lack identity"},
		{"variable empty", ann, get, "arn:aws:s3:::b//k", "allow s3:* on arn:aws:s3:::b/${aws:username}/*", "", "", "", Context{"aws:username": {""}}, "allow identity"},
		{"variable empty opens no other", ann, get, "arn:aws:s3:::b/bob/k", "allow s3:* on arn:aws:s3:::b/${aws:username}/*", "", "", "", Context{"aws:username": {""}}, "lack identity"},
		{"variable with star", ann, get, "arn:aws:s3:::b/bob/k", "allow s3:* on arn:aws:s3:::b/${aws:username}/*", "", "", "", Context{"aws:username": {"*"}}, "lack identity"},
		{"variable with question mark", ann, get, "arn:aws:s3:::b/bob/k", "allow s3:* on arn:aws:s3:::b/${aws:username}/*", "", "", "", Context{"aws:username": {"b?b"}}, "lack identity"},
		{"variable with two values", ann, get, "arn:aws:s3:::b/x/k", "allow s3:* on arn:aws:s3:::b/${aws:username}/*", "", "", "", Context{"aws:username": {"x", "y"}}, "lack identity"},
		{"identity id with colon", role, get, "arn:aws:s3:::b/us-east-1:0123/k", "allow s3:* on arn:aws:s3:::b/${cognito-identity.amazonaws.com:sub}/*", "", "", "", Context{"cognito-identity.amazonaws.com:sub": {"us-east-1:0123"}}, "allow identity"},
		{"deny with missing variable", ann, get, obj, all + " ; deny s3:* on arn:aws:s3:::b/${aws:username}", "", "", "", nil, "allow identity"},
		{"not resource with missing variable", ann, get, obj, all + " ; deny s3:* on !arn:aws:s3:::b/${aws:username}", "", "", "", nil, "deny identity"},
		{"literal star", ann, get, "arn:aws:s3:::b/x", "allow s3:* on arn:aws:s3:::b/${*}", "", "", "", nil, "lack identity"},
		{"literal star itself", ann, get, "arn:aws:s3:::b/*", "allow s3:* on arn:aws:s3:::b/${*}", "", "", "", nil, "allow identity"},

		// GetCallerIdentity asks no policy.
		{"caller identity", ann, "sts:GetCallerIdentity", "*", "", "", "", "", nil, "allow"},
		{"caller identity denied", ann, "sts:GetCallerIdentity", "*", "deny * on *", "", "none", "", nil, "allow"},
		{"caller identity of nobody", anon, "sts:GetCallerIdentity", "*", "", "", "", "", nil, "lack resource"},
	} {
		req := &Request{Principal: c.who, Action: c.action, Resource: c.on, ResourceAccount: acct, Context: c.ctx}
		if c.who.Type == Account && c.who.Account == acct {
			req.ResourceAccount = "" // means the principal's own
		}
		pol := &Policies{
			Identity: sources(t, IdentityKind, "i", c.identity), Resource: sources(t, ResourceKind, "r", c.resource),
			Boundary: sources(t, IdentityKind, "b", c.boundary), Session: sources(t, SessionKind, "s", c.session),
		}
		d := Evaluate(req, pol)
		if got := outcome(d); got != c.want {
			t.Errorf("%s: %s, want %s\n%s\n%+v", c.name, got, c.want, d.Explain(req), Trace(req, pol))
		}
		if (d.Message(req) == "") != d.Allowed {
			t.Errorf("%s: message %q", c.name, d.Message(req))
		}
	}
}

func TestEvaluate_oldVersion(t *testing.T) {
	d := mustParse(t, `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}"}}`, IdentityKind)
	for on, want := range map[string]bool{"arn:aws:s3:::b/ann": false, "arn:aws:s3:::b/${aws:username}": true} {
		req := &Request{Principal: ann, Action: "s3:GetObject", Resource: on, Context: Context{"aws:username": {"ann"}}}
		if got := Evaluate(req, &Policies{Identity: []Source{{"p", d}}}); got.Allowed != want {
			t.Errorf("%s: %v", on, got)
		}
	}
}

func TestEvaluate_grant(t *testing.T) {
	deny := sources(t, ResourceKind, "r", `deny s3:* on * for "*"`)
	for _, c := range []struct {
		name string
		who  Principal
		pol  Policies
		want string
	}{
		{"anonymous", anon, Policies{Grant: "ACL"}, "allow resource"},
		{"user", ann, Policies{Grant: "ACL"}, "allow resource"},
		{"nobody", Principal{}, Policies{Grant: "ACL"}, "lack resource"},
		{"deny wins", anon, Policies{Grant: "ACL", Resource: deny}, "deny resource"},
		{"stranger needs own allow", eve, Policies{Grant: "ACL"}, "lack identity"},
		{"stranger with own allow", eve, Policies{Grant: "ACL", Identity: sources(t, IdentityKind, "i", "allow s3:* on *")}, "allow identity"},
	} {
		req := &Request{Principal: c.who, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: acct}
		if got := outcome(Evaluate(req, &c.pol)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestEvaluate_unreadable(t *testing.T) {
	req := &Request{Principal: root, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}
	d := Evaluate(req, &Policies{Resource: []Source{{Name: "bucket policy of b"}}})
	if outcome(d) != "deny resource" || !strings.Contains(d.Explain(req), "cannot be read") {
		t.Errorf("got %v", d)
	}
	misplaced := sources(t, IdentityKind, "i", "allow * on *")
	if d := Evaluate(&Request{Principal: anon, Action: "s3:GetObject", Resource: "*"}, &Policies{Resource: misplaced}); d.Allowed {
		t.Errorf("an identity policy in a resource policy's place: %v", d)
	}
	if d := EvaluateTrust(&Request{Principal: web, Action: "sts:AssumeRoleWithWebIdentity", Resource: "*"}, misplaced[0]); d.Allowed {
		t.Errorf("an identity policy in a trust policy's place: %v", d)
	}
	if d := Evaluate(req, &Policies{Resource: []Source{{"empty", &Document{}}}}); outcome(d) != "root" {
		t.Errorf("zero document: %v", d)
	}
}

func TestEvaluateTrust(t *testing.T) {
	const (
		pool      = `"StringEquals":{"cognito-identity.amazonaws.com:aud":"us-east-1:pool"}`
		amr       = `"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}`
		cognito   = `for {"Federated":"cognito-identity.amazonaws.com"}`
		byWeb     = "sts:AssumeRoleWithWebIdentity"
		allowSTS  = "allow sts:AssumeRole on *"
		toAnn     = `allow sts:AssumeRole for {"AWS":"arn:aws:iam::` + acct + `:user/ann"}`
		toApp     = `allow sts:AssumeRole for {"AWS":"arn:aws:iam::` + acct + `:role/svc/app"}`
		toAccount = `allow sts:AssumeRole for {"AWS":"arn:aws:iam::` + acct + `:root"}`
		toOther   = `allow sts:AssumeRole for {"AWS":"` + other + `"}`
	)
	token := func(aud string, amr ...string) Context {
		return Context{"cognito-identity.amazonaws.com:aud": {aud}, "cognito-identity.amazonaws.com:amr": amr}
	}
	for _, c := range []struct {
		name             string
		who              Principal
		action           string
		trust, own       string
		boundary         string
		ctx              Context
		want             string // of EvaluateTrust
		delegated        bool
		want2            string // of EvaluateAssumeRole
		sessionNarrowing string
	}{
		{"web identity", web, byWeb, "allow " + byWeb + " " + cognito + " if " + pool + "," + amr, "", "", token("us-east-1:pool", "authenticated", "x"), "allow trust", false, "allow trust", ""},
		{"wrong aud", web, byWeb, "allow " + byWeb + " " + cognito + " if " + pool + "," + amr, "", "", token("us-east-1:other", "authenticated"), "lack trust", false, "lack trust", ""},
		{"wrong amr", web, byWeb, "allow " + byWeb + " " + cognito + " if " + pool + "," + amr, "", "", token("us-east-1:pool", "unauthenticated"), "lack trust", false, "lack trust", ""},
		{"no amr", web, byWeb, "allow " + byWeb + " " + cognito + " if " + pool + "," + amr, "", "", token("us-east-1:pool"), "lack trust", false, "lack trust", ""},
		{"amr forgotten lets guests in", web, byWeb, "allow " + byWeb + " " + cognito + " if " + pool, "", "", token("us-east-1:pool", "unauthenticated"), "allow trust", false, "allow trust", ""},
		{"tag session missing", web, "sts:TagSession", "allow " + byWeb + " " + cognito, "", "", nil, "lack trust", false, "lack trust", ""},
		{"tag session", web, "sts:TagSession", "allow " + byWeb + ",sts:TagSession " + cognito, "", "", nil, "allow trust", false, "allow trust", ""},
		{"another provider", web, byWeb, "allow " + byWeb + ` for {"Federated":"accounts.google.com"}`, "", "", nil, "lack trust", false, "lack trust", ""},
		{"star does not admit tokens", web, byWeb, "allow sts:* for \"*\"", "", "", nil, "lack trust", false, "lack trust", ""},
		{"AWS star does not either", web, byWeb, `allow sts:* for {"AWS":"*"}`, "", "", nil, "lack trust", false, "lack trust", ""},
		{"star denies tokens", web, byWeb, "allow " + byWeb + " " + cognito + ` ; deny sts:* for "*"`, "", "", nil, "deny trust", false, "deny trust", ""},
		{"star does not admit strangers", anon, "sts:AssumeRole", "allow sts:* for \"*\"", "", "", nil, "lack trust", false, "lack trust", ""},
		{"service", lamb, "sts:AssumeRole", `allow sts:AssumeRole for {"Service":"lambda.amazonaws.com"}`, "", "", nil, "allow trust", false, "allow trust", ""},
		{"another service", lamb, "sts:AssumeRole", `allow sts:AssumeRole for {"Service":"apigateway.amazonaws.com"}`, "", "", nil, "lack trust", false, "lack trust", ""},
		{"star does not admit services", lamb, "sts:AssumeRole", `allow sts:AssumeRole for "*"`, "", "", nil, "lack trust", false, "lack trust", ""},

		{"user named", ann, "sts:AssumeRole", toAnn, "", "", nil, "allow trust", false, "allow trust", ""},
		{"another user named", bob, "sts:AssumeRole", toAnn, allowSTS, "", nil, "lack trust", false, "lack trust", ""},
		{"user named, own deny", ann, "sts:AssumeRole", toAnn, "deny sts:* on *", "", nil, "allow trust", false, "deny identity", ""},
		{"account, own allow", ann, "sts:AssumeRole", toAccount, allowSTS, "", nil, "allow trust", true, "allow identity", ""},
		{"account, no own allow", ann, "sts:AssumeRole", toAccount, "", "", nil, "allow trust", true, "lack identity", ""},
		{"account, own allow for another role", ann, "sts:AssumeRole", toAccount, "allow sts:AssumeRole on arn:aws:iam::" + acct + ":role/other", "", nil, "allow trust", true, "lack identity", ""},
		{"account, boundary", ann, "sts:AssumeRole", toAccount, allowSTS, "none", nil, "allow trust", true, "lack boundary", ""},
		{"everyone, no own allow", ann, "sts:AssumeRole", `allow sts:AssumeRole for "*"`, "", "", nil, "allow trust", true, "lack identity", ""},
		{"everyone, own allow", ann, "sts:AssumeRole", `allow sts:AssumeRole for "*"`, allowSTS, "", nil, "allow trust", true, "allow identity", ""},
		{"role named", role, "sts:AssumeRole", toApp, "", "", nil, "allow trust", false, "allow trust", ""},
		{"role named, session policy", role, "sts:AssumeRole", toApp, "", "", nil, "allow trust", false, "lack session", "none"},
		{"no trust, own allow", ann, "sts:AssumeRole", toApp, allowSTS, "", nil, "lack trust", false, "lack trust", ""},
		{"trust denies", ann, "sts:AssumeRole", toAccount + " ; deny sts:AssumeRole for {\"AWS\":\"arn:aws:iam::" + acct + ":user/ann\"}", allowSTS, "", nil, "deny trust", false, "deny trust", ""},
		{"stranger's account, own allow", eve, "sts:AssumeRole", toOther, allowSTS, "", nil, "allow trust", true, "allow identity", ""},
		{"stranger named, no own allow", eve, "sts:AssumeRole", `allow sts:AssumeRole for {"AWS":"arn:aws:iam::` + other + `:user/eve"}`, "", "", nil, "allow trust", true, "lack identity", ""},
		{"external id", eve, "sts:AssumeRole", toOther + ` if "StringEquals":{"sts:ExternalId":"x"}`, allowSTS, "", Context{"sts:externalid": {"x"}}, "allow trust", true, "allow identity", ""},
		{"external id missing", eve, "sts:AssumeRole", toOther + ` if "StringEquals":{"sts:ExternalId":"x"}`, allowSTS, "", nil, "lack trust", false, "lack trust", ""},
	} {
		req := &Request{Principal: c.who, Action: c.action, Resource: "arn:aws:iam::" + acct + ":role/target", ResourceAccount: acct, Context: c.ctx}
		trust := Source{"trust policy of role target", compact(t, TrustKind, c.trust)}
		d := EvaluateTrust(req, trust)
		if outcome(d) != c.want || d.Delegated != c.delegated {
			t.Errorf("%s: %s, delegated %v", c.name, outcome(d), d.Delegated)
		}
		own := &Policies{Identity: sources(t, IdentityKind, "i", c.own), Boundary: sources(t, IdentityKind, "b", c.boundary), Session: sources(t, SessionKind, "s", c.sessionNarrowing)}
		if got := outcome(EvaluateAssumeRole(req, trust, own)); got != c.want2 {
			t.Errorf("%s: assume role: %s, want %s", c.name, got, c.want2)
		}
	}
}

func TestBindPrincipals(t *testing.T) {
	text := `allow s3:* on * for {"AWS":["arn:aws:iam::` + acct + `:user/ann","arn:aws:iam::` + acct + `:role/svc/app"]}`
	d := compact(t, ResourceKind, text+" ; "+text)
	if got := d.EntityARNs(); len(got) != 2 || got[0] != ann.ARN || got[1] != role.RoleARN {
		t.Fatalf("EntityARNs = %q", got)
	}
	ids := func(annID, appID string) func(string) (string, bool) {
		return func(arn string) (string, bool) {
			id := map[string]string{ann.ARN: annID, role.RoleARN: appID}[arn]
			return id, id != ""
		}
	}
	reborn := ann
	reborn.UniqueID = "AIDAANN2"
	renamed := ann
	renamed.ARN = "arn:aws:iam::" + acct + ":user/anna"
	for _, c := range []struct {
		name string
		doc  *Document
		who  Principal
		want bool
	}{
		{"unbound", d, ann, true},
		{"unbound, made again", d, reborn, true},
		{"bound", d.BindPrincipals(ids("AIDAANN", "AROAAPP")), ann, true},
		{"bound role", d.BindPrincipals(ids("AIDAANN", "AROAAPP")), role, true},
		{"bound, made again", d.BindPrincipals(ids("AIDAANN", "AROAAPP")), reborn, false},
		{"bound, renamed", d.BindPrincipals(ids("AIDAANN", "AROAAPP")), renamed, true},
		{"bound to nobody", d.BindPrincipals(ids("", "")), ann, false},
		{"bound to nobody, no id", d.BindPrincipals(ids("", "")), Principal{Type: User, Account: acct, ARN: ann.ARN}, false},
		{"bound id of the other type", d.BindPrincipals(ids("AROAAPP", "AIDAANN")), ann, false},
	} {
		req := &Request{Principal: c.who, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}
		if got := Evaluate(req, &Policies{Resource: []Source{{"r", c.doc}}}); got.Allowed != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	canonical := ann
	canonical.CanonicalID = "79a59d"
	req := &Request{Principal: canonical, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: other}
	pol := &Policies{Identity: sources(t, IdentityKind, "i", "allow s3:* on *"), Resource: sources(t, ResourceKind, "r", `allow s3:* on * for {"CanonicalUser":"79a59d"}`)}
	if got := Evaluate(req, pol); !got.Allowed {
		t.Errorf("canonical user: %v", got)
	}
}

func TestDecision_Message(t *testing.T) {
	user := "User: " + ann.ARN + " is not authorized to perform: "
	session := "User: " + role.ARN + " is not authorized to perform: "
	for _, c := range []struct {
		d    Decision
		req  Request
		want string
	}{
		{Decision{Type: IdentityBased}, Request{Principal: ann, Action: "ssm:GetParameter", Resource: "arn:aws:ssm:us-east-1:1:parameter/p"}, user + "ssm:GetParameter on resource: arn:aws:ssm:us-east-1:1:parameter/p because no identity-based policy allows the ssm:GetParameter action"},
		{Decision{Type: BoundaryType}, Request{Principal: ann, Action: "iam:ListUsers", Resource: "*"}, user + "iam:ListUsers on resource: * because no permissions boundary allows the iam:ListUsers action"},
		{Decision{Type: SessionType}, Request{Principal: role, Action: "iam:ListUsers", Resource: "*"}, session + "iam:ListUsers on resource: * because no session policy allows the iam:ListUsers action"},
		{Decision{Type: TrustType}, Request{Principal: ann, Action: "sts:AssumeRole", Resource: "arn:aws:iam::1:role/r"}, user + "sts:AssumeRole on resource: arn:aws:iam::1:role/r because no role trust policy allows the sts:AssumeRole action"},
		{Decision{Type: ResourceBased}, Request{Principal: ann, Action: "s3:ListBucket", Resource: "arn:aws:s3:::b"}, user + `s3:ListBucket on resource: "arn:aws:s3:::b" because no resource-based policy allows the s3:ListBucket action`},
		{Decision{Explicit: true, Type: IdentityBased}, Request{Principal: ann, Action: "iam:ListUsers", Resource: "*"}, user + "iam:ListUsers on resource: * with an explicit deny in an identity-based policy"},
		{Decision{Explicit: true, Type: ResourceBased}, Request{Principal: ann, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}, user + `s3:GetObject on resource: "arn:aws:s3:::b/k" with an explicit deny in a resource-based policy`},
		{Decision{Explicit: true, Type: BoundaryType}, Request{Principal: ann, Action: "iam:ListUsers", Resource: "*"}, user + "iam:ListUsers on resource: * with an explicit deny in a permissions boundary"},
		{Decision{Explicit: true, Type: SessionType}, Request{Principal: ann, Action: "iam:ListUsers", Resource: "*"}, user + "iam:ListUsers on resource: * with an explicit deny in a session policy"},
		{Decision{Type: ResourceBased}, Request{Principal: anon, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}, "Access Denied"},
		{Decision{Type: ResourceBased}, Request{Principal: anon, Action: "execute-api:Invoke", Resource: "arn:aws:execute-api:r:1:a/s/GET/"}, "User: anonymous is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:r:1:a/s/GET/ because no resource-based policy allows the execute-api:Invoke action"},
		{Decision{Allowed: true}, Request{Principal: ann, Action: "s3:GetObject"}, ""},
	} {
		if got := c.d.Message(&c.req); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestTrace(t *testing.T) {
	pol := &Policies{
		Identity: []Source{{"inline policy p of user ann", mustParse(t, doc(
			`"Sid":"Put","Effect":"Allow","Action":"s3:Put*","Resource":"*"`,
			`"Sid":"Home","Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"`,
			`"Sid":"Net","Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpc":"v"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`,
			`"Sid":"Vpc","Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpc":["v","w"]}}`,
			`"Sid":"All","Effect":"Allow","NotAction":"s3:Get*","Resource":"*"`), IdentityKind)}},
		Resource: []Source{{"bucket policy of b", compact(t, ResourceKind, `allow s3:* on * for {"AWS":"`+other+`"} ; deny s3:* on * for "*"`)}, {Name: "lost"}},
	}
	req := &Request{Principal: ann, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/ann/k", Context: Context{"aws:sourcevpc": {"v"}, "aws:sourceip": {"192.0.2.1"}}}
	got := Trace(req, pol)
	want := []Considered{
		{IdentityBased, "inline policy p of user ann", 0, "Put", Allow, false, ActionElement, `s3:GetObject is not among ["s3:Put*"]`, nil},
		{IdentityBased, "inline policy p of user ann", 1, "Home", Allow, false, ResourceElement, `arn:aws:s3:::b/ann/k is not among ["arn:aws:s3:::b/${aws:username}/*"]; no single value for variable ["aws:username"]`, nil},
		{IdentityBased, "inline policy p of user ann", 2, "Net", Allow, false, ConditionElement, `IpAddress aws:SourceIp wants ["10.0.0.0/8"], the request has ["192.0.2.1"]`, nil},
		{IdentityBased, "inline policy p of user ann", 3, "Vpc", Allow, true, "", "", []Asked{{"aws:SourceVpc", `StringEquals aws:SourceVpc wants ["v", "w"], the request has ["v"]`}}},
		{IdentityBased, "inline policy p of user ann", 4, "All", Allow, false, ActionElement, `s3:GetObject is among NotAction ["s3:Get*"]`, nil},
		{ResourceBased, "bucket policy of b", 0, "", Allow, false, PrincipalElement, ann.ARN + " is not named", nil},
		{ResourceBased, "bucket policy of b", 1, "", Deny, true, "", "", nil},
		{ResourceBased, "lost", -1, "", Deny, true, "", "", nil},
	}
	if len(got) != len(want) {
		t.Fatalf("%d considered", len(got))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("%d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
	d := Evaluate(req, pol)
	if s := d.Explain(req); s != "denied: s3:GetObject on arn:aws:s3:::b/ann/k: explicit deny in statement 2 of bucket policy of b (resource-based policy)" {
		t.Error(s)
	}
	if s := (Decision{Allowed: true, Type: IdentityBased, Source: "p", Sid: "x"}).String(); s != "allowed by statement 1 (x) of p (identity-based policy)" {
		t.Error(s)
	}
}
