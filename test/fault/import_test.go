package fault_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/internal/store/storetest"
)

// TestKill_import kills the server again and again while it imports users: each
// row of the file is dealt with once.
func TestKill_import(t *testing.T) {
	const rows, kills = 20_000, 6
	seed := number(t, "GATEHOUSE_TEST_SEED", uint64(time.Now().UnixNano()))
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Logf("GATEHOUSE_TEST_SEED=%d", seed)
			random := rand.New(rand.NewPCG(seed, 1))
			database := ""
			if kind == "postgres" {
				database = storetest.Postgres(t).URL
			}
			n := newNode(t, t.TempDir(), "", database)
			n.start()
			ok := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			p, err := n.root().IDP.CreateUserPool(t.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("crowd"),
				AutoVerifiedAttributes: []types.VerifiedAttributeType{"email"}})
			ok(err)
			pool := p.UserPool.Id
			header, err := n.root().IDP.GetCSVHeader(t.Context(), &idp.GetCSVHeaderInput{UserPoolId: pool})
			ok(err)
			created, err := n.root().IDP.CreateUserImportJob(t.Context(), &idp.CreateUserImportJobInput{UserPoolId: pool, JobName: aws.String("crowd"),
				CloudWatchLogsRoleArn: aws.String("arn:aws:iam::000000000000:role/logs")})
			ok(err)
			id := created.UserImportJob.JobId
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, *created.UserImportJob.PreSignedUrl, strings.NewReader(crowd(header.CSVHeader, rows)))
			ok(err)
			resp, err := n.client.Do(request)
			ok(err)
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("PUT answered %s", resp.Status)
			}
			_, err = n.root().IDP.StartUserImportJob(t.Context(), &idp.StartUserImportJobInput{UserPoolId: pool, JobId: id})
			ok(err)

			interrupted := 0
			describe := func() *types.UserImportJobType {
				out, err := n.root().IDP.DescribeUserImportJob(t.Context(), &idp.DescribeUserImportJobInput{UserPoolId: pool, JobId: id})
				ok(err)
				return out.UserImportJob
			}
			seen := int64(0)
			for round := range kills {
				time.Sleep(time.Duration(20+random.IntN(300)) * time.Millisecond)
				before := describe()
				n.kill()
				n.start()
				after := describe()
				if after.ImportedUsers+after.SkippedUsers < seen || after.ImportedUsers+after.SkippedUsers < before.ImportedUsers+before.SkippedUsers {
					t.Fatalf("round %d: the job has fallen back from %d rows to %d", round, before.ImportedUsers+before.SkippedUsers, after.ImportedUsers+after.SkippedUsers)
				}
				seen = after.ImportedUsers + after.SkippedUsers
				if after.CompletionDate == nil {
					interrupted++
				}
				// The dead process's lease has to run out; the clock of a new one
				// begins at the machine's time again.
				advance, err := n.client.Post(n.url()+"/_gatehouse/clock", "application/json",
					strings.NewReader(fmt.Sprintf(`{"advance":"%ds"}`, 21*(round+1))))
				ok(err)
				advance.Body.Close()
				for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) { // it goes on
					if j := describe(); j.CompletionDate != nil || j.ImportedUsers+j.SkippedUsers > seen {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("round %d: nobody goes on with the job", round)
					}
				}
			}
			var j *types.UserImportJobType
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
				if j = describe(); j.CompletionDate != nil {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the job does not end")
				}
			}
			if j.Status != types.UserImportJobStatusTypeSucceeded || j.ImportedUsers != rows/2 || j.SkippedUsers != rows/2 || j.FailedUsers != 0 {
				t.Errorf("%s: %d imported, %d skipped, %d failed", j.Status, j.ImportedUsers, j.SkippedUsers, j.FailedUsers)
			}
			d, err := n.root().IDP.DescribeUserPool(t.Context(), &idp.DescribeUserPoolInput{UserPoolId: pool})
			ok(err)
			if d.UserPool.EstimatedNumberOfUsers != rows/2 {
				t.Errorf("the pool has %d users", d.UserPool.EstimatedNumberOfUsers)
			}
			n.stop()
			if c := n.complaints(); c != "" {
				t.Errorf("the server complained:\n%s", c)
			}
			t.Logf("%d of %d kills interrupted the job", interrupted, kills)
			if interrupted == 0 {
				t.Error("no kill met the job at work")
			}
		})
	}
}

// crowd is an import file in which everybody stands twice: a row that were
// dealt with twice would show as one user more that was skipped.
func crowd(header []string, rows int) string {
	var b strings.Builder
	b.WriteString(strings.Join(header, ",") + "\n")
	for i := range rows {
		for k, name := range header {
			if k > 0 {
				b.WriteByte(',')
			}
			switch name {
			case "cognito:username":
				fmt.Fprintf(&b, "user%d", i/2)
			case "cognito:mfa_enabled":
				b.WriteString("false")
			case "email":
				fmt.Fprintf(&b, "user%d@example.com", i/2)
			case "email_verified":
				b.WriteString("true")
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
