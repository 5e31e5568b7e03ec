package e2e_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// person is a row of an import file: cells by column. An e-mail address is
// verified unless the row says otherwise.
type person map[string]string

// csvHeader is the header as the pool gives it.
func (n *tenant) csvHeader() []string {
	n.Helper()
	out, err := n.root.IDP.GetCSVHeader(n.Context(), &idp.GetCSVHeaderInput{UserPoolId: &n.pool})
	n.ok(err)
	return out.CSVHeader
}

// csvFile writes an import file.
func csvFile(header []string, people ...person) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(header)
	for _, p := range people {
		row := make([]string, len(header))
		for i, name := range header {
			value, given := p[name]
			switch {
			case given:
				row[i] = value
			case name == "cognito:mfa_enabled":
				row[i] = "false"
			case name == "email":
				row[i] = email(p["cognito:username"])
			case name == "email_verified":
				row[i] = "true"
			}
		}
		_ = w.Write(row)
	}
	w.Flush()
	return b.String()
}

// crowd are n people.
func crowd(n int) (list []person) {
	for i := range n {
		list = append(list, person{"cognito:username": fmt.Sprintf("user%06d", i), "name": "Name, of\nuser"})
	}
	return list
}

func (n *tenant) createImport() *types.UserImportJobType {
	n.Helper()
	out, err := n.root.IDP.CreateUserImportJob(n.Context(), &idp.CreateUserImportJobInput{UserPoolId: &n.pool, JobName: aws.String("all of them"),
		CloudWatchLogsRoleArn: aws.String(roleARN("logs"))})
	n.ok(err)
	return out.UserImportJob
}

// put uploads a file as the guide's curl command does.
func (n *tenant) putFile(url string, body io.Reader) *answer {
	n.Helper()
	r, err := http.NewRequestWithContext(n.Context(), http.MethodPut, url, body)
	n.ok(err)
	r.Header.Set("x-amz-server-side-encryption", "aws:kms")
	return n.do(r)
}

// upload makes a job and gives it its file.
func (n *tenant) upload(file string) string {
	n.Helper()
	j := n.createImport()
	if a := n.putFile(*j.PreSignedUrl, strings.NewReader(file)); a.status != http.StatusOK {
		n.Fatalf("PUT answered %d %s", a.status, a.body)
	}
	return *j.JobId
}

func (n *tenant) startImport(id string) (*types.UserImportJobType, error) {
	out, err := n.root.IDP.StartUserImportJob(n.Context(), &idp.StartUserImportJobInput{UserPoolId: &n.pool, JobId: &id})
	if err != nil {
		return nil, err
	}
	return out.UserImportJob, nil
}

func (n *tenant) stopImport(id string) (*types.UserImportJobType, error) {
	out, err := n.root.IDP.StopUserImportJob(n.Context(), &idp.StopUserImportJobInput{UserPoolId: &n.pool, JobId: &id})
	if err != nil {
		return nil, err
	}
	return out.UserImportJob, nil
}

func (n *tenant) describeImport(id string) *types.UserImportJobType {
	n.Helper()
	out, err := n.root.IDP.DescribeUserImportJob(n.Context(), &idp.DescribeUserImportJobInput{UserPoolId: &n.pool, JobId: &id})
	n.ok(err)
	return out.UserImportJob
}

// ended waits for a job's end.
func (n *tenant) ended(id string) *types.UserImportJobType {
	n.Helper()
	for range 1200 {
		switch j := n.describeImport(id); j.Status {
		case types.UserImportJobStatusTypePending, types.UserImportJobStatusTypeInProgress, types.UserImportJobStatusTypeStopping:
			time.Sleep(50 * time.Millisecond)
		default:
			return j
		}
	}
	n.Fatal("the job does not end")
	return nil
}

