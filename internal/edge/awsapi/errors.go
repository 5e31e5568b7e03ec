package awsapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/event"
)

// wireError is an error in the form that every protocol can write.
type wireError struct {
	code    string
	status  int
	message string
	// framework errors are written with a capital Message in JSON.
	framework bool
	// modelled is the exception with its further members, or nil.
	modelled api.Error
}

// fail is the one place that decides what a caller sees of an error and what
// the log keeps.
func (h *Handler) fail(w http.ResponseWriter, c *call, err error) {
	e := h.classify(c, err)
	ev := event.From(c.r.Context())
	ev.Set("error", e.code)
	if e.status >= 500 {
		ev.Set("cause", err.Error())
		h.config.Log.LogAttrs(c.r.Context(), slog.LevelError, "request failed", slog.String("requestId", ev.ID), slog.String("cause", err.Error()))
	}
	c.protocol.writeError(w, c, e)
}

func (h *Handler) classify(c *call, err error) *wireError {
	var modelled api.Error
	var authn *access.Error
	var unimplemented api.ErrUnimplemented
	switch {
	case errors.As(err, &authn):
		return authnError(c, authn)
	case errors.As(err, &unimplemented):
		return h.classify(c, unknownOperation(c))
	case errors.As(err, &modelled):
		return h.fromModel(c, modelled)
	case h.config.Busy(err):
		return h.busy(c)
	case h.config.BadText(err):
		return &wireError{code: c.impl.ValidationCode, status: http.StatusBadRequest, message: "1 validation error detected: a value contains a character that is not allowed."}
	case h.config.Unavailable(err), errors.Is(err, context.DeadlineExceeded):
		return &wireError{code: "ServiceUnavailable", status: http.StatusServiceUnavailable, framework: true,
			message: "The server cannot reach its data at the moment. Try again later."}
	}
	return &wireError{code: internalCode(c), status: http.StatusInternalServerError,
		message: "An internal error occurred. Request id: " + event.From(c.r.Context()).ID}
}

func (h *Handler) fromModel(c *call, e api.Error) *wireError {
	we := &wireError{code: e.Code(), status: e.Status(), modelled: e}
	var f *api.FrameworkError
	if errors.As(e, &f) {
		we.message, we.framework, we.modelled = f.Message, true, nil
		if c.impl != nil && f.ErrorCode == c.impl.ValidationCode {
			we.framework = false
		}
		return we
	}
	_, we.message, _ = strings.Cut(e.Error(), ": ")
	if h.config.Unlisted != nil && c.op != nil && !slices.Contains(c.op.Errors, we.code) {
		h.config.Unlisted(c.impl.API.Name, c.op.Name, we.code)
	}
	return we
}

// busy is how each service says "too many": the type that SDKs retry on.
func (h *Handler) busy(c *call) *wireError {
	code := "ThrottlingException"
	if c.op != nil && slices.Contains(c.op.Errors, "TooManyRequestsException") {
		code = "TooManyRequestsException"
	} else if c.op != nil && slices.Contains(c.op.Errors, "ProvisionedThroughputExceededException") {
		code = "ProvisionedThroughputExceededException"
	} else if c.impl != nil && c.impl.API.Protocol == api.Query {
		code = "Throttling"
	}
	return &wireError{code: code, status: http.StatusBadRequest, message: "Rate exceeded"}
}

func internalCode(c *call) string {
	if c.impl == nil {
		return "InternalFailure"
	}
	switch c.impl.API.Name {
	case "cognito-idp", "cognito-identity":
		return "InternalErrorException"
	case "kinesis":
		return "InternalFailureException"
	case "ssm":
		return "InternalServerError"
	case "iam":
		return "ServiceFailure"
	}
	return "InternalFailure"
}

// authnError words an authentication or authorization failure for the protocol
// (shared spec, iam-sts-sigv4.md, section 10).
func authnError(c *call, e *access.Error) *wireError {
	_, query := c.protocol.(queryProtocol)
	we := &wireError{code: e.JSONCode, status: http.StatusBadRequest, message: e.Message, framework: true}
	if query {
		we.code, we.status = e.QueryCode, e.QueryStatus
	}
	return we
}
