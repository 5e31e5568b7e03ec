package userpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

// The states of an import job. It waits for its file as Created; Pending is
// started and not yet looked at; InProgress adds users; Stopping has been told
// to end and has not. The others are ends.
const (
	importCreated    = string(cognitoidp.UserImportJobStatusTypeCreated)
	importPending    = string(cognitoidp.UserImportJobStatusTypePending)
	importInProgress = string(cognitoidp.UserImportJobStatusTypeInProgress)
	importStopping   = string(cognitoidp.UserImportJobStatusTypeStopping)
	importStopped    = string(cognitoidp.UserImportJobStatusTypeStopped)
	importSucceeded  = string(cognitoidp.UserImportJobStatusTypeSucceeded)
	importFailed     = string(cognitoidp.UserImportJobStatusTypeFailed)
	importExpired    = string(cognitoidp.UserImportJobStatusTypeExpired)
)

const (
	// maxImports is how many jobs a pool can have had (user-pools.md, section 10).
	maxImports = 1000
	// importLife is how long a job waits to be started.
	importLife = 24 * time.Hour
)

// How jobs end, in AWS's words where they are known.
const (
	messageSucceeded = "Import Job Completed Successfully."
	messageStopped   = "The Import Job was stopped by the developer."
	messageExpired   = "The user import job has expired."
)

var errImportNotFound = &cognitoidp.ResourceNotFoundException{Message: "User import job does not exist."}

func precondition(message string) error {
	return &cognitoidp.PreconditionNotMetException{Message: message}
}

// shownStatus is a job's state now: one that was never started expires by
// itself, whether the sweep has been there or not.
func shownStatus(j *store.UserImport, now time.Time) string {
	if j.Status == importCreated && !now.Before(j.CreatedAt.Add(importLife)) {
		return importExpired
	}
	return j.Status
}

func (s *Service) importType(j *store.UserImport) *cognitoidp.UserImportJobType {
	shown := *j
	if status := shownStatus(j, s.Now()); status != j.Status {
		expireImport(&shown)
	}
	t := &cognitoidp.UserImportJobType{JobName: &shown.Name, JobId: &shown.ID, UserPoolId: &shown.PoolID, PreSignedUrl: new(s.uploadURL(j)),
		CreationDate: api.At(shown.CreatedAt), StartDate: api.At(shown.StartedAt), CompletionDate: api.At(shown.CompletedAt),
		Status: new(cognitoidp.UserImportJobStatusType(shown.Status)), CloudWatchLogsRoleArn: &shown.RoleARN,
		ImportedUsers: new(int(shown.Imported)), SkippedUsers: new(int(shown.Skipped)), FailedUsers: new(int(shown.Failed))}
	if shown.Message != "" {
		t.CompletionMessage = &shown.Message
	}
	return t
}

func expireImport(j *store.UserImport) {
	j.Status, j.Message, j.CompletedAt = importExpired, messageExpired, j.CreatedAt.Add(importLife)
}

// endImport ends a job: nobody needs its file any more.
func endImport(tx *store.Tx, j *store.UserImport, status, message string) error {
	if err := store.DropImportFile(tx, j.PoolID, j.FileID); err != nil {
		return err
	}
	j.Status, j.Message, j.CompletedAt = status, message, tx.Now
	j.Holder, j.LeaseUntil, j.FileID = "", time.Time{}, ""
	return nil
}

// refuseDuringImport refuses a change of a pool while users are imported.
func refuseDuringImport(tx *store.Tx, poolID string) error {
	if active, err := store.HasActiveUserImport(tx, poolID); err != nil || !active {
		return err
	}
	return &cognitoidp.UserImportInProgressException{Message: "A user import job is in progress in this user pool."}
}

// GetCSVHeader names the columns of an import's file.
func (s *Service) GetCSVHeader(ctx context.Context, in *cognitoidp.GetCSVHeaderInput) (*cognitoidp.GetCSVHeaderOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.GetCSVHeaderOutput{UserPoolId: &p.ID, CSVHeader: importColumns(p)}, nil
}

// CreateUserImportJob makes a job and says where its file goes. The role is
// kept as AWS asks for it; nothing is logged to CloudWatch here.
func (s *Service) CreateUserImportJob(ctx context.Context, in *cognitoidp.CreateUserImportJobInput) (*cognitoidp.CreateUserImportJobOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if err := s.passRole(ctx, *in.CloudWatchLogsRoleArn); err != nil {
		return nil, err
	}
	if len(p.Settings.AutoVerifiedAttributes) == 0 {
		return nil, errNothingVerified
	}
	j := &store.UserImport{PoolID: p.ID, ID: "import-" + randomText(alphanumeric, 10), Name: *in.JobName, RoleARN: *in.CloudWatchLogsRoleArn,
		Status: importCreated}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		n, err := store.CountUserImports(tx, p.ID)
		if err != nil {
			return err
		}
		if n >= maxImports {
			return &cognitoidp.LimitExceededException{Message: "A user pool can have at most 1000 user import jobs."}
		}
		j.CreatedAt = tx.Now
		return store.InsertUserImport(tx, j)
	})
	if err != nil {
		return nil, err
	}
	return &cognitoidp.CreateUserImportJobOutput{UserImportJob: s.importType(j)}, nil
}

// errNothingVerified: an imported user gets a password by a code to a verified
// address, so that a pool without such has no use for the users.
var errNothingVerified = precondition("The user pool must have at least one auto verified attribute to import users.")