// runImport uploads a file, runs the job and waits for its end.
func (n *tenant) runImport(file string) *types.UserImportJobType {
	n.Helper()
	id := n.upload(file)
	j, err := n.startImport(id)
	n.ok(err)
	if j.Status != types.UserImportJobStatusTypePending || j.StartDate == nil {
		n.Errorf("a started job: %+v", j)
	}
	return n.ended(id)
}

// counted wants a job to have ended so.
func (n *tenant) counted(j *types.UserImportJobType, status types.UserImportJobStatusType, imported, skipped, failed int64) {
	n.Helper()
	if j.Status != status || j.ImportedUsers != imported || j.SkippedUsers != skipped || j.FailedUsers != failed {
		n.Errorf("the job is %s (%s) with %d imported, %d skipped, %d failed; want %s, %d, %d, %d", j.Status, aws.ToString(j.CompletionMessage),
			j.ImportedUsers, j.SkippedUsers, j.FailedUsers, status, imported, skipped, failed)
	}
}

// importLog reads the log that a job's message names.
func (n *tenant) importLog(j *types.UserImportJobType) []string {
	n.Helper()
	_, path, named := strings.Cut(aws.ToString(j.CompletionMessage), "see ")
	if !named {
		n.Fatalf("the message names no log: %s", aws.ToString(j.CompletionMessage))
	}
	a := n.signedGet(n.server.URL + path)
	if a.status != http.StatusOK {
		n.Fatalf("the log answered %d %s", a.status, a.body)
	}
	return strings.Split(string(a.body), "\n")
}

func (e *env) signedGet(url string) *answer {
	e.Helper()
	r, err := http.NewRequestWithContext(e.Context(), http.MethodGet, url, nil)
	e.ok(err)
	e.ok(e.root.Sign(r, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "cognito-idp"))
	return e.do(r)
}

// usernames lists everybody in the pool.
func (n *tenant) usernames() (names []string) {
	n.Helper()
	for token := (*string)(nil); ; {
		out, err := n.root.IDP.ListUsers(n.Context(), &idp.ListUsersInput{UserPoolId: &n.pool, PaginationToken: token})
		n.ok(err)
		for _, u := range out.Users {
			names = append(names, *u.Username)
		}
		if token = out.PaginationToken; token == nil {
			slices.Sort(names)
			return names
		}
	}
}

