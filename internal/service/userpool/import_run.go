package userpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// How a job runs. A node takes a lease of a started job and renews it with each
// transaction; a node that dies lets it run out, and another one goes on. The
// job's row says how far the file has been dealt with, and that changes in the
// transaction that adds the users up to there: whatever dies when, each row is
// dealt with once. A node that was too slow finds another holder in the row,
// and what it wanted to write is taken back.
//
// Before the first user is added the whole file is read, so that a file that
// cannot be read changes nothing.

const (
	importLease = 20 * time.Second // longer than a transaction of the store can take
	importPoll  = 2 * time.Second  // how often a node looks for jobs of others
	importBatch = 100              // rows a transaction: other writes wait for one at most
	importCheck = 20_000           // rows read between two renewals of the lease
	// maxImportLog is how many lines a job's log keeps.
	maxImportLog = 10_000
	// sweepChunks is how many chunks are deleted in a transaction: 4 MiB.
	sweepChunks = 16
)

// errImportLost says that a job is no longer this run's: another node has taken
// it, or its pool was deleted.
var errImportLost = errors.New("the import job is no longer held here")

// wakeImports has RunImports look at once.
func (s *Service) wakeImports() {
	select {
	case s.imports <- struct{}{}:
	default: // it was woken already
	}
}

// RunImports runs import jobs, one after the other, and clears away what they
// leave behind, until ctx ends.
func (s *Service) RunImports(ctx context.Context) {
	for ctx.Err() == nil {
		busy := false
		for _, step := range []func(context.Context) (bool, error){s.expireImports, s.sweepImportFiles, s.runNextImport} {
			did, err := step(ctx)
			switch {
			case err == nil || ctx.Err() != nil:
				busy = busy || did
			case errors.Is(err, store.ErrBusy) || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrConflict):
				s.Log.Warn("user imports: will try again", "error", err)
			default:
				s.Log.Error("user imports", "error", err)
			}
		}
		if busy {
			continue
		}
		select {
		case <-ctx.Done():
		case <-s.imports:
		case <-time.After(importPoll):
		}
	}
}

// expireImports ends jobs that were never started.
func (s *Service) expireImports(ctx context.Context) (bool, error) {
	var old []*store.UserImport
	if err := s.DB.ReadOne(ctx, func(tx *store.Tx) (err error) {
		old, err = store.UnstartedUserImports(tx, tx.Now.Add(-importLife), 100)
		return err
	}); err != nil || len(old) == 0 {
		return false, err
	}
	return true, s.DB.Write(ctx, func(tx *store.Tx) error {
		for _, o := range old {
			j, err := store.UserImportByID(tx, o.PoolID, o.ID)
			if errors.Is(err, store.ErrNotFound) || err == nil && j.Status != importCreated {
				continue
			}
			if err != nil {
				return err
			}
			if err := endImport(tx, j, importExpired, ""); err != nil {
				return err
			}
			expireImport(j)
			if err := store.UpdateUserImport(tx, j); err != nil {
				return err
			}
		}
		return nil
	})
}

