package server

import (
	"time"

	"gatehouse/internal/authz/sigv4"
	"gatehouse/internal/config"
	"gatehouse/internal/outbound/upstream"
	"gatehouse/internal/service/s3"
	"gatehouse/internal/service/ssm"
)

// upstreams are the stores elsewhere that the settings name, as the services
// want them.
func upstreams(c *config.Config, now func() time.Time) (buckets map[string]*s3.Upstream, parameters []ssm.Upstream, err error) {
	if c.Upstreams == "" {
		return nil, nil, nil
	}
	list, err := config.ReadUpstreams(c.Upstreams)
	if err != nil {
		return nil, nil, err
	}
	buckets = map[string]*s3.Upstream{}
	for _, u := range list {
		client := upstream.New(upstream.Config{Endpoint: u.Endpoint, Service: u.Service(), Region: u.Region, Roots: u.Roots, Now: now,
			Credentials: sigv4.Credentials{AccessKeyID: u.AccessKeyID, Secret: u.SecretKey, SessionToken: u.SessionToken}})
		if u.Parameters != "" {
			parameters = append(parameters, ssm.Upstream{Path: u.Parameters, There: u.Name, Caller: client})
			continue
		}
		buckets[u.Bucket] = &s3.Upstream{Bucket: u.Name, Store: u.Endpoint.String() + " " + u.Region + " " + u.AccessKeyID, AnyKey: u.AnyKey,
			Tripper: &upstream.Bucket{Client: client, Name: u.Name, PathStyle: u.PathStyle}}
	}
	return buckets, parameters, nil
}
