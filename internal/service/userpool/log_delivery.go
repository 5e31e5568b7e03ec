package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// logDelivery reads a pool's log configurations; store.ErrNotFound when it has
// none.
func logDelivery(tx *store.Tx, poolID string) (list []cognitoidp.LogConfigurationType, err error) {
	r, err := store.PoolRecordByID(tx, poolID, kindLogDelivery, wholePool)
	if err != nil {
		return nil, err
	}
	return list, json.Unmarshal([]byte(r.Body), &list)
}

func describeLogDelivery(poolID string, list []cognitoidp.LogConfigurationType) *cognitoidp.LogDeliveryConfigurationType {
	if list == nil {
		list = []cognitoidp.LogConfigurationType{}
	}
	return &cognitoidp.LogDeliveryConfigurationType{UserPoolId: &poolID, LogConfigurations: list}
}

// checkLogConfigurations: one configuration an event source; errors of message
// delivery go to CloudWatch Logs, user activity to one destination of three
// (user-pools.md, section 14).
func checkLogConfigurations(p *pool.Pool, list []cognitoidp.LogConfigurationType) error {
	seen := map[cognitoidp.EventSourceName]bool{}
	for _, c := range list {
		source := *c.EventSource
		if seen[source] {
			return invalid("EventSource " + string(source) + " is given more than once.")
		}
		seen[source] = true
		destinations := 0
		if w := c.CloudWatchLogsConfiguration; w != nil {
			destinations++
			if w.LogGroupArn == nil || !strings.HasPrefix(*w.LogGroupArn, "arn:aws:logs:") || !strings.Contains(*w.LogGroupArn, ":log-group:") {
				return invalid("CloudWatchLogsConfiguration needs the LogGroupArn of a log group.")
			}
		}
		if b := c.S3Configuration; b != nil {
			destinations++
			if b.BucketArn == nil || !strings.HasPrefix(*b.BucketArn, "arn:aws:s3:::") {
				return invalid("S3Configuration needs the BucketArn of a bucket.")
			}
		}
		if f := c.FirehoseConfiguration; f != nil {
			destinations++
			if f.StreamArn == nil || !strings.HasPrefix(*f.StreamArn, "arn:aws:firehose:") {
				return invalid("FirehoseConfiguration needs the StreamArn of a delivery stream.")
			}
		}
		if destinations != 1 {
			return invalid("Each log configuration needs exactly one destination.")
		}
		switch source {
		case cognitoidp.EventSourceNameUserNotification:
			if *c.LogLevel != cognitoidp.LogLevelError || c.CloudWatchLogsConfiguration == nil {
				return invalid("EventSource userNotification needs LogLevel ERROR and CloudWatchLogsConfiguration.")
			}
		case cognitoidp.EventSourceNameUserAuthEvents:
			if *c.LogLevel != cognitoidp.LogLevelInfo {
				return invalid("EventSource userAuthEvents needs LogLevel INFO.")
			}
			if !tierIncludes(p.Settings, cognitoidp.UserPoolTierTypePlus) {
				return &cognitoidp.FeatureUnavailableInTierException{Message: "User activity logs are available in the PLUS tier only."}
			}
		}
	}
	return nil
}

// GetLogDeliveryConfiguration shows where a pool's logs go; a pool that was
// never told has an empty list.
func (s *Service) GetLogDeliveryConfiguration(ctx context.Context, in *cognitoidp.GetLogDeliveryConfigurationInput) (*cognitoidp.GetLogDeliveryConfigurationOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var list []cognitoidp.LogConfigurationType
	err = s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = logDelivery(tx, p.ID)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return &cognitoidp.GetLogDeliveryConfigurationOutput{LogDeliveryConfiguration: describeLogDelivery(p.ID, list)}, nil
}

// SetLogDeliveryConfiguration replaces a pool's log configurations; an empty
// list ends the delivery.
func (s *Service) SetLogDeliveryConfiguration(ctx context.Context, in *cognitoidp.SetLogDeliveryConfigurationInput) (*cognitoidp.SetLogDeliveryConfigurationOutput, error) {
	err := s.inPool(ctx, *in.UserPoolId, func(tx *store.Tx, p *pool.Pool) error {
		if err := checkLogConfigurations(p, in.LogConfigurations); err != nil {
			return err
		}
		return store.PutPoolRecord(tx, &store.PoolRecord{PoolID: p.ID, Kind: kindLogDelivery, ID: wholePool, Body: body(in.LogConfigurations),
			CreatedAt: tx.Now, UpdatedAt: tx.Now})
	})
	if err != nil {
		return nil, err
	}
	return &cognitoidp.SetLogDeliveryConfigurationOutput{LogDeliveryConfiguration: describeLogDelivery(*in.UserPoolId, in.LogConfigurations)}, nil
}