// TestImport: from the header to a user who has set a password.
func TestImport(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.Schema = []types.SchemaAttributeType{{Name: aws.String("team"), AttributeDataType: "String", Mutable: aws.Bool(true)}}
		}, nil)
		header := n.csvHeader()
		if want := "name,given_name,family_name,middle_name,nickname,preferred_username,profile,picture,website,email,email_verified,gender,birthdate," +
			"zoneinfo,locale,phone_number,phone_number_verified,address,updated_at,custom:team,cognito:mfa_enabled,cognito:username"; strings.Join(header, ",") != want {
			n.Errorf("the header is %v", header)
		}
		n.user("old")
		slices.Reverse(header) // any order will do
		j := n.runImport("\ufeff" + csvFile(header,
			person{"cognito:username": "jane", "name": "Jane \"J\", née\nDoe", "custom:team": "blue", "email_verified": "TRUE"},
			person{"cognito:username": "old"},
			person{"cognito:username": "bad", "email": "nowhere"},
			person{"cognito:username": "jane"},
			person{"cognito:username": "unverified", "email_verified": "false"},
			person{"cognito:username": "phone", "email_verified": "", "phone_number": "+15550100", "phone_number_verified": "true"},
			person{"cognito:username": "", "email": email("x")},
			person{"cognito:username": "mfa", "cognito:mfa_enabled": ""},
			person{"cognito:username": "no mail", "email": email("y")},
			person{"cognito:username": "noaddress", "phone_number_verified": "true"},
			person{"cognito:username": "john"},
		) + "too,short\n")
		n.counted(j, types.UserImportJobStatusTypeSucceeded, 2, 2, 8)
		if j.CompletionDate == nil || j.StartDate == nil || *j.JobName != "all of them" || *j.CloudWatchLogsRoleArn != roleARN("logs") {
			n.Errorf("the job: %+v", j)
		}
		want := []string{
			"[SKIPPED] Line Number 4 - The user already exists.",
			"[FAILED] Line Number 5 - Invalid email address format.",
			"[SKIPPED] Line Number 6 - The user already exists.",
			"[FAILED] Line Number 7 - The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true).",
			"[FAILED] Line Number 8 - The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true).",
			"[FAILED] Line Number 9 - The column cognito:username is required.",
			"[FAILED] Line Number 10 - The column cognito:mfa_enabled must be true or false.",
			"[FAILED] Line Number 11 - ",
			"[FAILED] Line Number 12 - The column phone_number is required when phone_number_verified is true.",
			"[FAILED] Line Number 14 - The row has not as many cells as the header.",
		}
		got := n.importLog(j)
		if len(got) == len(want) {
			want[7] += strings.TrimPrefix(got[7], want[7]) // the model's text
		}
		if !slices.Equal(got, want) || strings.Contains(strings.Join(got, ""), "no mail") {
			n.Errorf("the log is\n%s", strings.Join(got, "\n"))
		}
		if a := n.get(n.server.URL + "/_gatehouse/imports/" + n.pool + "/" + *j.JobId + "/errors"); a.status != http.StatusForbidden {
			n.Errorf("a stranger reads the log: %d", a.status)
		}
		if a := n.signedGet(n.server.URL + "/_gatehouse/imports/" + n.pool + "/import-none/errors"); a.status != http.StatusNotFound {
			n.Errorf("the log of no job: %d", a.status)
		}

		u, err := n.root.IDP.AdminGetUser(n.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("jane")})
		n.ok(err)
		if u.UserStatus != types.UserStatusTypeResetRequired || !u.Enabled || attribute(u.UserAttributes, "name") != "Jane \"J\", née\nDoe" ||
			attribute(u.UserAttributes, "custom:team") != "blue" || attribute(u.UserAttributes, "email_verified") != "true" {
			n.Errorf("jane is %+v", u)
		}
		found, err := n.root.IDP.ListUsers(n.Context(), &idp.ListUsersInput{UserPoolId: &n.pool, Filter: aws.String(`email = "jane@example.com"`)})
		n.ok(err)
		if len(found.Users) != 1 {
			n.Errorf("jane cannot be found by address")
		}

		// An imported user has no password until one is set by a code.
		_, err = n.login("jane", password)
		n.refused(err, "PasswordResetRequiredException", "Password reset required for the user")
		_, err = n.srp("jane", password)
		n.refused(err, "PasswordResetRequiredException", "Password reset required for the user")
		hiding := n.with(n.newClient(func(in *idp.CreateUserPoolClientInput) { in.PreventUserExistenceErrors = "ENABLED" }))
		_, err = hiding.login("jane", password)
		n.refused(err, "NotAuthorizedException", incorrect)
		_, err = hiding.srp("jane", password)
		n.refused(err, "NotAuthorizedException", incorrect)
		n.server.Advance(time.Minute)
		_, err = hiding.anyone.IDP.ForgotPassword(n.Context(), &idp.ForgotPasswordInput{ClientId: &hiding.client, Username: aws.String("jane")})
		n.ok(err)
		_, err = n.anyone.IDP.ConfirmForgotPassword(n.Context(), &idp.ConfirmForgotPasswordInput{ClientId: &hiding.client, Username: aws.String("jane"),
			Password: aws.String(password), ConfirmationCode: aws.String(n.server.Code(email("jane")))})
		n.ok(err)
		n.tokens("jane")
	})
}

