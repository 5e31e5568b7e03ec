package server

import (
	"time"

	"gatehouse/internal/authz/sigv4"
	"gatehouse/internal/config"
	"gatehouse/internal/outbound/upstream"
	"gatehouse/internal/service/kinesis"
	"gatehouse/internal/service/s3"
	"gatehouse/internal/service/ssm"
)

// elsewhere are the stores elsewhere that the settings name, as the services want
// them.
type elsewhere struct {
	buckets    map[string]*s3.Upstream
	parameters []ssm.Upstream
	streams    map[string]*kinesis.Upstream
}

func upstreams(c *config.Config, now func() time.Time) (*elsewhere, error) {
	all := &elsewhere{buckets: map[string]*s3.Upstream{}, streams: map[string]*kinesis.Upstream{}}
	if c.Upstreams == "" {
		return all, nil
	}
	list, err := config.ReadUpstreams(c.Upstreams)
	if err != nil {
		return nil, err
	}
	for _, u := range list {
		settings := upstream.Config{Endpoint: u.Endpoint, Service: u.Service(), Region: u.Region, Roots: u.Roots, Now: now,
			Credentials: sigv4.Credentials{AccessKeyID: u.AccessKeyID, Secret: u.SecretKey, SessionToken: u.SessionToken}}
		at := u.Endpoint.String() + " " + u.Region
		switch {
		case u.Parameters != "":
			all.parameters = append(all.parameters, ssm.Upstream{Path: u.Parameters, There: u.Name, Caller: upstream.New(settings)})
		case u.Stream != "":
			settings.MaxAnswer = kinesis.MaxAnswer
			all.streams[u.Stream] = &kinesis.Upstream{There: u.Name, Store: at, Caller: upstream.New(settings)}
		default:
			all.buckets[u.Bucket] = &s3.Upstream{Bucket: u.Name, Store: at + " " + u.AccessKeyID, AnyKey: u.AnyKey,
				Tripper: &upstream.Bucket{Client: upstream.New(settings), Name: u.Name, PathStyle: u.PathStyle}}
		}
	}
	return all, nil
}
