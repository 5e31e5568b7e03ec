package store

import (
	"errors"
	"time"
)

// UserImport is a CSV import job's row.
type UserImport struct {
	PoolID, ID, Name, RoleARN         string
	Status                            string // UserImportJobStatusType
	FileID                            string // "" until a file was uploaded
	FileSize                          int64
	CreatedAt, StartedAt, CompletedAt time.Time
	Imported, Skipped, Failed         int64
	Message                           string // how it ended
	ReadTo                            int64  // offset of the first row not yet dealt with; 0 before the header
	Line                              int64  // number of lines before ReadTo
	Holder                            string // who runs it
	LeaseUntil                        time.Time
}

const userImportColumns = `pool_id, job_id, name, role_arn, status, file_id, file_size, created_at, started_at, completed_at, imported, skipped, failed,
	message, read_to, line, holder, lease_until`

func scanUserImport(r scanner) (*UserImport, error) {
	j := &UserImport{}
	var created, started, completed, lease int64
	err := r.Scan(&j.PoolID, &j.ID, &j.Name, &j.RoleARN, &j.Status, &j.FileID, &j.FileSize, &created, &started, &completed, &j.Imported, &j.Skipped,
		&j.Failed, &j.Message, &j.ReadTo, &j.Line, &j.Holder, &lease)
	j.CreatedAt, j.StartedAt, j.CompletedAt, j.LeaseUntil = fromMicros(created), fromMicros(started), fromMicros(completed), fromMicros(lease)
	return j, err
}

func userImportArgs(j *UserImport) []any {
	return []any{j.PoolID, j.ID, j.Name, j.RoleARN, j.Status, j.FileID, j.FileSize, micros(j.CreatedAt), micros(j.StartedAt), micros(j.CompletedAt),
		j.Imported, j.Skipped, j.Failed, j.Message, j.ReadTo, j.Line, j.Holder, micros(j.LeaseUntil)}
}

// InsertUserImport adds a job; ErrConflict when the id is taken.
func InsertUserImport(tx *Tx, j *UserImport) error {
	_, err := tx.exec(`insert into user_import_jobs (`+userImportColumns+`)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`, userImportArgs(j)...)
	return err
}

// UpdateUserImport replaces a job's row; ErrNotFound.
func UpdateUserImport(tx *Tx, j *UserImport) error {
	return tx.execOne(`update user_import_jobs set name = $3, role_arn = $4, status = $5, file_id = $6, file_size = $7, created_at = $8, started_at = $9,
		completed_at = $10, imported = $11, skipped = $12, failed = $13, message = $14, read_to = $15, line = $16, holder = $17, lease_until = $18
		where pool_id = $1 and job_id = $2`, userImportArgs(j)...)
}

// UserImportByID is the job, or ErrNotFound.
func UserImportByID(tx *Tx, poolID, id string) (*UserImport, error) {
	return scanUserImport(tx.queryRow(`select `+userImportColumns+` from user_import_jobs where pool_id = $1 and job_id = $2`, poolID, id))
}

// UserImports lists a pool's jobs, the newest first, after the given one; the
// zero time is the first page.
func UserImports(tx *Tx, poolID string, before time.Time, beforeID string, limit int) ([]*UserImport, error) {
	if before.IsZero() {
		return collect(tx, scanUserImport, `select `+userImportColumns+` from user_import_jobs where pool_id = $1
			order by created_at desc, job_id desc limit $2`, poolID, limit)
	}
	return collect(tx, scanUserImport, `select `+userImportColumns+` from user_import_jobs where pool_id = $1
		and (created_at, job_id) < ($2, $3) order by created_at desc, job_id desc limit $4`, poolID, micros(before), beforeID, limit)
}

// CountUserImports is the number of a pool's jobs.
func CountUserImports(tx *Tx, poolID string) (n int, err error) {
	err = tx.queryRow(`select count(*) from user_import_jobs where pool_id = $1`, poolID).Scan(&n)
	return n, err
}