// TestImport_names: aliases, and pools whose names are attributes.
func TestImport_names(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.AliasAttributes = []types.AliasAttributeType{"email"}
			in.UsernameConfiguration = &types.UsernameConfigurationType{CaseSensitive: aws.Bool(false)}
		}, nil)
		n.user("old")
		j := n.runImport(csvFile(n.csvHeader(),
			person{"cognito:username": "OLD", "email": email("other")},
			person{"cognito:username": "thief", "email": "Old@example.com"},
			person{"cognito:username": "a@example.com"},
			person{"cognito:username": "Ann"},
			person{"cognito:username": "aNN", "email": email("second")},
		))
		n.counted(j, types.UserImportJobStatusTypeSucceeded, 1, 2, 2)
		if got := n.importLog(j); got[1] != "[FAILED] Line Number 3 - An account with the given email already exists." ||
			got[2] != "[FAILED] Line Number 4 - Username cannot be of email format, since user pool is configured for email alias." {
			n.Errorf("the log is %q", got)
		}
		if got := n.usernames(); !slices.Equal(got, []string{"ann", "old"}) {
			n.Errorf("the pool has %v", got)
		}
		_, err := n.login(email("Ann"), password)
		n.refused(err, "PasswordResetRequiredException", "")

		m := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.UsernameAttributes = []types.UsernameAttributeType{"email", "phone_number"}
		}, nil)
		j = m.runImport(csvFile(m.csvHeader(),
			person{"cognito:username": "a@example.com", "email": ""},
			person{"cognito:username": "a@example.com", "email": "a@example.com"},
			person{"cognito:username": "b@example.com", "email": "c@example.com"},
			person{"cognito:username": "+15550100", "email": "a@example.com"},
			person{"cognito:username": "+15550100", "email": "d@example.com"},
			person{"cognito:username": "neither"},
		))
		m.counted(j, types.UserImportJobStatusTypeSucceeded, 2, 1, 3)
		u, err := m.root.IDP.AdminGetUser(m.Context(), &idp.AdminGetUserInput{UserPoolId: &m.pool, Username: aws.String("a@example.com")})
		m.ok(err)
		if *u.Username != attribute(u.UserAttributes, "sub") || attribute(u.UserAttributes, "email") != "a@example.com" {
			m.Errorf("the name is not the sub: %+v", u)
		}
	})
}

