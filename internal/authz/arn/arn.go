package arn

import (
	"fmt"
	"strings"
)

// ARN is an Amazon Resource Name, split. The resource part is kept whole: it
// may hold more colons, and slashes.
type ARN struct {
	Partition string // "aws"
	Service   string // "s3"
	Region    string // empty for global resources
	Account   string // 12 digits, empty for S3 buckets and objects, "aws" for managed policies
	Resource  string
}

// Parse splits s at its first five colons. It asks for the form alone, the
// prefix "arn:" and six parts of which partition, service and resource are not
// empty; whether the service knows such a resource is the caller's business.
func Parse(s string) (ARN, error) {
	a, ok := Split(s)
	switch {
	case !ok:
		return ARN{}, fmt.Errorf("arn %.100q: not of the form arn:partition:service:region:account:resource", s)
	case a.Partition == "" || a.Service == "" || a.Resource == "":
		return ARN{}, fmt.Errorf("arn %.100q: partition, service or resource is empty", s)
	}
	return a, nil
}

// Split is Parse without an opinion: any text of the form arn:…:…:…:…:… comes
// apart, whatever its parts hold.
func Split(s string) (ARN, bool) {
	rest, ok := strings.CutPrefix(s, "arn:")
	if !ok {
		return ARN{}, false
	}
	var a ARN
	for _, part := range [...]*string{&a.Partition, &a.Service, &a.Region, &a.Account} {
		i := strings.IndexByte(rest, ':')
		if i < 0 {
			return ARN{}, false
		}
		*part, rest = rest[:i], rest[i+1:]
	}
	a.Resource = rest
	return a, true
}

// String joins the parts again.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}