// sweepImportFiles removes a part of a file that nobody needs.
func (s *Service) sweepImportFiles(ctx context.Context) (bool, error) {
	var poolID, file string
	err := s.DB.ReadOne(ctx, func(tx *store.Tx) (err error) {
		poolID, file, err = store.ExpiredImportFile(tx)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, s.DB.Write(ctx, func(tx *store.Tx) error { return store.DeleteImportChunks(tx, poolID, file, sweepChunks) })
}

// runNextImport takes the lease of a job, if there is one to be run, and runs
// it.
func (s *Service) runNextImport(ctx context.Context) (bool, error) {
	var job *store.UserImport
	err := s.DB.ReadOne(ctx, func(tx *store.Tx) (err error) {
		job, err = store.NextUserImport(tx)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	holder := uuid.NewString()
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if job, err = store.NextUserImport(tx); err != nil {
			return err
		}
		job.Holder, job.LeaseUntil = holder, tx.Now.Add(importLease)
		return store.UpdateUserImport(tx, job)
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil // another node was quicker
	}
	if err != nil {
		return false, err
	}
	r := &importRun{s: s, job: job}
	err = r.run(ctx)
	var fault *importFault
	switch {
	case errors.As(err, &fault):
		err = r.end(ctx, importFailed, fault.message)
	case err == nil || errors.Is(err, errImportLost):
		return true, nil
	case ctx.Err() != nil:
		return true, r.release(ctx)
	case !errors.Is(err, store.ErrBusy) && !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrConflict):
		// It would be no better the next time.
		return true, errors.Join(err, r.end(ctx, importFailed, "The Import Job failed because of an internal error."))
	default:
		return false, errors.Join(err, r.release(ctx))
	}
	if errors.Is(err, errImportLost) {
		err = nil
	}
	return true, err
}

// importRun is a job while it is run here.
type importRun struct {
	s       *Service
	job     *store.UserImport // as it was last written
	columns []string
}

// active reports whether the job goes on.
func (r *importRun) active() bool {
	return r.job.Status == importPending || r.job.Status == importInProgress
}

// hold changes the job if it is still held here, and renews the lease. A job
// that was told to stop ends instead. A transaction is not cut off by a
// shutdown: it ends, and then the run does.
func (r *importRun) hold(ctx context.Context, change func(tx *store.Tx, j *store.UserImport) error) error {
	var j *store.UserImport
	err := r.s.DB.Write(context.WithoutCancel(ctx), func(tx *store.Tx) (err error) {
		j, err = store.UserImportByID(tx, r.job.PoolID, r.job.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && j.Holder != r.job.Holder {
			return errImportLost
		}
		if err != nil {
			return err
		}
		j.LeaseUntil = tx.Now.Add(importLease)
		if j.Status == importStopping {
			err = endImport(tx, j, importStopped, messageStopped)
		} else {
			err = change(tx, j)
		}
		if err != nil {
			return err
		}
		return store.UpdateUserImport(tx, j)
	})
	if err == nil {
		r.job = j
	}
	return err
}

func (r *importRun) end(ctx context.Context, status, message string) error {
	return r.hold(ctx, func(tx *store.Tx, j *store.UserImport) error { return endImport(tx, j, status, message) })
}

// release gives the lease back, so that nobody has to wait until it runs out.
func (r *importRun) release(ctx context.Context) error {
	err := r.hold(ctx, func(_ *store.Tx, j *store.UserImport) error {
		j.Holder, j.LeaseUntil = "", time.Time{}
		return nil
	})
	if errors.Is(err, errImportLost) {
		err = nil
	}
	return err
}

// run takes the job from where it is to its end. It returns errors of ctx, of
// the store, errImportLost, or an *importFault.
func (r *importRun) run(ctx context.Context) error {
	if err := r.hold(ctx, func(*store.Tx, *store.UserImport) error { return nil }); err != nil || !r.active() {
		return err
	}
	p, err := r.pool(ctx)
	if err != nil {
		return err
	}
	rows := newImportReader(r.file(ctx, 0), 0, 0)
	columns, header, err := rows.header(importColumns(p))
	if err != nil {
		return err
	}
	r.columns = columns
	if r.job.Status == importPending {
		if err := r.check(ctx, rows); err != nil || !r.active() {
			return err
		}
		if err := r.hold(ctx, func(_ *store.Tx, j *store.UserImport) error {
			j.Status, j.ReadTo, j.Line = importInProgress, header.end, header.lines
			return nil
		}); err != nil {
			return err
		}
	}
	rows = newImportReader(r.file(ctx, r.job.ReadTo), r.job.ReadTo, r.job.Line)
	for r.active() {
		if err := r.batch(ctx, rows); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// pool is the job's pool as it is now: what does not touch the schema may
// change while the job runs.
func (r *importRun) pool(ctx context.Context) (*pool.Pool, error) {
	p, err := r.s.Pools.Pool(ctx, r.job.PoolID)
	var gone *cognitoidp.ResourceNotFoundException
	if errors.As(err, &gone) {
		err = errImportLost
	}
	return p, err
}

func (r *importRun) file(ctx context.Context, offset int64) io.Reader {
	return &fileReader{ctx: ctx, db: r.s.DB, job: r.job, offset: offset}
}

// check reads the rest of the file and refuses one that cannot be read or has
// too many rows.
func (r *importRun) check(ctx context.Context, rows *importReader) error {
	for n := 0; r.active(); n++ {
		_, err := rows.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n >= maxImportRows {
			return faultf("The CSV file has more than %d rows.", maxImportRows)
		}
		if n%importCheck == importCheck-1 {
			if err := r.hold(ctx, func(*store.Tx, *store.UserImport) error { return nil }); err != nil {
				return err
			}
		}
	}
	return nil
}

// batch deals with the next rows, and ends the job after the last.
func (r *importRun) batch(ctx context.Context, rows *importReader) error {
	p, err := r.pool(ctx)
	if err != nil {
		return err
	}
	list := make([]*candidate, 0, importBatch)
	readTo, lines, last := r.job.ReadTo, r.job.Line, false
	for len(list) < importBatch && !last {
		row, err := rows.next()
		switch {
		case errors.Is(err, io.EOF):
			last = true
		case err != nil:
			return err
		default:
			list = append(list, newCandidate(p, r.columns, row))
			readTo, lines = row.end, row.lines
		}
	}
	err = r.hold(ctx, func(tx *store.Tx, j *store.UserImport) error {
		for _, c := range list {
			if err := dealWith(tx, p, j, c); err != nil {
				return err
			}
		}
		j.ReadTo, j.Line = readTo, lines
		if !last {
			return nil
		}
		message := messageSucceeded
		if j.Skipped+j.Failed > 0 {
			message = fmt.Sprintf("Import Job Completed; see %s/errors", importPath(j.PoolID, j.ID))
		}
		return endImport(tx, j, importSucceeded, message)
	})
	if err == nil && len(list) > 0 {
		r.s.counts.changed()
	}
	return err
}

// dealWith makes a user of a row, or says in the log why not, and counts it. It
// may run twice on one row: it leaves the candidate as it is.
func dealWith(tx *store.Tx, p *pool.Pool, j *store.UserImport, c *candidate) error {
	reason := c.outcome
	if c.user != nil {
		exists, refusal, err := insertCandidate(tx, p, c)
		switch {
		case err != nil:
			return err
		case exists:
			return skip(tx, j, c)
		case refusal == nil:
			j.Imported++
			return nil
		}
		reason = refusalText(refusal)
	}
	err := note(tx, j, c, fmt.Sprintf(rowFailed, c.line, reason))
	j.Failed++
	return err
}

func skip(tx *store.Tx, j *store.UserImport, c *candidate) error {
	err := note(tx, j, c, fmt.Sprintf(rowExists, c.line))
	j.Skipped++
	return err
}

// note adds a line to a job's log while there is room. The counters go on.
func note(tx *store.Tx, j *store.UserImport, c *candidate, text string) error {
	if j.Skipped+j.Failed >= maxImportLog {
		return nil
	}
	return store.InsertImportOutcome(tx, j, store.ImportOutcome{Line: c.line, Text: text})
}