// TestImport_refusals: what cannot be done, and that nothing comes of it.
func TestImport_refusals(t *testing.T) {
	each(t, func(e *env) {
		n, other := e.tenant(nil, nil), e.tenant(nil, nil)
		c, ctx := n.root.IDP, n.Context()
		bare := e.tenant(func(in *idp.CreateUserPoolInput) { in.AutoVerifiedAttributes = nil }, nil)
		_, err := c.CreateUserImportJob(ctx, &idp.CreateUserImportJobInput{UserPoolId: &bare.pool, JobName: aws.String("j"), CloudWatchLogsRoleArn: aws.String(roleARN("logs"))})
		n.refused(err, "PreconditionNotMetException", "The user pool must have at least one auto verified attribute to import users.")
		half, _ := e.person("half", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cognito-idp:*","Resource":"*"}}`)
		_, err = half.IDP.CreateUserImportJob(ctx, &idp.CreateUserImportJobInput{UserPoolId: &n.pool, JobName: aws.String("j"), CloudWatchLogsRoleArn: aws.String(roleARN("logs"))})
		n.refused(err, "NotAuthorizedException", "/iam:PassRole on resource: "+roleARN("logs")+"/")
		none := aws.String("us-east-1_none")
		_, err = c.GetCSVHeader(ctx, &idp.GetCSVHeaderInput{UserPoolId: none})
		n.refused(err, "ResourceNotFoundException", "User pool us-east-1_none does not exist.")
		_, err = c.ListUserImportJobs(ctx, &idp.ListUserImportJobsInput{UserPoolId: none, MaxResults: aws.Int32(1)})
		n.refused(err, "ResourceNotFoundException", "User pool us-east-1_none does not exist.")

		j := n.createImport()
		if j.Status != types.UserImportJobStatusTypeCreated || j.StartDate != nil || !strings.HasPrefix(*j.JobId, "import-") {
			n.Errorf("a new job: %+v", j)
		}
		_, err = other.startImport(*j.JobId)
		n.refused(err, "ResourceNotFoundException", "User import job does not exist.")
		_, err = c.DescribeUserImportJob(ctx, &idp.DescribeUserImportJobInput{UserPoolId: &other.pool, JobId: j.JobId})
		n.refused(err, "ResourceNotFoundException", "User import job does not exist.")
		_, err = n.startImport(*j.JobId)
		n.refused(err, "PreconditionNotMetException", "The user import job cannot be started: no CSV file was uploaded.")
		_, err = n.stopImport(*j.JobId)
		n.refused(err, "PreconditionNotMetException", "The user import job cannot be stopped: its status is Created.")

		// Uploads.
		_, token, _ := strings.Cut(*j.PreSignedUrl, "?")
		base, second := n.server.URL+"/_gatehouse/imports/", n.createImport()
		for _, u := range []string{base + n.pool + "/" + *j.JobId, base + n.pool + "/" + *j.JobId + "?token=AAAA", base + n.pool + "/" + *second.JobId + "?" + token,
			base + other.pool + "/" + *j.JobId + "?" + token} {
			if a := n.putFile(u, strings.NewReader("x")); a.status != http.StatusForbidden || !strings.Contains(a.message(), "not valid for this job") {
				n.Errorf("PUT %s answered %d %s", u, a.status, a.body)
			}
		}
		if a := n.putFile(*j.PreSignedUrl, bytes.NewReader(make([]byte, 100<<20+1))); a.status != http.StatusRequestEntityTooLarge {
			n.Errorf("a file that is announced too large answered %d", a.status)
		}
		if a := n.putFile(*j.PreSignedUrl, strings.NewReader(csvFile(n.csvHeader(), person{"cognito:username": "first"}))); a.status != http.StatusOK {
			n.Errorf("PUT answered %d %s", a.status, a.body)
		}
		if a := n.putFile(*j.PreSignedUrl, strings.NewReader(csvFile(n.csvHeader(), person{"cognito:username": "second"}))); a.status != http.StatusOK {
			n.Errorf("a second PUT answered %d %s", a.status, a.body)
		}
		n.server.Advance(14 * time.Minute)
		if a := n.putFile(*second.PreSignedUrl, strings.NewReader(csvFile(n.csvHeader(), person{"cognito:username": "late"}))); a.status != http.StatusOK {
			n.Errorf("after 14 minutes: %d %s", a.status, a.body)
		}
		n.server.Advance(2 * time.Minute)
		if a := n.putFile(*second.PreSignedUrl, strings.NewReader("x")); a.status != http.StatusForbidden {
			n.Errorf("an expired URL answered %d", a.status)
		}
		_, err = n.startImport(*j.JobId)
		n.ok(err)
		n.counted(n.ended(*j.JobId), types.UserImportJobStatusTypeSucceeded, 1, 0, 0)
		if got := n.usernames(); !slices.Equal(got, []string{"second"}) {
			n.Errorf("the pool has %v", got)
		}
		_, err = n.startImport(*j.JobId)
		n.refused(err, "PreconditionNotMetException", "The user import job cannot be started: its status is Succeeded.")
		third := n.upload("x")
		_, err = n.startImport(third)
		n.ok(err)
		if n.ended(third); n.putFile(*n.describeImport(third).PreSignedUrl, strings.NewReader("x")).status != http.StatusConflict {
			n.Error("a file for a job that has ended")
		}

		// A job that is not started expires.
		n.server.Advance(24 * time.Hour)
		gone := n.describeImport(*second.JobId)
		n.counted(gone, types.UserImportJobStatusTypeExpired, 0, 0, 0)
		if aws.ToString(gone.CompletionMessage) != "The user import job has expired." || gone.CompletionDate == nil {
			n.Errorf("expired: %+v", gone)
		}
		_, err = n.startImport(*second.JobId)
		n.refused(err, "PreconditionNotMetException", "The user import job cannot be started: its status is Expired.")
	})
}

// TestImport_files: a file that cannot be read as a whole changes nothing.
func TestImport_files(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		header := n.csvHeader()
		good := csvFile(header, person{"cognito:username": "ann"})
		utf16 := []byte{0xff, 0xfe}
		for _, c := range good {
			utf16 = append(utf16, byte(c), 0)
		}
		for file, want := range map[string]string{
			"":                                       "The CSV file is empty.",
			string(utf16):                            "Line 1 is not UTF-8 text.",
			good + "a\x00b\n":                        "Line 3 is not UTF-8 text.",
			good + "a\xff\n":                         "Line 3 is not UTF-8 text.",
			good + "a,\"b\n":                         "Line 3 cannot be read: extraneous or missing \" in quoted-field",
			good + "a,b\"c\n":                        "Line 3 cannot be read: bare \" in non-quoted-field",
			strings.Repeat("a,", 1<<20):              "A row is longer than 16000 characters.",
			good + "\"" + strings.Repeat("a", 1<<20): "A row is longer than 16000 characters.",
			good + strings.Repeat("ä", 16001) + "\n":                          "Line 3 is longer than 16000 characters.",
			strings.Replace(good, "email,", "", 1):                            "The header lacks the column email.",
			strings.Replace(good, "email,", "name,", 1):                       "The header has the column name twice.",
			strings.Replace(good, "email,", "sub,", 1):                        "The header has a column that is not the user pool's: \"sub\"",
			strings.Replace(good, "cognito:username", "cognito:password", 1):  "The header has a column that is not the user pool's: \"cognito:password\"",
			strings.Join(header, ",") + "\n" + strings.Repeat("a\n", 500_001): "The CSV file has more than 500000 rows.",
		} {
			j := n.runImport(file)
			n.counted(j, types.UserImportJobStatusTypeFailed, 0, 0, 0)
			if got := aws.ToString(j.CompletionMessage); got != want {
				n.Errorf("a file of %d bytes failed with\n\t%s\nwant\n\t%s", len(file), got, want)
			}
		}
		if got := n.usernames(); len(got) != 0 {
			n.Errorf("bad files made %v", got)
		}
		n.counted(n.runImport(strings.Join(header, ",")), types.UserImportJobStatusTypeSucceeded, 0, 0, 0)
	})
}

