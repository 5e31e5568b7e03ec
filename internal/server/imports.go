package server

import (
	"bytes"
	"errors"
	"net/http"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/service/userpool"
)

// uploadImport takes the CSV file of an import job, where AWS has a presigned
// PUT of S3. The token in the URL is the permission; headers of S3 that clients
// send with it, such as x-amz-server-side-encryption, say nothing here.
func (s *Server) uploadImport(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > userpool.MaxImportFile {
		refuse(w, http.StatusRequestEntityTooLarge, userpool.ErrUploadLarge.Error())
		return
	}
	err := s.users.UploadUserImport(r.Context(), r.PathValue("pool"), r.PathValue("job"), r.URL.Query().Get("token"), r.Body)
	for refusal, status := range map[error]int{userpool.ErrUploadURL: http.StatusForbidden, userpool.ErrUploadState: http.StatusConflict,
		userpool.ErrUploadLarge: http.StatusRequestEntityTooLarge, userpool.ErrUploadBroken: http.StatusBadRequest} {
		if errors.Is(err, refusal) {
			refuse(w, status, refusal.Error())
			return
		}
	}
	if err != nil {
		s.log.Warn("store the file of an import job", "error", err)
		refuse(w, http.StatusServiceUnavailable, "the file could not be stored; try again")
		return
	}
	w.WriteHeader(http.StatusOK)
}

// readImportLog shows what became of the rows of an import job that made no
// user, to whom may describe the job.
func (s *Server) readImportLog(w http.ResponseWriter, r *http.Request) {
	in := &cognitoidp.DescribeUserImportJobInput{UserPoolId: new(r.PathValue("pool")), JobId: new(r.PathValue("job"))}
	var v api.Violations
	in.Validate(&v)
	if v.Message() != "" {
		refuse(w, http.StatusNotFound, "there is no such job")
		return
	}
	ctx := r.Context()
	caller, err := s.authenticator.Authenticate(r, cognitoidp.Service.Name, nil)
	var checks []access.Check
	if err == nil {
		if checks, err = s.users.Checks(ctx, "DescribeUserImportJob", in); err == nil && len(checks) == 0 {
			err = access.Denied("nothing says who may read this")
		}
	}
	for i := 0; err == nil && i < len(checks); i++ {
		err = access.Require(ctx, s.authorizer, caller, checks[i])
	}
	var log bytes.Buffer // it is bounded, and an error is still to be told
	if err == nil {
		err = s.users.WriteUserImportLog(ctx, in, &log)
	}
	var refused *access.Error
	var missing *cognitoidp.ResourceNotFoundException
	switch {
	case errors.As(err, &refused):
		refuse(w, http.StatusForbidden, refused.Message)
	case errors.As(err, &missing):
		refuse(w, http.StatusNotFound, missing.Message)
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, "the log cannot be read at the moment")
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(log.Bytes()) // the client is gone when this fails
	}
}