// HasActiveUserImport reports whether a job of the pool was started and has
// not ended.
func HasActiveUserImport(tx *Tx, poolID string) (bool, error) {
	var one int64
	err := tx.queryRow(`select 1 from user_import_jobs where pool_id = $1 and status in ('Pending', 'InProgress', 'Stopping') limit 1`, poolID).Scan(&one)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// NextUserImport is the oldest started job that nobody runs, or ErrNotFound.
func NextUserImport(tx *Tx) (*UserImport, error) {
	return scanUserImport(tx.queryRow(`select `+userImportColumns+` from user_import_jobs where status in ('Pending', 'InProgress', 'Stopping')
		and lease_until <= $1 order by started_at, pool_id, job_id limit 1`, micros(tx.Now)))
}

// UnstartedUserImports are up to limit jobs that were created before a time
// and never started.
func UnstartedUserImports(tx *Tx, before time.Time, limit int) ([]*UserImport, error) {
	return collect(tx, scanUserImport, `select `+userImportColumns+` from user_import_jobs where status = 'Created' and created_at <= $1
		order by created_at limit $2`, micros(before), limit)
}

// InsertImportFile says that a file is being written, and until when it is
// kept if nothing more is heard of it.
func InsertImportFile(tx *Tx, poolID, id string, until time.Time) error {
	_, err := tx.exec(`insert into user_import_files (pool_id, file_id, expires_at) values ($1, $2, $3)`, poolID, id, micros(until))
	return err
}

// KeepImportFile changes how long a file is kept; the zero time is until
// DropImportFile. ErrNotFound when it has expired: some of it may be gone.
func KeepImportFile(tx *Tx, poolID, id string, until time.Time) error {
	return tx.execOne(`update user_import_files set expires_at = $3 where pool_id = $1 and file_id = $2 and expires_at > $4`,
		poolID, id, micros(until), micros(tx.Now))
}

// DropImportFile gives a file to DeleteImportChunks. No file is no error.
func DropImportFile(tx *Tx, poolID, id string) error {
	if id == "" {
		return nil
	}
	_, err := tx.exec(`update user_import_files set expires_at = $3 where pool_id = $1 and file_id = $2`, poolID, id, micros(tx.Now))
	return err
}

// ExpiredImportFile is a file that nobody needs, or ErrNotFound.
func ExpiredImportFile(tx *Tx) (poolID, id string, err error) {
	err = tx.queryRow(`select pool_id, file_id from user_import_files where expires_at > 0 and expires_at <= $1
		order by expires_at limit 1`, micros(tx.Now)).Scan(&poolID, &id)
	return poolID, id, err
}

// InsertImportChunk adds a chunk of a file.
func InsertImportChunk(tx *Tx, poolID, file string, number int64, data []byte) error {
	_, err := tx.exec(`insert into user_import_chunks (pool_id, file_id, number, data) values ($1, $2, $3, $4)`, poolID, file, number, data)
	return err
}

// ImportChunk is a chunk of a file, or ErrNotFound.
func ImportChunk(tx *Tx, poolID, file string, number int64) (data []byte, err error) {
	err = tx.queryRow(`select data from user_import_chunks where pool_id = $1 and file_id = $2 and number = $3`, poolID, file, number).Scan(&data)
	return data, err
}

// DeleteImportChunks removes up to limit chunks of a file that nobody needs,
// and the file when it has no more. A file that is needed again, or that
// another node was quicker with, stays as it is.
func DeleteImportChunks(tx *Tx, poolID, file string, limit int) error {
	var one int64
	err := tx.queryRow(`select 1 from user_import_files where pool_id = $1 and file_id = $2 and expires_at > 0 and expires_at <= $3`,
		poolID, file, micros(tx.Now)).Scan(&one)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	n, err := tx.exec(`delete from user_import_chunks where pool_id = $1 and file_id = $2 and number in
		(select number from user_import_chunks where pool_id = $1 and file_id = $2 order by number limit $3)`, poolID, file, limit)
	if err == nil && n < int64(limit) {
		_, err = tx.exec(`delete from user_import_files where pool_id = $1 and file_id = $2`, poolID, file)
	}
	return err
}

// ImportOutcome is a line of a job's log: what became of a row that made no
// user.
type ImportOutcome struct {
	Line int64
	Text string
}

// InsertImportOutcome adds a line to a job's log.
func InsertImportOutcome(tx *Tx, j *UserImport, o ImportOutcome) error {
	_, err := tx.exec(`insert into user_import_log (pool_id, job_id, line, outcome) values ($1, $2, $3, $4)`, j.PoolID, j.ID, o.Line, o.Text)
	return err
}

// ImportOutcomes lists a job's log by line, after the given one.
func ImportOutcomes(tx *Tx, poolID, jobID string, after int64, limit int) ([]ImportOutcome, error) {
	return collect(tx, func(r scanner) (o ImportOutcome, err error) {
		err = r.Scan(&o.Line, &o.Text)
		return o, err
	}, `select line, outcome from user_import_log where pool_id = $1 and job_id = $2 and line > $3 order by line limit $4`, poolID, jobID, after, limit)
}