// TestImport_stop: a stopped job keeps what it has added; one at a time runs
// in a pool, which does not change meanwhile.
func TestImport_stop(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		file := csvFile(n.csvHeader(), crowd(20_000)...)
		first, second := n.upload(file), n.upload(file)
		_, err := n.startImport(first)
		n.ok(err)
		_, err = n.startImport(second)
		n.refused(err, "PreconditionNotMetException", "Another user import job of this user pool is active.")
		_, err = n.root.IDP.DeleteUserPool(n.Context(), &idp.DeleteUserPoolInput{UserPoolId: &n.pool})
		n.refused(err, "UserImportInProgressException", "A user import job is in progress in this user pool.")
		_, err = n.root.IDP.UpdateUserPool(n.Context(), &idp.UpdateUserPoolInput{UserPoolId: &n.pool})
		n.refused(err, "UserImportInProgressException", "")
		_, err = n.root.IDP.AddCustomAttributes(n.Context(), &idp.AddCustomAttributesInput{UserPoolId: &n.pool,
			CustomAttributes: []types.SchemaAttributeType{{Name: aws.String("late"), AttributeDataType: "String"}}})
		n.refused(err, "UserImportInProgressException", "")
		n.halfway(first)
		_, err = n.stopImport(first)
		n.ok(err)
		j := n.ended(first)
		if j.Status != types.UserImportJobStatusTypeStopped || aws.ToString(j.CompletionMessage) != "The Import Job was stopped by the developer." ||
			j.ImportedUsers == 0 || j.ImportedUsers == 20_000 {
			n.Errorf("stopped: %+v", j)
		}
		if got := n.usernames(); int64(len(got)) != j.ImportedUsers {
			n.Errorf("the job says %d users, the pool has %d", j.ImportedUsers, len(got))
		}
		_, err = n.stopImport(first)
		n.refused(err, "PreconditionNotMetException", "The user import job cannot be stopped: its status is Stopped.")
		_, err = n.root.IDP.DeleteUserPool(n.Context(), &idp.DeleteUserPoolInput{UserPoolId: &n.pool})
		n.ok(err)
	})
}

