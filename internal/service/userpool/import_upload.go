package userpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"gatehouse/internal/store"
)

// A job's file is kept in the store, in chunks: any node can then run the job,
// and go on with it when another one has died. The URL for the upload carries
// a sealed token, which opens for its job alone.

const (
	maxImportFile = 100 << 20 // bytes
	importChunk   = 256 << 10
	uploadLife    = 15 * time.Minute // of the URL
	uploadPause   = 10 * time.Minute // an upload of which nothing more comes is given up
	uploadPurpose = "user import upload"
)

// Refusals of an upload.
var (
	ErrUploadURL    = errors.New("the upload URL is not valid for this job or has expired")
	ErrUploadState  = errors.New("the job does not wait for a file: it was started, has ended or was deleted")
	ErrUploadLarge  = fmt.Errorf("the file is larger than %d bytes", maxImportFile)
	ErrUploadBroken = errors.New("the file did not arrive whole")
)

// MaxImportFile is the size of the largest file that can be uploaded, in bytes.
const MaxImportFile = maxImportFile

// importPath is the path of a job under the public URL. The server serves it.
func importPath(poolID, jobID string) string {
	return "/_gatehouse/imports/" + poolID + "/" + jobID
}

// uploadURL is where the file of a job can be put until uploadLife after the
// job was made.
func (s *Service) uploadURL(j *store.UserImport) string {
	until := strconv.FormatInt(j.CreatedAt.Add(uploadLife).UnixMicro(), 10)
	token := s.Ring.SealToken(uploadPurpose, j.PoolID+"/"+j.ID, []byte(until))
	return s.PublicURL + importPath(j.PoolID, j.ID) + "?token=" + url.QueryEscape(token)
}

func (s *Service) checkUploadToken(poolID, jobID, token string) error {
	b, err := s.Ring.OpenToken(uploadPurpose, poolID+"/"+jobID, token)
	if err != nil {
		return ErrUploadURL
	}
	until, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || !s.Now().Before(time.UnixMicro(until)) {
		return ErrUploadURL
	}
	return nil
}

// waitingImport is a job that waits for its file, or ErrUploadState.
func waitingImport(tx *store.Tx, poolID, jobID string) (*store.UserImport, error) {
	j, err := store.UserImportByID(tx, poolID, jobID)
	if errors.Is(err, store.ErrNotFound) || err == nil && shownStatus(j, tx.Now) != importCreated {
		return nil, ErrUploadState
	}
	return j, err
}

// UploadUserImport keeps what body holds as the file of a job, in the place of
// the one before. When it returns nil the file is on disk. What the file says
// is looked at when the job runs, as in AWS, where S3 takes anything.
func (s *Service) UploadUserImport(ctx context.Context, poolID, jobID, token string, body io.Reader) (err error) {
	if err := s.checkUploadToken(poolID, jobID, token); err != nil {
		return err
	}
	if err := s.DB.ReadOne(ctx, func(tx *store.Tx) error {
		_, err := waitingImport(tx, poolID, jobID)
		return err
	}); err != nil {
		return err
	}
	file := randomText(lowerAlnum, 20)
	if err := s.DB.Write(ctx, func(tx *store.Tx) error {
		return store.InsertImportFile(tx, poolID, file, tx.Now.Add(uploadPause))
	}); err != nil {
		return err
	}
	defer func() {
		if err != nil { // the sweep would find it later; now is better
			_ = s.DB.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return store.DropImportFile(tx, poolID, file) })
			s.wakeImports()
		}
	}()
	size, err := s.storeChunks(ctx, poolID, file, body)
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		j, err := waitingImport(tx, poolID, jobID)
		if err != nil {
			return err
		}
		if err := store.DropImportFile(tx, poolID, j.FileID); err != nil {
			return err
		}
		if err := store.KeepImportFile(tx, poolID, file, time.Time{}); err != nil {
			return err
		}
		j.FileID, j.FileSize = file, size
		return store.UpdateUserImport(tx, j)
	})
	if errors.Is(err, store.ErrNotFound) {
		err = ErrUploadBroken
	}
	return err
}

// storeChunks writes what comes, a chunk a transaction, and returns its size.
// Every chunk but the last is full.
func (s *Service) storeChunks(ctx context.Context, poolID, file string, body io.Reader) (size int64, err error) {
	buf := make([]byte, importChunk)
	for number := int64(0); ; number++ {
		// Not io.ReadFull, which has one error for a body that ends and for one
		// that was cut off.
		var n int
		var readErr error
		for n < len(buf) && readErr == nil {
			var m int
			m, readErr = body.Read(buf[n:])
			n += m
		}
		size += int64(n)
		switch {
		case size > maxImportFile:
			return 0, ErrUploadLarge
		case readErr != nil && readErr != io.EOF:
			return 0, fmt.Errorf("%w: %w", ErrUploadBroken, readErr)
		}
		if n > 0 {
			err := s.DB.Write(ctx, func(tx *store.Tx) error {
				if err := store.KeepImportFile(tx, poolID, file, tx.Now.Add(uploadPause)); err != nil {
					return err
				}
				return store.InsertImportChunk(tx, poolID, file, number, buf[:n])
			})
			if errors.Is(err, store.ErrNotFound) {
				err = ErrUploadBroken
			}
			if err != nil {
				return 0, err
			}
		}
		if readErr != nil {
			return size, nil
		}
	}
}

// fileReader reads a job's file from an offset on, a chunk at a time.
type fileReader struct {
	ctx    context.Context
	db     *store.DB
	job    *store.UserImport
	offset int64
	chunk  []byte // what is left of the present one
}

func (r *fileReader) Read(p []byte) (int, error) {
	if r.offset >= r.job.FileSize {
		return 0, io.EOF
	}
	if len(r.chunk) == 0 {
		number := r.offset / importChunk
		if err := r.db.ReadOne(r.ctx, func(tx *store.Tx) (err error) {
			r.chunk, err = store.ImportChunk(tx, r.job.PoolID, r.job.FileID, number)
			return err
		}); err != nil {
			return 0, fmt.Errorf("read chunk %d of import file %s: %w", number, r.job.FileID, err)
		}
		r.chunk = r.chunk[min(r.offset-number*importChunk, int64(len(r.chunk))):]
		if len(r.chunk) == 0 {
			return 0, fmt.Errorf("chunk %d of import file %s is too short", number, r.job.FileID)
		}
	}
	n := copy(p, r.chunk)
	r.chunk, r.offset = r.chunk[n:], r.offset+int64(n)
	return n, nil
}
