package iam

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"strconv"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/store"
)

// reportAge is how long a credential report is good for (IAM user guide,
// "Getting credential reports for your AWS account": a new one can be made every
// four hours).
const reportAge = 4 * time.Hour

// reportColumns are those of the same page, "Understanding the report format".
var reportColumns = []string{"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed", "password_next_rotation", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
	"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"}

// reportPage is how many users are read at once.
const reportPage = 500

// GenerateCredentialReport makes the report, unless there is one of the last
// four hours. It is there when the answer is.
func (s *Service) GenerateCredentialReport(ctx context.Context, _ *iam.GenerateCredentialReportInput) (*iam.GenerateCredentialReportOutput, error) {
	recent := false
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		_, at, err := store.IAMAccountValue(tx, store.IAMCredentialReport)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		recent = err == nil && tx.Now.Sub(at) < reportAge
		return err
	})
	if err != nil {
		return nil, err
	}
	if recent {
		return &iam.GenerateCredentialReportOutput{State: new(iam.ReportStateTypeComplete)}, nil
	}
	text, err := s.report(ctx)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error { return store.PutIAMAccountValue(tx, store.IAMCredentialReport, text) })
	if err != nil {
		return nil, err
	}
	return &iam.GenerateCredentialReportOutput{State: new(iam.ReportStateTypeStarted), Description: new("No report exists. Starting a new report generation task")}, nil
}

// GetCredentialReport returns the report of the last four hours.
func (s *Service) GetCredentialReport(ctx context.Context, _ *iam.GetCredentialReportInput) (*iam.GetCredentialReportOutput, error) {
	out := &iam.GetCredentialReportOutput{ReportFormat: new(iam.ReportFormatTypeTextCsv)}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		text, at, err := store.IAMAccountValue(tx, store.IAMCredentialReport)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return &iam.CredentialReportNotPresentException{Message: "No report exists. Use GenerateCredentialReport to generate a report."}
		case err != nil:
			return err
		case tx.Now.Sub(at) >= reportAge:
			return &iam.CredentialReportExpiredException{Message: "The most recent credential report has expired. Use GenerateCredentialReport to generate a new report."}
		}
		out.Content, out.GeneratedTime = []byte(text), api.At(at)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// report lists every user and the root user with their keys.
func (s *Service) report(ctx context.Context) (string, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		b.Reset()
		w = csv.NewWriter(&b)
		_ = w.Write(reportColumns) // the buffer takes everything
		root, err := store.IAMAccessKeys(tx, store.RootOwner)
		if err != nil {
			return err
		}
		created := "not_supported"
		if len(root) > 0 {
			created = reportTime(root[0].CreatedAt)
		}
		_ = w.Write(reportRow("<root_account>", s.rootARN(), created, "not_supported", root))
		after := ""
		for {
			users, err := store.IAMEntities(tx, store.IAMUser, "/", after, reportPage)
			if err != nil {
				return err
			}
			for _, u := range users {
				keys, err := store.IAMAccessKeys(tx, u.ID)
				if err != nil {
					return err
				}
				_ = w.Write(reportRow(u.Name, s.arn(u), reportTime(u.CreatedAt), "false", keys))
				after = entityKey(u)
			}
			if len(users) < reportPage {
				return nil
			}
		}
	})
	w.Flush()
	return b.String(), err
}

func reportRow(name, arn, created, password string, keys []*store.IAMAccessKey) []string {
	none := "N/A"
	row := []string{name, arn, created, password, none, none, none, "false"}
	if password == "not_supported" {
		row = []string{name, arn, created, password, none, password, password, "false"}
	}
	for i := range maxAccessKeys {
		if i >= len(keys) {
			row = append(row, "false", none, none, none, none)
			continue
		}
		k := keys[i]
		row = append(row, strconv.FormatBool(k.Status == active), reportTime(k.CreatedAt))
		if k.UsedAt.IsZero() {
			row = append(row, none, none, none)
		} else {
			row = append(row, reportTime(k.UsedAt), k.UsedRegion, k.UsedService)
		}
	}
	return append(row, "false", none, "false", none)
}

func reportTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05+00:00") }