// halfway waits until a job has added somebody.
func (n *tenant) halfway(id string) {
	n.Helper()
	for range 1000 {
		if n.describeImport(id).ImportedUsers > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	n.Fatal("the job does not begin")
}

// TestImport_restart: a job goes on where it was when the server comes back,
// and deals with each row once.
func TestImport_restart(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		people := crowd(6000)
		people[100]["email"] = "nowhere"
		id := n.upload(csvFile(n.csvHeader(), append(people, people[0], people[5999])...))
		_, err := n.startImport(id)
		n.ok(err)
		for range 3 {
			n.halfway(id)
			n = &tenant{n.env.restart(), n.pool, n.client, n.secret}
			time.Sleep(20 * time.Millisecond)
		}
		j := n.ended(id)
		n.counted(j, types.UserImportJobStatusTypeSucceeded, 5999, 2, 1)
		// Every person is two lines.
		if got := n.importLog(j); !slices.Equal(got, []string{"[FAILED] Line Number 202 - Invalid email address format.",
			"[SKIPPED] Line Number 12002 - The user already exists.", "[SKIPPED] Line Number 12004 - The user already exists."}) {
			n.Errorf("the log is %q", got)
		}
		got := n.usernames()
		if len(got) != 5999 || len(slices.Compact(got)) != 5999 {
			n.Errorf("the pool has %d users", len(got))
		}
	})
}

// TestListUserImportJobs: the newest first, and pages that neither repeat nor
// lose one.
func TestListUserImportJobs(t *testing.T) {
	each(t, func(e *env) {
		n, other := e.tenant(nil, nil), e.tenant(nil, nil)
		var want, got []string
		for range 7 {
			want = append(want, *n.createImport().JobId)
			n.server.Advance(time.Second)
		}
		slices.Reverse(want)
		for token := (*string)(nil); ; {
			out, err := n.root.IDP.ListUserImportJobs(n.Context(), &idp.ListUserImportJobsInput{UserPoolId: &n.pool, MaxResults: aws.Int32(3), PaginationToken: token})
			n.ok(err)
			for _, j := range out.UserImportJobs {
				got = append(got, *j.JobId)
			}
			if token = out.PaginationToken; token == nil {
				break
			}
			_, err = n.root.IDP.ListUserImportJobs(n.Context(), &idp.ListUserImportJobsInput{UserPoolId: &other.pool, MaxResults: aws.Int32(3), PaginationToken: token})
			n.refused(err, "InvalidParameterException", "Invalid pagination token")
		}
		if !slices.Equal(got, want) {
			n.Errorf("the list is %v, want %v", got, want)
		}
	})
}

// TestCreateUserImportJob_limit: a pool has at most a thousand jobs.
func TestCreateUserImportJob_limit(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		for range 1000 {
			n.createImport()
		}
		_, err := n.root.IDP.CreateUserImportJob(n.Context(), &idp.CreateUserImportJobInput{UserPoolId: &n.pool, JobName: aws.String("one more"),
			CloudWatchLogsRoleArn: aws.String(roleARN("logs"))})
		n.refused(err, "LimitExceededException", "A user pool can have at most 1000 user import jobs.")
	})
}
