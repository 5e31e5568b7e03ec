package pool

import (
	"slices"
	"strings"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

// CanRead reports whether a client may see an attribute. A client without a
// list sees everything but what only developers see (user-pools.md, section 5).
func (c *Client) CanRead(name string) bool {
	if name == "sub" {
		return true
	}
	if c.Settings.ReadAttributes == nil {
		return !strings.HasPrefix(name, "dev:")
	}
	return slices.Contains(c.Settings.ReadAttributes, name)
}

// CanWrite reports whether users may set an attribute through a client. What
// says that something was verified is never theirs to write.
func (c *Client) CanWrite(name string) bool {
	switch name {
	case "sub", "email_verified", "phone_number_verified", "identities":
		return false
	}
	if strings.HasPrefix(name, "dev:") {
		return false
	}
	if c.Settings.WriteAttributes == nil {
		return true
	}
	return slices.Contains(c.Settings.WriteAttributes, name)
}

// CheckWrite refuses attributes that users may not write through the client.
func (c *Client) CheckWrite(attributes []store.Attribute) error {
	for _, a := range attributes {
		if !c.CanWrite(a.Name) {
			return &cognitoidp.NotAuthorizedException{Message: "A client attempted to write unauthorized attribute"}
		}
	}
	return nil
}