// importJob reads a job inside a transaction.
func importJob(tx *store.Tx, poolID, jobID string) (*store.UserImport, error) {
	j, err := store.UserImportByID(tx, poolID, jobID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errImportNotFound
	}
	return j, err
}

// DescribeUserImportJob shows a job.
func (s *Service) DescribeUserImportJob(ctx context.Context, in *cognitoidp.DescribeUserImportJobInput) (*cognitoidp.DescribeUserImportJobOutput, error) {
	if _, err := s.Pools.Pool(ctx, *in.UserPoolId); err != nil {
		return nil, err
	}
	var j *store.UserImport
	if err := s.DB.ReadOne(ctx, func(tx *store.Tx) (err error) {
		j, err = importJob(tx, *in.UserPoolId, *in.JobId)
		return err
	}); err != nil {
		return nil, err
	}
	return &cognitoidp.DescribeUserImportJobOutput{UserImportJob: s.importType(j)}, nil
}

// ListUserImportJobs lists a pool's jobs, the newest first.
func (s *Service) ListUserImportJobs(ctx context.Context, in *cognitoidp.ListUserImportJobsInput) (*cognitoidp.ListUserImportJobsOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	list, next, err := page(ctx, s, "ListUserImportJobs/"+p.ID, in.PaginationToken, limit(in.MaxResults, 60),
		func(tx *store.Tx, from position, n int) ([]*store.UserImport, error) {
			var before time.Time
			if from.Value != "" {
				us, err := strconv.ParseInt(from.Value, 10, 64)
				if err != nil {
					return nil, fmt.Errorf("the position of a page: %w", err)
				}
				before = time.UnixMicro(us)
			}
			return store.UserImports(tx, p.ID, before, from.ID, n)
		},
		func(j *store.UserImport) position {
			return position{Value: strconv.FormatInt(j.CreatedAt.UnixMicro(), 10), ID: j.ID}
		})
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.ListUserImportJobsOutput{UserImportJobs: []cognitoidp.UserImportJobType{}, PaginationToken: next}
	for _, j := range list {
		out.UserImportJobs = append(out.UserImportJobs, *s.importType(j))
	}
	return out, nil
}

// changeImport changes a job in one transaction.
func (s *Service) changeImport(ctx context.Context, poolID, jobID string, change func(tx *store.Tx, j *store.UserImport) error) (j *store.UserImport, err error) {
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if j, err = importJob(tx, poolID, jobID); err != nil {
			return err
		}
		if err := change(tx, j); err != nil {
			return err
		}
		return store.UpdateUserImport(tx, j)
	})
	return j, err
}

// StartUserImportJob starts a job that has its file. A pool runs one at a time.
func (s *Service) StartUserImportJob(ctx context.Context, in *cognitoidp.StartUserImportJobInput) (*cognitoidp.StartUserImportJobOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	j, err := s.changeImport(ctx, p.ID, *in.JobId, func(tx *store.Tx, j *store.UserImport) error {
		if status := shownStatus(j, tx.Now); status != importCreated {
			return precondition("The user import job cannot be started: its status is " + status + ".")
		}
		if j.FileID == "" {
			return precondition("The user import job cannot be started: no CSV file was uploaded.")
		}
		if len(p.Settings.AutoVerifiedAttributes) == 0 {
			return errNothingVerified
		}
		active, err := store.HasActiveUserImport(tx, p.ID)
		if err != nil {
			return err
		}
		if active {
			return precondition("Another user import job of this user pool is active.")
		}
		j.Status, j.StartedAt = importPending, tx.Now
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.wakeImports()
	return &cognitoidp.StartUserImportJobOutput{UserImportJob: s.importType(j)}, nil
}

// StopUserImportJob ends a job before it is through. The users that it has
// added stay.
func (s *Service) StopUserImportJob(ctx context.Context, in *cognitoidp.StopUserImportJobInput) (*cognitoidp.StopUserImportJobOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	j, err := s.changeImport(ctx, p.ID, *in.JobId, func(tx *store.Tx, j *store.UserImport) error {
		switch status := shownStatus(j, tx.Now); {
		case status == importStopping:
			return nil
		case status != importPending && status != importInProgress:
			return precondition("The user import job cannot be stopped: its status is " + status + ".")
		case !tx.Now.Before(j.LeaseUntil): // nobody runs it
			return endImport(tx, j, importStopped, messageStopped)
		}
		j.Status = importStopping
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cognitoidp.StopUserImportJobOutput{UserImportJob: s.importType(j)}, nil
}

// WriteUserImportLog writes a job's log: a line for each row that made no user,
// up to maxImportLog of them.
func (s *Service) WriteUserImportLog(ctx context.Context, in *cognitoidp.DescribeUserImportJobInput, w io.Writer) error {
	if _, err := s.DescribeUserImportJob(ctx, in); err != nil {
		return err
	}
	for after := int64(0); ; {
		var list []store.ImportOutcome
		if err := s.DB.ReadOne(ctx, func(tx *store.Tx) (err error) {
			list, err = store.ImportOutcomes(tx, *in.UserPoolId, *in.JobId, after, 500)
			return err
		}); err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		for _, o := range list {
			if _, err := io.WriteString(w, o.Text+"\n"); err != nil {
				return err
			}
			after = o.Line
		}
	}
}
