package server

import (
	"fmt"
	"time"

	"gatehouse/internal/authz/sigv4"
	"gatehouse/internal/config"
	"gatehouse/internal/outbound/upstream"
	"gatehouse/internal/service/s3"
)

// upstreams are the stores elsewhere that the settings name, as the services
// want them.
func upstreams(c *config.Config, now func() time.Time) (buckets map[string]*s3.Upstream, err error) {
	if c.Upstreams == "" {
		return nil, nil
	}
	list, err := config.ReadUpstreams(c.Upstreams)
	if err != nil {
		return nil, err
	}
	buckets = map[string]*s3.Upstream{}
	for _, u := range list {
		if u.Parameters != "" {
			return nil, fmt.Errorf("%s: parameters cannot live elsewhere yet", c.Upstreams)
		}
		client := upstream.New(upstream.Config{Endpoint: u.Endpoint, Service: u.Service(), Region: u.Region, Roots: u.Roots, Now: now,
			Credentials: sigv4.Credentials{AccessKeyID: u.AccessKeyID, Secret: u.SecretKey, SessionToken: u.SessionToken}})
		buckets[u.Bucket] = &s3.Upstream{Bucket: u.Name, Store: u.Endpoint.String() + " " + u.Region + " " + u.AccessKeyID, AnyKey: u.AnyKey,
			Tripper: &upstream.Bucket{Client: client, Name: u.Name, PathStyle: u.PathStyle}}
	}
	return buckets, nil
}
